"""Every shape in which a chat completion is logged gives the same record, or one reason why it gives none."""

import json
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.flywheel.chat import Unusable, answer_of, messages_of, tools_of
from include.flywheel.rejections import REASONS
from include.flywheel.shapes import plain_request, plain_response
from include.flywheel.usable import RecordReader
from tests.flywheel.samples import TOOLS, text_record, tool_record

CHUNK = "chat.completion.chunk"


def call(name: str, arguments: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "arguments": arguments}}


def chunk(delta: dict[str, Any], finish_reason: str | None = None, index: int = 0) -> dict[str, Any]:
    choice = {"index": index, "delta": delta, "finish_reason": finish_reason}
    return {"id": "r", "object": CHUNK, "model": "prod", "choices": [choice]}


def events(chunks: list[Any]) -> str:
    return "".join(f"data: {json.dumps(c, ensure_ascii=False)}\n\n" for c in chunks) + "data: [DONE]\n\n"


def answer(response: Any) -> dict[str, Any]:
    return answer_of(plain_response(response), parse_arguments=True).message


def reason(response: Any, **request: Any) -> str:
    record = text_record("c", "q", "a", **request) | {"response": response}
    with pytest.raises(Unusable) as verdict:
        RecordReader(parse_arguments=True).read(record)
    return verdict.value.reason


STREAM = [
    chunk({"role": "assistant", "content": ""}),
    chunk({"content": "Good "}),
    chunk({"content": "not learned"}, index=1),
    chunk({"reasoning_content": "hm", "content": None}),
    chunk({"content": "day\u2028ü"}),
    chunk({}, "stop"),
    {"id": "r", "object": CHUNK, "choices": [], "usage": {"total_tokens": 7}},
]

FORMS: dict[str, Callable[[list[Any]], Any]] = {
    "list": lambda chunks: chunks,
    "dict": lambda chunks: {"chunks": chunks},
    "events": events,
    "events with other line breaks": lambda chunks: ": hello\r\n" + events(chunks).replace("\n", "\r\n"),
    "list of events": lambda chunks: [events([c]) for c in chunks],
    "list of texts": lambda chunks: [json.dumps(c) for c in chunks],
    "text of a list": json.dumps,
}


@pytest.mark.parametrize("form", FORMS)
def test_a_stream_is_put_together_from_all_forms_of_its_chunks(form: str) -> None:
    response = plain_response(FORMS[form](STREAM))
    assert answer(response) == {"role": "assistant", "content": "Good day\u2028ü"}
    assert response["usage"] == {"total_tokens": 7}
    assert response["object"] == "chat.completion"
    assert response["choices"][0]["finish_reason"] == "stop"


def test_calls_of_a_stream_are_put_together_by_their_index() -> None:
    parts = [
        [{"index": 0, "id": "a", "type": "function", "function": {"name": "get_", "arguments": ""}}],
        [{"index": 1, "id": "b", "type": "function", "function": {"name": "find_user", "arguments": '{"n"'}}],
        [{"index": 0, "function": {"name": "order", "arguments": '{"a": '}}],
        [{"index": 1, "function": {"arguments": ": 2}"}}, {"index": 0, "function": {"arguments": "1}"}}],
    ]
    stream = [chunk({"tool_calls": part}) for part in parts] + [chunk({}, "tool_calls")]
    assert answer(stream)["tool_calls"] == [call("get_order", {"a": 1}), call("find_user", {"n": 2})]


def test_calls_of_a_stream_without_indexes_are_told_by_their_ids() -> None:
    parts = [
        {"id": "a", "function": {"name": "get_order", "arguments": '{"a":'}},
        {"function": {"arguments": "1}"}},
        {"id": "b", "function": {"name": "find_user", "arguments": {"n": 2}}},
    ]
    stream = [chunk({"tool_calls": [part]}) for part in parts] + [chunk({}, "tool_calls")]
    assert answer(stream)["tool_calls"] == [call("get_order", {"a": 1}), call("find_user", {"n": 2})]


def test_a_function_call_that_was_streamed_is_a_tool_call() -> None:
    stream = [
        chunk({"function_call": {"name": "get_order", "arguments": ""}}),
        chunk({"function_call": {"arguments": '{"a": 1}'}}),
        chunk({}, "function_call"),
    ]
    assert answer(stream)["tool_calls"] == [call("get_order", {"a": 1})]


