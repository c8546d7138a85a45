"""Third stage: the files that are uploaded, named by their content."""

import hashlib
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson
from pydantic import BaseModel

from include.flywheel import curate as curation
from include.flywheel.chat import with_argument_texts
from include.flywheel.config import FlywheelConfig
from include.flywheel.config_types import WorkloadType, slug
from include.flywheel.icl import Example, ExamplePool, IclPrompts
from include.flywheel.jsonl import LineWriter, MixedLines, line_writer, read_lines, write_json
from include.flywheel.privacy import PATTERNS_VERSION
from include.flywheel.privacy.metadata import nameless
from include.flywheel.split import Side, Split, split_conversations

#: Raised when the meaning of the files changes.
FORMAT_VERSION = 1

#: The folders are those that the Customizer reads; see also `icl_file`.
FILES: dict[Side, str] = {
    "train": "training/train.jsonl",
    "validation": "validation/validation.jsonl",
    "eval": "testing/eval.jsonl",
}
MANIFEST = "manifest.json"

#: A repository name may have 96 characters together with its namespace.
_SLUG_LENGTH = 40


def icl_file(context: int) -> str:
    """Return the file of eval records with examples in the prompt, for a context of this many tokens."""
    return f"testing/icl-{context}.jsonl"


class FileSummary(BaseModel):
    """One file of the dataset."""

    rows: int
    bytes: int
    sha256: str


class DatasetSummary(BaseModel):
    """The dataset that was built; `files` is by path in the dataset, `icl` by context length in tokens."""

    name: str
    workload_type: WorkloadType
    train: int
    validation: int
    eval: int
    conversations: dict[Side, int]
    files: dict[str, FileSummary]
    icl: dict[int, dict[str, int]]


def build_datasets(
    curated: Path,
    folder: Path,
    *,
    config: FlywheelConfig,
    client_id: str,
    workload_id: str,
    workload_type: WorkloadType,
) -> DatasetSummary:
    """Split the curated records and write the files of the dataset below `folder`, with `manifest.json`.

    Rows of `training/` and `validation/` are `{"messages": [..., answer], "tools": [...]}`, tools only where
    candidates are shown them. Rows of `testing/` are `{"request", "response", "workload_id", "client_id",
    "timestamp", "conversation_id", "record_id"}`. The name ends with a hash of all files: same records and settings,
    same name.

    Raises NotEnoughRecordsError with the numbers when the records cannot be split. Calling it again
    overwrites.
    """
    settings = config.data_split_config
    sizes = Counter(entry["conversation"] for entry in curation.index_entries(curated))
    split = split_conversations(sizes, settings)
    pool = ExamplePool(settings.random_seed)
    for entry in curation.index_entries(curated):
        if split.side_of(entry["conversation"]) == "train":
            pool.offer(entry["id"], entry["tools"])

    origin = {"workload_id": workload_id, "client_id": client_id}
    with_tools = config.evaluation_config.shows_tools(workload_type)
    private = config.privacy.mode == "replace"
    written = _write_sides(curated, folder, split, pool, origin, with_tools, private)
    icl = {}
    for context in config.icl_contexts():
        prompts = IclPrompts(context, config.icl_config, pool, with_tools)
        with line_writer(folder / icl_file(context), hashed=True) as out:
            for line in read_lines(folder / FILES["eval"]):
                out.write(orjson.dumps(prompts.with_examples(orjson.loads(line))))
            written[icl_file(context)] = FileSummary(rows=out.rows, bytes=out.bytes, sha256=out.sha256)
        icl[context] = asdict(prompts.counts)

    summary = DatasetSummary(
        name=dataset_name(workload_id, written),
        workload_type=workload_type,
        train=written[FILES["train"]].rows,
        validation=written[FILES["validation"]].rows,
        eval=written[FILES["eval"]].rows,
        conversations=dict(Counter(split.side_of(conversation) for conversation in sizes)),
        files=written,
        icl=icl,
    )
    manifest = {
        "format_version": FORMAT_VERSION,
        **summary.model_dump(mode="json"),
        **origin,
        "data_split_config": settings.model_dump(mode="json"),
        "privacy": {
            **config.privacy.model_dump(
                mode="json", exclude={"keep": True, "custom": {"__all__": {"pattern"}}}
            ),
            "patterns_version": PATTERNS_VERSION,
        },
        "icl_config": config.icl_config.model_dump(mode="json", exclude={"similarity_config"}),
    }
    write_json(folder / MANIFEST, manifest)
    return summary


def dataset_name(workload_id: str, files: Mapping[str, FileSummary]) -> str:
    """Return the repository name of a dataset: readable in front, a hash of all files behind."""
    content = "".join(f"{path} {files[path].sha256}\n" for path in sorted(files))
    identity = hashlib.sha256(f"{FORMAT_VERSION}\n{content}".encode()).hexdigest()
    return f"flywheel-{slug(workload_id)[:_SLUG_LENGTH].strip('-')}-{identity[:12]}"


def _write_sides(
    curated: Path,
    folder: Path,
    split: Split,
    pool: ExamplePool,
    origin: Mapping[str, str],
    with_tools: bool,
    private: bool,
) -> dict[str, FileSummary]:
    """Write train, validation and eval in one pass; only eval records and examples are parsed.

    Training shows tools exactly when the evaluation does: otherwise the two prompts would differ. The eval records are
    mixed, the same way in every run: evaluations that are asked only the first of them are asked a sample, not the
    oldest. `private` hides the names of conversations, which are logged.
    """
    chosen = pool.chosen()
    with ExitStack() as stack:
        out: dict[Side, LineWriter] = {
            side: stack.enter_context(line_writer(folder / path, hashed=True)) for side, path in FILES.items()
        }
        mixed = stack.enter_context(MixedLines())
        for entry, row in curation.kept_rows(curated):
            side = split.side_of(entry["conversation"])
            if side == "eval":
                if private:
                    entry["conversation"] = nameless(entry["conversation"])
                mixed.add(entry["id"], orjson.dumps({**eval_row(entry, orjson.loads(row)), **origin}))
                continue
            cut = entry["tools_at"] and not with_tools
            out[side].write(row[: entry["tools_at"]] + b"}" if cut else row)
            if entry["id"] in chosen:
                pool.add(Example.of(entry["id"], orjson.loads(row)["messages"]))
        for line in mixed:
            out["eval"].write(line)
    return {FILES[side]: FileSummary(rows=w.rows, bytes=w.bytes, sha256=w.sha256) for side, w in out.items()}


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
