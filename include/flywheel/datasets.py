"""Third stage: the records that are trained on, validated on and evaluated, each in its file."""

from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import orjson
from pydantic import BaseModel

from include.flywheel import curate as curation
from include.flywheel import training_rows
from include.flywheel.chat import with_argument_texts
from include.flywheel.config import FlywheelConfig
from include.flywheel.config_types import WorkloadType
from include.flywheel.jsonl import LineWriter, MixedLines, line_writer
from include.flywheel.manifest import FileSummary
from include.flywheel.split import Side, Split, split_conversations

#: The folders are those that the Customizer reads; `icl_files` adds files with examples to the last one.
FILES: dict[Side, str] = {
    "train": "training/train.jsonl",
    "validation": "validation/validation.jsonl",
    "eval": "testing/eval.jsonl",
}


class SplitSummary(BaseModel):
    """The files of a split; `files` is by path in the dataset, `conversations` by side."""

    workload_type: WorkloadType
    conversations: dict[Side, int]
    files: dict[str, FileSummary]


def build_datasets(
    curated: Path,
    folder: Path,
    *,
    config: FlywheelConfig,
    client_id: str,
    workload_id: str,
    workload_type: WorkloadType,
) -> SplitSummary:
    """Split the curated records and write each side's file below `folder`, and the index of the training rows.

    Rows of `training/` and `validation/` are `{"messages": [..., answer], "tools": [...]}`, tools only where
    candidates are shown them. Rows of `testing/` are `{"request", "response", "workload_id", "client_id",
    "timestamp", "conversation_id", "record_id"}`.

    Raises NotEnoughRecordsError with the numbers when the records cannot be split. Calling it again
    overwrites.
    """
    sizes = Counter(entry["conversation"] for entry in curation.index_entries(curated))
    split = split_conversations(sizes, config.data_split_config)
    origin = {"workload_id": workload_id, "client_id": client_id}
    with_tools = config.evaluation_config.shows_tools(workload_type)
    return SplitSummary(
        workload_type=workload_type,
        conversations=dict(Counter(split.side_of(conversation) for conversation in sizes)),
        files=_write_sides(curated, folder, split, origin, with_tools),
    )


def _write_sides(
    curated: Path, folder: Path, split: Split, origin: Mapping[str, str], with_tools: bool
) -> dict[str, FileSummary]:
    """Write train, validation and eval in one pass; only eval records are parsed.

    Training shows tools exactly when the evaluation does: otherwise the two prompts would differ. The eval records are
    mixed, the same way in every run: evaluations that are asked only the first of them are asked a sample, not the
    oldest.
    """
    with ExitStack() as stack:
        out: dict[Side, LineWriter] = {
            side: stack.enter_context(line_writer(folder / path, hashed=True)) for side, path in FILES.items()
        }
        index = stack.enter_context(line_writer(folder / training_rows.INDEX))
        mixed = stack.enter_context(MixedLines())
        for entry, row in curation.kept_rows(curated):
            side = split.side_of(entry["conversation"])
            if side == "eval":
                mixed.add(entry["id"], orjson.dumps({**eval_row(entry, orjson.loads(row)), **origin}))
                continue
            cut = entry["tools_at"] and not with_tools
            line = row[: entry["tools_at"]] + b"}" if cut else row
            if side == "train":
                at = out[side].bytes
                index.write(training_rows.index_line(entry["id"], entry["tools"], at, len(line)))
            out[side].write(line)
        for line in mixed:
            out["eval"].write(line)
    return {path: FileSummary.of(out[side]) for side, path in FILES.items()}


def eval_row(entry: Mapping[str, Any], row: Mapping[str, Any]) -> dict[str, Any]:
    """Put a logged record together again from its index row and its training row."""
    *prompt, answer = row["messages"]
    request = {**entry["request"], "messages": with_argument_texts(prompt)}
    if "tools" in row:
        request["tools"] = row["tools"]
    choice = {"index": 0, "finish_reason": entry["finish_reason"], "message": answer}
    return {
        "request": request,
        "response": {**entry["response"], "choices": [choice]},
        "timestamp": entry["timestamp"],
        "conversation_id": entry["conversation"],
        "record_id": entry["id"],
    }