@pytest.mark.parametrize(
    "response",
    [
        STREAM[:-2],
        events(STREAM[:2]),
        events(STREAM)[:150],
        STREAM[1],
        [*STREAM, None],
        [{"error": {"message": "overloaded"}}, chunk({"content": "a"})],
    ],
)
def test_a_stream_that_did_not_end_is_set_aside_as_such(response: Any) -> None:
    assert reason(response) == "incomplete_stream"


def test_an_answer_that_was_refused_is_set_aside_as_such() -> None:
    refused = {"role": "assistant", "content": None, "refusal": "I can't help with that."}
    part = {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]}
    for message in (refused, part):
        assert reason({"choices": [{"finish_reason": "stop", "message": message}]}) == "refusal"
    assert reason([chunk({"refusal": "I "}), chunk({"refusal": "can't"}), chunk({}, "stop")]) == "refusal"


@pytest.mark.parametrize("part", [{"type": "image_url", "image_url": {"url": "u"}}, {"type": "input_audio"}])
def test_a_prompt_with_more_than_text_is_set_aside_as_such(part: dict[str, Any]) -> None:
    messages = [{"role": "user", "content": [{"type": "text", "text": "What is it?"}, part]}]
    record = text_record("c", "q", "a")
    record["request"]["messages"] = messages
    with pytest.raises(Unusable, match="not_text"):
        RecordReader(parse_arguments=True).read(record)


def test_request_and_response_that_are_logged_as_texts_are_the_same_record() -> None:
    record = tool_record("c", 2)
    texts = record | {key: json.dumps(record[key]) for key in ("request", "response")}
    once, plain = (RecordReader(parse_arguments=True).read(logged) for logged in (texts, record))
    assert once.row == plain.row
    assert orjson.dumps(once.entry) == orjson.dumps(plain.entry)
    twice = record | {"request": json.dumps(json.dumps(record["request"]))}
    with pytest.raises(Unusable, match="malformed_request"):
        RecordReader(parse_arguments=True).read(twice)


def test_functions_of_the_old_api_become_tools() -> None:
    functions = [tool["function"] for tool in TOOLS]
    messages = [
        {"role": "user", "content": "Where is it?"},
        {"role": "assistant", "content": None, "function_call": {"name": "get_order", "arguments": "{}"}},
        {"role": "function", "name": "get_order", "content": "lost"},
    ]
    logged = {"messages": messages, "functions": functions, "function_call": {"name": "find_user"}}
    before = json.dumps(logged)
    request = plain_request(logged)
    assert tools_of(request) == TOOLS
    assert request["tool_choice"] == {"type": "function", "function": {"name": "find_user"}}
    _, asked, result = messages_of(request)
    assert asked["tool_calls"] == [{"id": "call_1", **call("get_order", "{}")}]
    assert result == {"role": "tool", "name": "get_order", "content": "lost", "tool_call_id": "call_1"}
    assert not {"functions", "function_call"} & {*request, *asked}
    assert json.dumps(logged) == before
    called = {"content": None, "function_call": {"name": "find_user", "arguments": {"a": 1}}}
    assert answer({"choices": [{"message": called}]})["tool_calls"] == [call("find_user", {"a": 1})]


@pytest.mark.parametrize(
    ("logged", "meant"),
    [
        ("auto", "auto"),
        ("required", "required"),
        (call("f", "x"), call("f", "x")),
        ({"type": "function", "name": "f"}, {"type": "function", "function": {"name": "f"}}),
        ({"type": "allowed_tools", "name": "x"}, {"type": "allowed_tools", "name": "x"}),
        (None, None),
    ],
)
def test_all_forms_of_a_tool_choice_are_understood(logged: Any, meant: Any) -> None:
    assert plain_request({"messages": [], "tool_choice": logged})["tool_choice"] == meant


def test_what_has_the_shape_of_the_api_is_not_copied() -> None:
    record = tool_record("c", 2)
    record["request"]["messages"][0]["function_call"] = None
    assert plain_request(record["request"]) is record["request"]
    assert plain_response(record["response"]) is record["response"]


