import copy
import json
from pathlib import Path
from typing import Any

import pytest

from include.flywheel.chat import answer_of, text_of, with_argument_objects, with_argument_texts
from include.flywheel.errors import NotEnoughRecordsError
from tests.flywheel.conftest import Curate
from tests.flywheel.samples import TOOLS, read_rows, record, text_record, tool_record

USER = [{"role": "user", "content": "hi"}]


def called(name: Any, arguments: Any, **call: Any) -> dict[str, Any]:
    function = {"name": name, "arguments": arguments}
    return {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"type": "function", "function": function, **call}],
    }


def nested(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(levels):
        value = {"a": value}
    return value


def test_every_record_is_kept_or_set_aside_for_one_reason(curated: Curate) -> None:
    good = [tool_record("c", turn) for turn in range(12)]
    bad = {
        "malformed_request": [
            {**good[0], "request": None},
            {**good[0], "request": {"messages": []}},
            {**good[0], "request": {"messages": ["hi"]}},
            {**good[0], "request": {"messages": [{"content": "no role"}]}},
            {**good[0], "request": {"messages": [{"role": "user", "content": 7}]}},
            {**good[0], "request": {"messages": [{"role": "wizard", "content": "hi"}]}},
            {**good[0], "request": {"messages": [{"role": ["user"], "content": "hi"}]}},
            {**good[0], "request": {"messages": [{"role": "user", "content": [1, None]}]}},
            {**good[0], "request": {"messages": [*USER, {"role": "assistant", "tool_calls": 5}]}},
            {**good[0], "request": {"messages": [*USER, {"role": "assistant", "tool_calls": [{"id": 1}]}]}},
        ],
        "malformed_tools": [
            record("mt", USER, called("f", {}), tools=tools)  # type: ignore[arg-type]
            for tools in (
                5,
                True,
                "f",
                {"f": 1},
                [5],
                [None],
                [{"function": None}],
                [{"function": {"name": 1}}],
            )
        ],
        "too_deep": [
            record("td", USER, called("f", nested(400)), tools=TOOLS),
            record("td", USER, called("f", json.dumps(nested(400))), tools=TOOLS),
            record(
                "td", USER, called("f", {}), tools=[{"function": {"name": "f", "parameters": nested(400)}}]
            ),
            record("td", USER, called("f", {}), tools=TOOLS, extra_body=nested(400)),
            record("td", [{"role": "user", "content": [nested(400)]}], called("f", {}), tools=TOOLS),
        ],
        "not_json": [
            '{"client_id": "acme", "workload_id": "support", "timestamp": 1759276800, "request": {"x": NaN}}'
        ],
        "number_too_large": [
            record("nl", USER, called("f", '{"id": 123456789012345678901234567890}'), tools=TOOLS),
            record("nl", USER, called("f", {"ids": [2**64]}), tools=TOOLS),
        ],
        "bad_timestamp": [tool_record("t", 1) | {"timestamp": "soon"}],
        "no_answer": [
            {**good[0], "response": None},
            {**good[0], "response": {"choices": []}},
            {**good[0], "response": {"choices": [{}]}},
            text_record("e", "q", "  "),
        ],
        "truncated_answer": [text_record("l", "q", "half an ans", finish_reason="length")],
        "malformed_tool_call": [
            record("m", USER, {"role": "assistant", "tool_calls": ["call"]}, tools=TOOLS),
            record("m", USER, called("", {}), tools=TOOLS),
            record("m", USER, {"role": "assistant", "tool_calls": {"a": 1}}, tools=TOOLS),
        ],
        "bad_tool_arguments": [
            record("b", USER, called("f", "{not json"), tools=TOOLS),
            record("b", USER, called("f", "[1]"), tools=TOOLS),
            record("b", USER, called("f", 3), tools=TOOLS),
        ],
        "no_tools_offered": [record("n", USER, called("f", {}))],
        "answer_in_prompt": [
            # As a logger writes it that keeps one growing list of messages: ids and form may differ.
            record("p", [*USER, called("f", '{"a": 1}', id="x")], called("f", {"a": 1}), tools=TOOLS),
            text_record("q", "q", "a")
            | {"request": {"messages": [*USER, {"role": "assistant", "content": "a"}]}},
        ],
        "duplicate": [good[3], good[3]],
        "not_a_tool_call": [text_record("x", "q", "some text")],
    }
    summary = curated([*good, *(r for records in bad.values() for r in records)])
    assert summary.set_aside == {reason: len(records) for reason, records in bad.items()}
    assert summary.kept == 12
    assert summary.kept + sum(summary.set_aside.values()) == summary.exported
    assert summary.examples["bad_timestamp"] == [f"logs.jsonl:{12 + 10 + 8 + 5 + 1 + 2 + 1}"]


def test_a_prompt_that_ends_with_another_answer_of_the_model_is_kept(curated: Curate) -> None:
    begun = [*USER, {"role": "assistant", "content": "The answer is"}]
    assert (
        curated([record("p", begun, {"role": "assistant", "content": "42"}), text_record("q", "q", "a")]).kept
        == 2
    )


def test_consecutive_tool_calls_that_share_their_user_messages_are_all_kept(curated: Curate) -> None:
    assert curated([tool_record("c", turn) for turn in range(8)]).kept == 8


def test_equal_records_differ_only_in_random_ids_and_are_duplicates(curated: Curate) -> None:
    first, second, other = tool_record("c", 1), tool_record("c", 1), tool_record("c", 1)
    second["response"]["choices"][0]["message"]["tool_calls"][0]["id"] = "another random id"
    second["response"]["id"], second["timestamp"] = "r2", second["timestamp"] + 60
    other["request"]["tool_choice"] = "required"
    summary = curated([first, second, other])
    assert (summary.kept, summary.set_aside) == (2, {"duplicate": 1})


def test_the_same_question_with_another_answer_is_no_duplicate(curated: Curate) -> None:
    assert curated([text_record("a", "q", "one"), text_record("b", "q", "two")]).kept == 2


def test_tools_with_many_parameters_are_no_reason_to_refuse_a_record(curated: Curate) -> None:
    properties = {f"p{i}": {"type": "string"} for i in range(30)}
    wide = [{"type": "function", "function": {"name": "get_order", "parameters": {"properties": properties}}}]
    records = [tool_record("c", turn) for turn in range(4)]
    for each in records:
        each["request"]["tools"] = wide
    assert curated(records).kept == 4


def test_a_tool_that_the_request_does_not_declare_is_kept(curated: Curate) -> None:
    assert curated([tool_record("c", 0, tool="undeclared"), tool_record("c", 1)]).kept == 2


def test_arguments_become_objects_in_answers_and_in_the_history(tmp_path: Path, curated: Curate) -> None:
    as_object = record("d", USER, called("f", {"a": 1}), tools=TOOLS)
    empty = record("e", USER, called("f", ""), tools=TOOLS)
    curated([tool_record("c", 1), as_object, empty])
    rows = read_rows(tmp_path / "exported/rows.jsonl.zst")
    calls = [row["messages"][-1]["tool_calls"][0]["function"] for row in rows]
    assert [call["arguments"] for call in calls] == [{"order": "c", "turn": 1}, {"a": 1}, {}]
    assert rows[0]["messages"][2]["tool_calls"][0]["function"]["arguments"] == {"step": 0}


def test_arguments_stay_text_when_the_configuration_says_so(tmp_path: Path, curated: Curate) -> None:
    curated(
        [tool_record("c", 1), record("d", USER, called("f", {"a": 1}), tools=TOOLS)],
        parse_function_arguments=False,
    )
    rows = read_rows(tmp_path / "exported/rows.jsonl.zst")
    texts = [row["messages"][-1]["tool_calls"][0]["function"]["arguments"] for row in rows]
    assert [json.loads(text) for text in texts] == [{"order": "c", "turn": 1}, {"a": 1}]


def test_parallel_tool_calls_stay_together(tmp_path: Path, curated: Curate) -> None:
    answer = called("f", {"a": 1})
    answer["tool_calls"] += called("g", {})["tool_calls"]
    summary = curated([record("p", USER, answer, tools=TOOLS)])
    assert summary.tools == {"f": 1}
    assert read_rows(tmp_path / "curated/index.jsonl")[0]["tools"] == ["f", "g"]


def test_a_workload_is_what_most_of_its_answers_are(curated: Curate) -> None:
    calls = [tool_record("c", turn) for turn in range(3)]
    texts = [text_record("t", f"q{i}", "a") for i in range(4)]
    generic = curated([*calls, *texts])
    assert (generic.workload_type, generic.set_aside) == ("generic", {"not_a_text_answer": 3})
    assert curated([*calls, *texts[:2]]).workload_type == "tool_calling"
    forced = curated([*calls, *texts], workload_type="tool_calling")
    assert (forced.kept, forced.set_aside) == (3, {"not_a_tool_call": 4})


def test_multi_part_content_is_read_as_its_text(tmp_path: Path, curated: Curate) -> None:
    parts = [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]
    messages = [{"role": "user", "content": parts}]
    curated([record("c", messages, {"role": "assistant", "content": [{"type": "text", "text": "three"}]})])
    row = read_rows(tmp_path / "exported/rows.jsonl.zst")[0]
    assert row["messages"] == [*messages, {"role": "assistant", "content": "three"}]
    assert text_of([parts[0], {"type": "image_url", "image_url": {}}, parts[1]]) == "one\ntwo"
    assert text_of(None) == ""


def test_a_limit_leaves_out_whole_conversations_and_says_so(tmp_path: Path, curated: Curate) -> None:
    records = [tool_record(f"c{c}", turn) for c in range(20) for turn in range(5)]
    summary = curated(records, limit=42)
    assert summary.kept == 40
    assert summary.set_aside == {"over_limit": 60}
    kept = [row["conversation"] for row in read_rows(tmp_path / "curated/index.jsonl")]
    assert {kept.count(name) for name in kept} == {5}


def test_a_limit_below_every_conversation_says_what_to_do(curated: Curate) -> None:
    with pytest.raises(NotEnoughRecordsError, match=r"over_limit 15.*data_split_config\.limit.*raise it"):
        curated([tool_record(f"c{c}", turn) for c in range(3) for turn in range(5)], limit=4, eval_size=3)


def test_numbers_of_64_bits_are_kept_as_they_are(tmp_path: Path, curated: Curate) -> None:
    curated([record("b", USER, called("f", {"a": 2**64 - 1, "b": -(2**63), "c": 1e18}), tools=TOOLS)])
    call = read_rows(tmp_path / "exported/rows.jsonl.zst")[0]["messages"][-1]["tool_calls"][0]
    assert call["function"]["arguments"] == {"a": 2**64 - 1, "b": -(2**63), "c": 1e18}


def test_no_limit_keeps_everything(curated: Curate) -> None:
    assert curated([text_record(f"c{i}", f"q{i}", "a") for i in range(50)], limit=None).kept == 50


def test_nothing_usable_is_an_error_with_the_counts(curated: Curate) -> None:
    with pytest.raises(
        NotEnoughRecordsError, match=r"none of 2 exported records .* no_answer 1, duplicate|no_answer 2"
    ):
        curated([text_record("a", "q", ""), text_record("b", "q", " ")])


def test_formatting_leaves_the_callers_objects_alone() -> None:
    logged = tool_record("c", 2)
    before = copy.deepcopy(logged)
    answer_of(logged["response"], parse_arguments=True)
    objects = with_argument_objects(logged["request"]["messages"])
    with_argument_texts(objects)
    assert logged == before
    assert with_argument_objects(with_argument_texts(objects)) == objects
