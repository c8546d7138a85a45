import hashlib
import json
from pathlib import Path

import pytest

from include.flywheel.config import parse_config
from include.flywheel.curate import kept_rows
from include.flywheel.datasets import build_datasets
from include.flywheel.errors import NotEnoughRecordsError, RecordError
from include.flywheel.icl_files import add_examples, icl_file
from include.flywheel.jsonl import read_lines
from include.flywheel.manifest import SplitSummary
from include.flywheel.training_rows import TrainingRows
from tests.flywheel.conftest import Build, Curate, build_all
from tests.flywheel.samples import (
    CLIENT,
    DAY_ONE,
    WORKLOAD,
    config,
    read_rows,
    record,
    text_record,
    tool_record,
)

NAMES = ("find_user", "get_order", "cancel_order")


def tool_log(conversations: int = 40, turns: int = 4) -> list[dict[str, object]]:
    return [
        tool_record(f"c{c}", turn, tool=NAMES[(c + turn) % 3])
        for c in range(conversations)
        for turn in range(turns)
    ]


def test_split_keeps_a_conversation_on_one_side(tmp_path: Path, built: Build) -> None:
    summary = built(tool_log(), eval_size=20)
    assert (summary.eval, summary.validation) == (20, 12)
    assert summary.train + summary.set_aside.get("held_out", 0) == 128
    sides = {
        "eval": {
            r["request"]["messages"][1]["content"] for r in read_rows(tmp_path / "dataset/testing/eval.jsonl")
        },
        "train": {r["messages"][1]["content"] for r in read_rows(tmp_path / "dataset/training/train.jsonl")},
        "validation": {
            r["messages"][1]["content"] for r in read_rows(tmp_path / "dataset/validation/validation.jsonl")
        },
    }
    assert sum(len(side) for side in sides.values()) == len(set().union(*sides.values()))
    assert {side: len(found) for side, found in sides.items()} == summary.conversations


def test_conversations_without_ids_stay_on_one_side_too(tmp_path: Path, built: Build) -> None:
    records = tool_log()
    for each in records:
        each["request"].pop("metadata")  # type: ignore[attr-defined]
    built(records, eval_size=20)
    asked = {
        r["request"]["messages"][1]["content"] for r in read_rows(tmp_path / "dataset/testing/eval.jsonl")
    }
    learned = {r["messages"][1]["content"] for r in read_rows(tmp_path / "dataset/training/train.jsonl")}
    assert len(asked) == 5
    assert not asked & learned


def test_an_eval_row_is_the_logged_record_with_arguments_as_objects(tmp_path: Path, built: Build) -> None:
    logged = tool_log()
    by_question = {(json.dumps(r["request"]["messages"], sort_keys=True)): r for r in logged}  # type: ignore[index]
    built(logged, eval_size=20)
    for row in read_rows(tmp_path / "dataset/testing/eval.jsonl"):
        was = by_question[json.dumps(_spaced(row["request"]["messages"]), sort_keys=True)]
        assert {k: v for k, v in row["request"].items() if k != "messages"} == {
            k: v
            for k, v in was["request"].items()
            if k != "messages"  # type: ignore[attr-defined]
        }
        function = row["response"]["choices"][0]["message"]["tool_calls"][0]["function"]
        assert isinstance(function["arguments"], dict)
        assert row["response"]["choices"][0]["finish_reason"] == "stop"
        assert row["timestamp"] == was["timestamp"]
        assert (row["workload_id"], row["client_id"]) == (WORKLOAD, CLIENT)
        assert row["conversation_id"] == was["request"]["metadata"]["conversation_id"]  # type: ignore[index]
        assert len(row["record_id"]) == 32