def test_of_several_choices_the_one_with_index_0_is_learned() -> None:
    choices = [{"index": i, "message": {"role": "assistant", "content": f"a{i}"}} for i in (1, 0, 2)]
    assert answer({"choices": choices})["content"] == "a0"


def test_calls_at_the_same_time_keep_their_order() -> None:
    calls = [call("b", {}), call("a", "{}"), call("b", {"x": 1})]
    learned = answer_of({"choices": [{"message": {"tool_calls": calls}}]}, parse_arguments=True)
    assert learned.tools == ["b", "a", "b"]


#: The same examples on every machine, however slow it is.
STEADY = settings(deadline=None, derandomize=True, max_examples=100)

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


def places(value: Any) -> list[list[Any]]:
    """Return the paths of keys to everything in a JSON value, itself first."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [[], *([key, *path] for key, inside in inner for path in places(inside))]


def replaced(value: Any, path: list[Any], new: Any) -> Any:
    """Return a copy of a JSON value with something else at this path."""
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = replaced(value[path[0]], path[1:], new)
    return copy


OLD = {"messages": [{"role": "function", "content": "c"}, {"role": "user", "function_call": {"name": "f"}}]}
WHOLE = [
    tool_record("c", 1),
    text_record("c", "q", "a", functions=[{"name": "f"}], function_call={"name": "f"}),
    tool_record("c", 1) | {"request": OLD, "response": [chunk({"tool_calls": [call("f", "{}")]}, "stop")]},
    tool_record("c", 1) | {"response": {"chunks": [chunk({"function_call": {"name": "f"}}, "stop")]}},
    tool_record("c", 1) | {"response": "data: {}"},
]
WORDS = st.sampled_from(
    ["user", "assistant", "function", "stop", "data: {}", "data: [1]", "[[]]", "{}", {}, []]
)
ALTERED = st.sampled_from(WHOLE).flatmap(
    lambda whole: st.builds(replaced, st.just(whole), st.sampled_from(places(whole)[1:]), WORDS | JSON)
)


@STEADY
@given(record=ALTERED, parse_arguments=st.booleans())
def test_whatever_is_logged_is_kept_or_has_a_reason(record: Any, parse_arguments: bool) -> None:
    try:
        logged = orjson.loads(json.dumps(record))
    except orjson.JSONDecodeError:
        logged = None
    try:
        RecordReader(parse_arguments=parse_arguments).read(logged)
        reason = None
    except Unusable as verdict:
        reason = verdict.reason
    assert reason is None or reason in REASONS


@st.composite
def streamed(draw: st.DrawFn) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return a message and chunks that say the same, cut at random places."""

    def cut(text: str) -> list[str]:
        places = sorted(draw(st.lists(st.integers(0, len(text)), max_size=4)))
        return [text[a:b] for a, b in zip([0, *places], [*places, len(text)], strict=True)]

    content = draw(TEXT)
    calls = draw(
        st.lists(
            st.tuples(st.text("abc_", min_size=1), st.dictionaries(TEXT, TEXT | st.integers(0, 9))),
            max_size=3,
        )
    )
    deltas: list[dict[str, Any]] = [{"content": piece} for piece in cut(content)]
    made = []
    for index, (name, arguments) in enumerate(calls):
        made.append(call(name, json.dumps(arguments)))
        deltas += [{"tool_calls": [{"index": index, "function": {"name": piece}}]} for piece in cut(name)] + [
            {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}
            for piece in cut(json.dumps(arguments))
        ]
    message = {"role": "assistant", "content": content, "tool_calls": made}
    return message, [*(chunk(delta) for delta in deltas), chunk({}, "stop")]


@STEADY
@given(said=streamed(), form=st.sampled_from(sorted(FORMS)), parse_arguments=st.booleans())
def test_an_answer_cut_into_chunks_is_the_same_answer(
    said: tuple[dict[str, Any], list[Any]], form: str, parse_arguments: bool
) -> None:
    message, chunks = said

    def learned(response: Any) -> Any:
        try:
            return answer_of(plain_response(response), parse_arguments=parse_arguments)
        except Unusable as verdict:
            return verdict.reason

    whole = {"choices": [{"index": 0, "finish_reason": "stop", "message": message}]}
    assert learned(FORMS[form](chunks)) == learned(whole)
