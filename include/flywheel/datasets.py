"""Third stage: the records that are trained on, validated on and evaluated, each in its file."""

from pathlib import Path

from include.flywheel import curate as curation
from include.flywheel.config import FlywheelConfig
from include.flywheel.config_types import WorkloadType
from include.flywheel.contamination import check_contamination
from include.flywheel.errors import NotEnoughRecordsError
from include.flywheel.golden import GoldenSet, golden_settings
from include.flywheel.manifest import SplitSummary
from include.flywheel.registry import Registry, joined
from include.flywheel.rejections import REASONS, in_order
from include.flywheel.sides import Sides
from include.flywheel.sides_writer import FILES, SidesWriter
from include.flywheel.tool_limits import limit_training


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
) -> SplitSummary:
    """Split the curated records and write each side's file below `folder`, and the index of the training rows.

    Rows of `training/` and `validation/` are `{"messages": [..., answer], "tools": [...]}`, tools only where
    candidates are shown them. Rows of `testing/` are `{"request", "response", "workload_id", "client_id",
    "timestamp", "conversation_id", "record_id", "sets"}`. `history` is the workload's folder of what runs leave for later
    ones (`registry`), in which `run` names this one.

    Raises NotEnoughRecordsError with the numbers when the records cannot be split, RecordError when training and
    evaluation turn out to share something. Calling it again overwrites.
    """
    settings, registry = config.data_split_config, Registry(history)
    earlier = registry.evaluated(but_for=run)
    sides = Sides(curated, settings, earlier)
    golden = (
        GoldenSet(registry, golden_settings(config, workload_type), run, window) if settings.golden else None
    )
    writer = SidesWriter(
        folder,
        sides,
        origin={"workload_id": workload_id, "client_id": client_id},
        with_tools=config.evaluation_config.shows_tools(workload_type),
    )
    files = writer.write(curation.kept_rows(exported, curated), golden)
    if not writer.counts["train"]:
        raise NotEnoughRecordsError(
            f"none of {writer.counts.total()} kept records is left to train on: "
            + ", ".join(f"{name} {count}" for name, count in writer.counts.items())
            + ". Widen the window, or lower data_split_config.eval_size"
        )
    left_out = in_order({name: count for name, count in writer.counts.items() if name in REASONS})
    curation.add_rejections(curated, left_out, writer.examples)
    contamination = check_contamination(
        writer.trained(),
        joined([sides.evaluated, earlier]),
        sides.told_evaluated,
        settings.near_duplicate_similarity,
    )
    # Last: a run that fails evaluates nothing and begins nothing. Nothing is trained before this task has ended.
    registry.write_eval_set(run, sides.evaluated)
    if golden:
        golden.freeze(folder / FILES["eval"])
    return SplitSummary(
        workload_type=workload_type,
        window=window,
        train=writer.counts["train"],
        validation=writer.counts["validation"],
        eval=writer.counts["eval"],
        eval_rows=files[FILES["eval"]].rows,
        golden=golden.records if golden else 0,
        golden_since=golden.since if golden else "",
        set_aside=left_out,
        examples=writer.examples,
        contamination=contamination,
        conversations=writer.conversations(),
        files=files,
        limited=limit_training(folder, config.tool_limits(), workload_id),
    )
