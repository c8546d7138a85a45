import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from include.flywheel.conflicts import conflicts_of
from include.flywheel.contamination import ContaminationCheck, Trained, check_contamination
from include.flywheel.errors import NotEnoughRecordsError, RecordError
from include.flywheel.near import Told
from include.flywheel.registry import EvalSet
from tests.flywheel.conftest import Build, Curate
from tests.flywheel.samples import TOOLS, read_rows, record, text_record, tool_record
from tests.flywheel.test_similarity import changed, text


def log(conversations: range, turns: int = 4) -> list[dict[str, Any]]:
    return [tool_record(f"c{c}", turn) for c in conversations for turn in range(turns)]


def asked(folder: Path, kind: str = "testing/eval.jsonl") -> list[str]:
    """Return which conversations are in a file of a dataset."""
    key = "request" if kind.startswith("testing") else None
    rows = [row[key] if key else row for row in read_rows(folder / kind)]
    return [row["messages"][1]["content"] for row in rows]


def test_what_was_evaluated_once_is_never_trained_on_again(tmp_path: Path, built: Build) -> None:
    evaluated: set[str] = set()
    for night in range(6):
        folder = f"night-{night}"
        # Overlapping windows of growing size: the share of the eval side changes on the way.
        built(log(range(night * 10, 60 + night * 40)), folder=folder, run=folder, eval_size=24)
        trained = set(asked(tmp_path / folder, "training/train.jsonl"))
        trained |= set(asked(tmp_path / folder, "validation/validation.jsonl"))
        assert trained
        evaluated |= set(asked(tmp_path / folder))
        assert not trained & evaluated


def test_another_seed_does_not_train_on_what_was_evaluated(tmp_path: Path, built: Build) -> None:
    built(log(range(60)), run="one", eval_size=24)
    before = set(asked(tmp_path / "dataset"))
    summary = built(log(range(60)), run="two", eval_size=24, random_seed=5)
    assert summary.set_aside["evaluated_before"] > 0
    assert not set(asked(tmp_path / "dataset", "training/train.jsonl")) & before
    assert summary.examples["evaluated_before"][0].startswith("logs.jsonl:")
    found = json.loads((tmp_path / "curated/rejections.json").read_text())
    assert found["kept"] == summary.train + summary.validation + summary.eval
    assert found["reasons"]["evaluated_before"]["count"] == summary.set_aside["evaluated_before"]


def test_a_retry_of_a_run_makes_the_same_dataset(built: Build) -> None:
    first = built(log(range(60)), eval_size=24)
    assert built(log(range(60)), eval_size=24) == first
    assert built(log(range(60)), eval_size=24, run="another").name == first.name


def test_the_golden_set_stays_when_a_day_is_added(tmp_path: Path, built: Build) -> None:
    first = built(log(range(60)), run="one", folder="one", eval_size=24)
    golden = {row["record_id"] for row in read_rows(tmp_path / "one/testing/eval.jsonl")}
    assert (first.golden, first.eval, first.eval_rows) == (24, 24, 24)
    later = built(log(range(30, 130)), run="two", folder="two", eval_size=24)
    rows = read_rows(tmp_path / "two/testing/eval.jsonl")
    assert {row["record_id"] for row in rows if "golden" in row["sets"]} == golden
    assert sum("rolling" in row["sets"] for row in rows) == later.eval == 24
    assert len(rows) == later.eval_rows == len({row["record_id"] for row in rows})
    assert later.golden == 24
    assert later.eval_rows > 24


def test_a_golden_set_is_of_one_form_of_arguments(tmp_path: Path, built: Build) -> None:
    built(log(range(60)), run="one", eval_size=24)
    other = built(log(range(60)), run="two", eval_size=24, parse_function_arguments=False)
    assert other.eval_rows == other.golden == 24


def test_without_a_golden_set_only_the_window_is_evaluated(tmp_path: Path, built: Build) -> None:
    summary = built(log(range(60)), eval_size=24, golden=False)
    assert summary.golden == 0
    assert {tuple(row["sets"]) for row in read_rows(tmp_path / "dataset/testing/eval.jsonl")} == {
        ("rolling",)
    }


def test_a_damaged_golden_set_is_not_replaced_silently(tmp_path: Path, built: Build) -> None:
    built(log(range(60)), run="one", eval_size=24)
    (file,) = (tmp_path / "history/golden").glob("*/eval.jsonl")
    file.write_text('{"half')
    with pytest.raises(RecordError, match="Restore it"):
        built(log(range(60)), run="two", eval_size=24)


@pytest.mark.parametrize(
    "content", ["{", '{"format_version": 3}', '{"conversations": ["xyz"], "prompts": [], "signatures": ""}']
)
def test_an_eval_set_that_cannot_be_read_stops_the_run(tmp_path: Path, built: Build, content: str) -> None:
    built(log(range(60)), run="one", eval_size=24)
    (tmp_path / "history/eval-sets/one.json").write_text(content)
    with pytest.raises(RecordError, match="must never be trained on"):
        built(log(range(60)), run="two", eval_size=24)