def test_what_is_nested_just_not_too_deeply_fits_into_every_row(tmp_path: Path, built: Build) -> None:
    records = []
    for levels in range(236, 256):
        part: dict[str, object] = {"type": "text", "text": "q"}
        for _ in range(levels):
            part = {"type": "text", "x": part}
        for copy in range(6):
            messages = [{"role": "user", "content": [{"type": "text", "text": f"{levels} {copy}"}, part]}]
            records.append(record(f"c{levels}-{copy}", messages, {"role": "assistant", "content": "a"}))
    summary = built(records, eval_size=40)
    assert 0 < summary.train + summary.validation + summary.eval < len(records)
    assert len(read_rows(tmp_path / "dataset/testing/eval.jsonl")) == summary.eval <= 40


def test_the_first_eval_rows_are_a_sample_of_the_window_not_its_beginning(
    tmp_path: Path, built: Build
) -> None:
    records = [text_record(f"c{i}", f"q{i}", f"a{i}", timestamp=DAY_ONE + i) for i in range(400)]
    built(records, eval_size=100)
    times = [row["timestamp"] for row in read_rows(tmp_path / "dataset/testing/eval.jsonl")]
    assert min(times[:20]) < DAY_ONE + 100
    assert max(times[:20]) > DAY_ONE + 300
    built(list(reversed(records)), eval_size=100)
    assert [row["timestamp"] for row in read_rows(tmp_path / "dataset/testing/eval.jsonl")] == times


def _spaced(messages: list[dict[str, object]]) -> list[dict[str, object]]:
    """Write arguments as json.dumps does, as the hand-made logs have them."""
    for message in messages:
        for call in message.get("tool_calls", []):  # type: ignore[attr-defined]
            assert isinstance(call["function"]["arguments"], str)
            call["function"]["arguments"] = json.dumps(json.loads(call["function"]["arguments"]))
    return messages


def test_training_rows_end_with_the_answer_and_carry_the_tools(tmp_path: Path, built: Build) -> None:
    built(tool_log(), eval_size=20)
    for row in read_rows(tmp_path / "dataset/training/train.jsonl"):
        assert set(row) == {"messages", "tools"}
        assert row["messages"][-1]["role"] == "assistant"
        assert row["messages"][-1]["tool_calls"][0]["function"]["name"] in NAMES


def test_a_text_workload_trains_without_the_tools_that_it_is_evaluated_without(
    tmp_path: Path, built: Build
) -> None:
    records = [text_record(f"c{i}", f"question {i}", f"answer {i}") for i in range(40)]
    for each in records:
        each["request"]["tools"] = [{"type": "function", "function": {"name": "f"}}]
    built(records)
    assert {frozenset(row) for row in read_rows(tmp_path / "dataset/training/train.jsonl")} == {
        frozenset({"messages"})
    }
    assert all("tools" in row["request"] for row in read_rows(tmp_path / "dataset/testing/eval.jsonl"))


def test_the_same_records_and_settings_make_the_same_dataset(tmp_path: Path, built: Build) -> None:
    first, second = built(tool_log(), folder="one"), built(tool_log(), folder="two")
    assert first == second
    assert first.name.startswith("flywheel-support-")
    assert built(tool_log(), folder="seeded", random_seed=0).name != first.name
    assert built(tool_log(39), folder="fewer").name != first.name


def test_the_manifest_describes_every_file(tmp_path: Path, built: Build) -> None:
    summary = built(tool_log())
    manifest = json.loads((tmp_path / "dataset/manifest.json").read_text())
    assert manifest["format_version"] == 2
    assert manifest["name"] == summary.name
    assert set(manifest["files"]) == {
        "training/train.jsonl", "validation/validation.jsonl", "testing/eval.jsonl", icl_file(4096)
    }  # fmt: skip
    for path, entry in manifest["files"].items():
        data = (tmp_path / "dataset" / path).read_bytes()
        assert entry == {
            "rows": data.count(b"\n"),
            "bytes": len(data),
            "sha256": hashlib.sha256(data).hexdigest(),
        }


def test_a_single_tool_that_occurs_once_is_no_trouble(built: Build) -> None:
    records = [tool_record(f"c{i}", 0, tool="get_order") for i in range(30)]
    records.append(tool_record("rare", 0, tool="cancel_order"))
    summary = built(records)
    assert summary.train + summary.validation + summary.eval + summary.set_aside["held_out"] == 31


