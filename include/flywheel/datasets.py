"""Third stage: the files that are uploaded, named by their content."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import orjson
from pydantic import BaseModel, Field

from include.flywheel import __version__
from include.flywheel import curate as curation
from include.flywheel.config import FlywheelConfig
from include.flywheel.config_types import WorkloadType, slug
from include.flywheel.contamination import ContaminationCheck, check_contamination
from include.flywheel.errors import NotEnoughRecordsError
from include.flywheel.golden import GoldenSet, golden_settings
from include.flywheel.icl import ExamplePool, IclPrompts
from include.flywheel.jsonl import line_writer, read_lines, write_json
from include.flywheel.registry import Registry, joined
from include.flywheel.rejections import REASONS, in_order
from include.flywheel.sides import Sides
from include.flywheel.sides_writer import FILES, FileSummary, SidesWriter, summary_of
from include.flywheel.split import Side

#: Raised when the meaning of the files changes.
FORMAT_VERSION = 2

MANIFEST = "manifest.json"

#: A repository name may have 96 characters together with its namespace.
_SLUG_LENGTH = 40


def icl_file(context: int) -> str:
    """Return the file of eval records with examples in the prompt, for a context of this many tokens."""
    return f"testing/icl-{context}.jsonl"


class DatasetSummary(BaseModel):
    """The dataset that was built; `files` is by path in the dataset, `icl` by context length in tokens.

    `eval` counts the records of the window's own eval set, `golden` those of the golden one, `eval_rows` the rows of the
    file, where a record of both stands once. `set_aside` counts what the curation kept and the split had to leave out, with
    `examples` of where it stands in the logs. `golden_since` is the window that the golden set is from.
    """

    name: str
    workload_type: WorkloadType
    train: int
    validation: int
    eval: int
    eval_rows: int
    golden: int = 0
    golden_since: str = ""
    set_aside: dict[str, int] = Field(default_factory=dict)
    examples: dict[str, list[str]] = Field(default_factory=dict)
    contamination: ContaminationCheck | None = None
    conversations: dict[Side, int]
    files: dict[str, FileSummary]
    icl: dict[int, dict[str, int]]


def build_datasets(
    exported: Path,
    curated: Path,
    folder: Path,
    *,
    config: FlywheelConfig,
    client_id: str,
    workload_id: str,
    workload_type: WorkloadType,
    history: Path,
    run: str,
    window: tuple[str, str] = ("", ""),
) -> DatasetSummary:
    """Split the curated records and write the files of the dataset below `folder`, with `manifest.json`.

    Rows of `training/` and `validation/` are `{"messages": [..., answer], "tools": [...]}`, tools only where
    candidates are shown them. Rows of `testing/` are `{"request", "response", "workload_id", "client_id",
    "timestamp", "conversation_id", "record_id", "sets"}`. The name ends with a hash of all files: same records and
    settings, same name. `history` is the workload's folder of what runs leave for later ones (`registry`), in which `run`
    names this one.

    Raises NotEnoughRecordsError with the numbers when the records cannot be split, RecordError when training and
    evaluation turn out to share something. Calling it again overwrites.
    """
    settings, registry = config.data_split_config, Registry(history)
    earlier = registry.evaluated(but_for=run)
    sides = Sides(curated, settings, earlier)
    registry.write_eval_set(run, sides.evaluated)
    pool = ExamplePool(settings.random_seed)
    for entry in curation.index_entries(curated):
        if sides.of(entry) == "train":
            pool.offer(entry["id"], entry["tools"])

    origin = {"workload_id": workload_id, "client_id": client_id}
    with_tools = config.evaluation_config.shows_tools(workload_type)
    golden = (
        GoldenSet(registry, golden_settings(config, workload_type), run, window) if settings.golden else None
    )
    writer = SidesWriter(folder, sides, pool, origin, with_tools)
    written = writer.write(curation.kept_rows(exported, curated), golden)
    if not written[FILES["train"]].rows:
        raise NotEnoughRecordsError(
            f"none of {sum(writer.counts.values())} kept records is left to train on: "
            + ", ".join(f"{name} {count}" for name, count in writer.counts.items())
            + ". Widen the window, or lower data_split_config.eval_size"
        )
    contamination = check_contamination(
        writer.trained(), joined([sides.evaluated, earlier]), settings.near_duplicate_similarity
    )
    icl = {}
    for context in config.icl_contexts():
        prompts = IclPrompts(context, config.icl_config, pool, with_tools)
        with line_writer(folder / icl_file(context), hashed=True) as out:
            for line in read_lines(folder / FILES["eval"]):
                out.write(orjson.dumps(prompts.with_examples(orjson.loads(line))))
        written[icl_file(context)] = summary_of(out)
        icl[context] = asdict(prompts.counts)

    left_out = {name: count for name, count in writer.counts.items() if name in REASONS}
    summary = DatasetSummary(
        name=dataset_name(workload_id, written),
        workload_type=workload_type,
        train=written[FILES["train"]].rows,
        validation=written[FILES["validation"]].rows,
        eval=writer.counts["eval"],
        eval_rows=written[FILES["eval"]].rows,
        golden=golden.records if golden else 0,
        golden_since=golden.since if golden else "",
        set_aside=in_order(left_out),
        examples=writer.examples,
        contamination=contamination,
        conversations=writer.conversations(),
        files=written,
        icl=icl,
    )
    manifest = {
        "format_version": FORMAT_VERSION,
        "code_version": __version__,
        **summary.model_dump(mode="json"),
        **origin,
        "window": {"start": window[0], "end": window[1]},
        "data_split_config": settings.model_dump(mode="json"),
        "icl_config": config.icl_config.model_dump(mode="json", exclude={"similarity_config"}),
    }
    write_json(folder / MANIFEST, manifest)
    return summary


def dataset_name(workload_id: str, files: Mapping[str, FileSummary]) -> str:
    """Return the repository name of a dataset: readable in front, a hash of all files behind."""
    content = "".join(f"{path} {files[path].sha256}\n" for path in sorted(files))
    identity = hashlib.sha256(f"{FORMAT_VERSION}\n{content}".encode()).hexdigest()
    return f"flywheel-{slug(workload_id)[:_SLUG_LENGTH].strip('-')}-{identity[:12]}"