@pytest.mark.parametrize("tools", [1, 2])
def test_a_prompt_that_is_evaluated_is_not_trained_on_whatever_tools_were_offered(
    tmp_path: Path, built: Build, tools: int
) -> None:
    # Text answers: no candidate is shown the tools, so the messages are all that there is.
    records = [
        text_record(f"c{i}", f"question {i % 40}", f"answer {i}", tools=TOOLS[: 1 + i // 40 % tools])
        for i in range(80)
    ]
    summary = built(records, near_duplicate_similarity=None)
    assert summary.set_aside["prompt_in_eval"] > 0
    assert not trained_questions(tmp_path) & evaluated_questions(tmp_path)


def test_prompts_of_an_eval_set_from_before_are_known_by_messages_and_tools(
    tmp_path: Path, built: Build
) -> None:
    records = [text_record(f"c{i}", f"question {i}", f"answer {i}", tools=TOOLS) for i in range(60)]
    built(records, run="one", near_duplicate_similarity=None)
    before = evaluated_questions(tmp_path)
    index = {row["said"]: row["prompt"] for row in read_rows(tmp_path / "curated/index.jsonl")}
    path = tmp_path / "history/eval-sets/one.json"
    written = json.loads(path.read_text())
    assert written["format_version"] == 2
    old = {
        "format_version": 1,
        "conversations": [],
        "signatures": "",
        "prompts": [index[p] for p in written["prompts"]],
    }
    path.write_text(json.dumps(old))
    built(records, run="two", near_duplicate_similarity=None, random_seed=5, golden=False)
    assert before - evaluated_questions(tmp_path)
    assert not trained_questions(tmp_path) & before


def chat(conversation: str, *said: str) -> list[dict[str, Any]]:
    """Return the records of a conversation: a user's words and the answer to them, turn by turn."""
    messages: list[dict[str, Any]] = []
    records = []
    for words in said:
        answer = {"role": "assistant", "content": f"Answer to {words}"}
        messages = [*messages, {"role": "user", "content": words}]
        records.append(record(conversation, messages, answer))
        messages = [*messages, dict(answer)]
    return records


def test_a_greeting_that_other_conversations_go_on_from_is_not_evaluated_and_costs_no_training(
    tmp_path: Path, built: Build
) -> None:
    records = [
        r
        for i in range(60)
        for r in chat(f"c{i}", "Hi", f"My order {i} is late", f"It was a lamp, number {i}")
    ]
    summary = built(records, near_duplicate_similarity=None, eval_size=12)
    evaluated = [row["request"]["messages"] for row in read_rows(tmp_path / "dataset/testing/eval.jsonl")]
    assert {len(messages) for messages in evaluated} == {3, 5}
    assert len(evaluated) == summary.eval == 12
    assert "prompt_in_eval" not in summary.set_aside
    assert summary.train + summary.validation > 100


def test_a_conversation_that_goes_on_from_an_evaluated_prompt_is_not_trained_on(
    tmp_path: Path, built: Build
) -> None:
    built(
        [r for i in range(60) for r in chat(f"c{i}", f"My order {i} is late")],
        run="one",
        near_duplicate_similarity=None,
    )
    before = evaluated_questions(tmp_path)
    later = [
        r for i in range(60) for r in chat(f"d{i}", f"My order {i} is late", f"It was a lamp, number {i}")
    ]
    summary = built(later, run="two", near_duplicate_similarity=None, golden=False, random_seed=7)
    assert summary.set_aside["prompt_in_eval"] == 2 * len(before - evaluated_questions(tmp_path)) > 0
    assert not trained_questions(tmp_path) & before


def test_an_eval_side_of_which_nothing_can_be_evaluated_is_an_error(built: Build) -> None:
    records = [r for i in range(60) for r in chat(f"c{i}", "Hi", "Where is it?")]
    for number, each in enumerate(records):
        # With the same answers they would be duplicates.
        each["response"]["choices"][0]["message"]["content"] += f" {number}"
    with pytest.raises(NotEnoughRecordsError, match="go on from the same prompts"):
        built(records, near_duplicate_similarity=None)


def evaluated_questions(folder: Path) -> set[str]:
    rows = read_rows(folder / "dataset/testing/eval.jsonl")
    return {row["request"]["messages"][0]["content"] for row in rows}


def trained_questions(folder: Path) -> set[str]:
    files = ("training/train", "validation/validation")
    rows = [row for file in files for row in read_rows(folder / f"dataset/{file}.jsonl")]
    return {row["messages"][0]["content"] for row in rows}


def test_what_is_nearly_evaluated_is_not_trained_on(tmp_path: Path, built: Build) -> None:
    built([text_record(f"c{i}", text(i), f"answer {i}") for i in range(60)], run="one")
    records = [text_record(f"d{i}", changed(text(i), 2), f"answer {i}") for i in range(60)]
    summary = built(records, run="two", random_seed=5, golden=False)
    assert summary.set_aside["near_eval"] > 0
    evaluated = {
        row["response"]["choices"][0]["message"]["content"]
        for row in read_rows(tmp_path / "dataset/testing/eval.jsonl")
    }
    trained = {row["messages"][-1]["content"] for row in read_rows(tmp_path / "dataset/training/train.jsonl")}
    assert len(trained) + summary.validation + summary.eval + sum(summary.set_aside.values()) == 60
    assert not trained & evaluated


def test_near_duplicates_are_set_aside_where_the_config_says_so(curated: Curate) -> None:
    records = [text_record(f"c{i}", text(i), f"answer {i}") for i in range(40)]
    records.append(text_record("again", changed(text(3), 1), "answer 3"))
    assert curated(records).set_aside == {"near_duplicate": 1}
    assert curated(records, near_duplicate_similarity=None).set_aside == {}


def test_rejections_add_up_and_say_where_not_what(tmp_path: Path, curated: Curate) -> None:
    secret = text_record("c", "my secret question", "")
    summary = curated([*log(range(5)), *log(range(1)), secret])
    written = (tmp_path / "curated/rejections.json").read_text()
    found = json.loads(written)
    assert (found["exported"], found["kept"]) == (25, 20)
    assert {name: (each["count"], each["share"]) for name, each in found["reasons"].items()} == {
        "no_answer": (1, 0.04), "duplicate": (4, 0.16)
    }  # fmt: skip
    assert found["reasons"]["no_answer"]["examples"] == ["logs.jsonl:25"]
    assert found["reasons"]["duplicate"]["examples"] == [f"logs.jsonl:{line}" for line in range(21, 25)]
    assert "secret" not in written
    assert summary.examples == {name: each["examples"] for name, each in found["reasons"].items()}


def test_conflicting_answers_bound_what_can_be_reached(curated: Curate) -> None:
    records = [text_record(f"c{i}", "the same", f"answer {i}") for i in range(3)]
    records += [text_record(f"d{i}", f"question {i}", "yes") for i in range(7)]
    found = curated(records).conflicts
    assert (found.prompts, found.records, found.ceiling) == (1, 3, 0.8)


def test_the_ceiling_is_that_of_the_most_frequent_answers() -> None:
    prompts = np.array([1, 1, 1, 2, 2, 3], dtype=np.uint64)
    answers = np.array([7, 7, 8, 9, 9, 7], dtype=np.uint64)
    found = conflicts_of(prompts, answers)
    assert (found.prompts, found.records, found.ceiling) == (1, 3, 5 / 6)
    assert conflicts_of(prompts[:0], answers[:0]).ceiling == 1


def test_contamination_fails_the_run() -> None:
    told = Told.of(np.random.default_rng(0).integers(0, 2**32, (50, 64), dtype=np.uint32))
    trained = Trained(
        np.arange(40, dtype=np.uint64),
        np.arange(100, 180, dtype=np.uint64).reshape(40, 2),
        told.part(slice(42)),
        np.arange(40),
    )

    def check(conversation: int, prompt: int, says: int) -> ContaminationCheck:
        keys = (np.array([key], dtype=np.uint64) for key in (conversation, prompt))
        that = told.part(slice(says, says + 1))
        return check_contamination(trained, EvalSet(*keys, that.signatures), that, 0.85)

    assert check(50, 250, 41).near_conversations == 0
    with pytest.raises(RecordError, match=r"shares 1 conversation\(s\) and 0 prompt"):
        check(5, 250, 41)
    with pytest.raises(RecordError, match=r"shares 0 conversation\(s\) and 1 prompt"):
        check(50, 105, 41)
    with pytest.raises(RecordError, match="1 of its conversations say nearly the same"):
        check(50, 250, 5)
    # The window has it, but it is not trained on.
    assert check(50, 250, 40).near_conversations == 0


def test_when_nothing_is_left_to_train_on_the_numbers_are_said(tmp_path: Path, built: Build) -> None:
    tried: list[int] = []

    def build_all_seeds() -> None:
        for seed in range(20):
            tried.append(seed)
            built(log(range(4)), run=f"run-{seed}", eval_size=8, val_ratio=0, random_seed=seed)

    with pytest.raises(NotEnoughRecordsError, match=r"none of 16 kept records .* evaluated_before"):
        build_all_seeds()
    # The run that failed evaluated nothing.
    assert len(list((tmp_path / "history/eval-sets").iterdir())) == len(tried) - 1