def test_many_tools_that_occur_once_are_no_trouble(built: Build) -> None:
    summary = built([tool_record(f"c{i}", 0, tool=f"tool_{i}") for i in range(30)])
    assert summary.eval == 10


def test_one_tool_only_is_no_trouble(built: Build) -> None:
    assert built([tool_record(f"c{i}", 0) for i in range(30)]).eval == 10


def test_one_context_file_is_made_for_each_context_length(tmp_path: Path, curated: Curate) -> None:
    curated(tool_log())
    nims = [{"model_name": f"m/{i}", "context_length": c} for i, c in enumerate((4096, 8192, 8192, 999999))]
    data = {"nims": nims, "data_split_config": {"eval_size": 10, "min_total_records": 0}}
    icl = {"max_context_length": 16384, "reserved_tokens": 512}
    settings = parse_config({**data, "icl_config": icl}, source="x")
    summary = build_all(tmp_path, "dataset", settings, "tool_calling")
    assert sorted(summary.icl) == [4096, 8192, 16384]
    assert {p.name for p in (tmp_path / "dataset/testing").iterdir()} == {
        "eval.jsonl", "icl-4096.jsonl", "icl-8192.jsonl", "icl-16384.jsonl"
    }  # fmt: skip


def test_too_few_records_leave_no_dataset_behind(tmp_path: Path, built: Build) -> None:
    with pytest.raises(NotEnoughRecordsError, match="160 records"):
        built(tool_log(), eval_size=160, limit=None)
    assert not (tmp_path / "dataset").exists()


def test_a_stage_without_its_predecessor_says_so(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="Run the stage that writes it first"):
        build_datasets(
            tmp_path / "exported",
            tmp_path / "curated",
            tmp_path / "dataset",
            config=config(),
            client_id=CLIENT,
            workload_id=WORKLOAD,
            workload_type="generic",
            history=tmp_path / "history",
            run="run-1",
        )


def test_examples_without_their_dataset_say_so(tmp_path: Path, built: Build) -> None:
    summary = built(tool_log())
    split = SplitSummary(**summary.model_dump(include=set(SplitSummary.model_fields)))
    (tmp_path / "dataset/training_index.jsonl").unlink()
    with pytest.raises(RecordError, match="Run the stage that writes it first"):
        add_examples(tmp_path / "dataset", split, config=config(), client_id=CLIENT, workload_id=WORKLOAD)


def test_every_training_row_is_found_again_by_the_index(tmp_path: Path, built: Build) -> None:
    built(tool_log())
    rows = TrainingRows(tmp_path / "dataset/training_index.jsonl", tmp_path / "dataset/training/train.jsonl")
    found = list(rows.read(range(len(rows))))
    assert [row for _, row in found] == read_rows(tmp_path / "dataset/training/train.jsonl")
    assert [row["messages"][-1]["tool_calls"][0]["function"]["name"] for _, row in found] == rows.tools


def test_the_index_of_training_rows_is_not_uploaded(tmp_path: Path, built: Build) -> None:
    summary = built(tool_log())
    assert (tmp_path / "dataset/training_index.jsonl").exists()
    assert all(path.split("/")[0] in ("training", "validation", "testing") for path in summary.files)


def test_an_export_from_before_its_rows_were_packed_is_built_and_a_later_one_takes_its_place(
    tmp_path: Path, curated: Curate, built: Build
) -> None:
    now = built(tool_log())
    packed = tmp_path / "exported/rows.jsonl.zst"
    plain = packed.with_suffix("")
    plain.write_bytes(b"".join(line + b"\n" for line in read_lines(packed)))
    packed.unlink()
    before = build_all(tmp_path, "again", config(), "tool_calling")
    assert before.files == now.files
    curated(tool_log(conversations=30))
    assert len(list(kept_rows(tmp_path / "exported", tmp_path / "curated"))) == 120
