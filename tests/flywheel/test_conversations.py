from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np

from include.flywheel.conversations import conversation_keys, given_key, origin_of
from tests.flywheel.conftest import Build, Curate
from tests.flywheel.samples import read_rows, record, tool_record


def asked(*messages: tuple[str, str], conversation: Any = None) -> dict[str, Any]:
    request: dict[str, Any] = {"messages": [{"role": role, "content": text} for role, text in messages]}
    if conversation is not None:
        request["metadata"] = {"conversation_id": conversation}
    return request


def test_turns_of_a_conversation_are_known_by_their_opening() -> None:
    first = asked(("system", "v1"), ("user", "hello, order 7"))
    later = asked(
        ("system", "v2, of another day"),
        ("user", "hello, order 7"),
        ("assistant", "yes?"),
        ("user", "cancel it"),
    )
    other = asked(("user", "hello, order 8"))
    assert origin_of(first) == origin_of(later) != origin_of(other)


def test_prompts_without_a_user_are_told_apart_by_what_they_have() -> None:
    one, other = asked(("system", "Translate: dog")), asked(("system", "Translate: cat"))
    assert origin_of(one) != origin_of(other)
    begun = asked(("system", "Talk."), ("assistant", "Hello!"))
    later = asked(("system", "Talk."), ("assistant", "Hello!"), ("tool", "x"))
    assert origin_of(begun) == origin_of(later)


def test_a_logged_conversation_id_is_read() -> None:
    assert origin_of(asked(("user", "hi"), conversation="c-1")).given == "c-1"
    assert origin_of(asked(("user", "hi"), conversation=17)).given == "17"
    for nothing in ("", True, None, ["c"]):
        assert origin_of(asked(("user", "hi"), conversation=nothing)).given is None
    assert origin_of({**asked(("user", "hi")), "metadata": None}).given is None


def keys(*origins: tuple[int, int]) -> list[int]:
    """Return the conversations of records by (given id or 0, opening)."""
    given, opening = np.array(origins, dtype=np.uint64).T
    return conversation_keys(given, opening).tolist()


def test_ids_tell_conversations_apart_that_open_alike() -> None:
    assert keys((1, 70), (2, 70), (1, 80)) == [1, 2, 1]
    assert given_key("1") != given_key("2")


def test_a_turn_without_an_id_binds_what_opened_like_it_in_any_order() -> None:
    origins = [(2, 70), (0, 70), (1, 70), (2, 80), (3, 90), (0, 95)]
    for order in permutations(origins):
        found = dict(zip(order, keys(*order), strict=True))
        assert [found[origin] for origin in origins] == [1, 1, 1, 1, 3, 95]


def test_a_conversation_of_which_one_turn_lacks_the_id_stays_on_one_side(
    tmp_path: Path, built: Build
) -> None:
    records = [tool_record(f"c{c}", turn) for c in range(60) for turn in range(3)]
    for each in records[::3]:
        each["request"].pop("metadata")
    built(records)
    questions = {
        r["request"]["messages"][1]["content"] for r in read_rows(tmp_path / "dataset/testing/eval.jsonl")
    }
    learned = {r["messages"][1]["content"] for r in read_rows(tmp_path / "dataset/training/train.jsonl")}
    assert questions
    assert not questions & learned


def test_the_index_names_the_conversation_of_every_record(tmp_path: Path, curated: Curate) -> None:
    summary = curated([tool_record("c", 0), tool_record("c", 1), tool_record("d", 0)])
    names = [row["conversation"] for row in read_rows(tmp_path / "curated/index.jsonl")]
    assert (summary.conversations, names[0], len(set(names))) == (2, names[1], 2)


def test_system_prompts_alone_are_as_many_conversations(curated: Curate) -> None:
    prompts = [
        record(
            None, [{"role": "system", "content": f"Rate item {i}."}], {"role": "assistant", "content": "5"}
        )
        for i in range(5)
    ]
    assert curated(prompts).conversations == 5
