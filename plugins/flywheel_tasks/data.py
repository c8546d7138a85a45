"""The way of the records: exported, curated, built into datasets."""

from __future__ import annotations

from typing import Any, TypedDict

from airflow.sdk import task

from flywheel_tasks.logs import index_logs, log_source
from flywheel_tasks.run import Run, history_folder, run_folder
from flywheel_tasks.settings import flywheel_config, storage_path
from include.flywheel.records import parse_window


class Part(TypedDict):
    """One of the consecutive parts of an export: a slice of the window, or a span of logs in files; `number` counts from 1."""

    number: int
    of: int
    start: str | None
    end: str | None
    span: Any


@task
def plan_export(run: Run) -> list[Part]:
    """Cut the export into parts of about equally many records, for as many tasks.

    Of an index they are windows, as many as the config says; of files spans of about equally many bytes, one of small ones.
    """
    from include.flywheel.logs.files import FileLogs
    from include.flywheel.logs.place import index_place
    from include.flywheel.logs.spans import Span

    whole = parse_window(run["window_start"], run["window_end"])
    place, slices = index_place(run["logs"]), flywheel_config().elasticsearch_config.slices
    if place is None:
        pieces = [(whole, span) for span in FileLogs(storage_path(run["logs"])).spans()]
    elif slices > 1:
        windows = index_logs(place, whole).slices(run["client_id"], run["workload_id"], whole, slices)
        pieces = [(window, Span()) for window in windows]
    else:
        pieces = [(whole, Span())]
    return [
        Part(
            number=number,
            of=len(pieces),
            start=window.start.isoformat() if window.start else None,
            end=window.end.isoformat() if window.end else None,
            span=[list(cut) if cut else None for cut in span],
        )
        for number, (window, span) in enumerate(pieces, start=1)
    ]


@task
def export_part(run: Run, part: Part) -> dict[str, Any]:
    """Read the workload's records of one part into the run's folder."""
    from include.flywheel.export import export_part
    from include.flywheel.logs.spans import Cut, Span

    config = flywheel_config()
    span = Span(*(Cut(*cut) if cut else None for cut in part["span"]))
    summary = export_part(
        log_source(run["logs"], whole=parse_window(run["window_start"], run["window_end"]), span=span),
        client_id=run["client_id"],
        workload_id=run["workload_id"],
        window=parse_window(part["start"], part["end"]),
        folder=run_folder(run) / "export",
        part=part["number"],
        parts=part["of"],
        parse_arguments=config.data_split_config.parse_function_arguments,
        privacy=config.privacy,
    )
    return summary.model_dump(mode="json")


@task
def export_logs(run: Run, parts: Any) -> dict[str, Any]:
    """Sum up what the parts have exported. Fails when that is nothing."""
    from include.flywheel.export import ExportSummary, join_parts

    summary = join_parts(
        [ExportSummary(**part) for part in parts],
        client_id=run["client_id"],
        workload_id=run["workload_id"],
        window=parse_window(run["window_start"], run["window_end"]),
        folder=run_folder(run) / "export",
    )
    return summary.model_dump(mode="json")


@task
def curate_records(run: Run, exported: dict[str, Any]) -> dict[str, Any]:
    """Decide which usable records are kept; the others are set aside with a reason each."""
    from include.flywheel.curate import curate

    config, folder = flywheel_config(), run_folder(run)
    workload_type = config.evaluation_config.workload_type
    summary = curate(
        folder / "export",
        folder / "curated",
        split=config.data_split_config,
        workload_type=workload_type,
    )
    return summary.model_dump(mode="json")


@task
def measure_drift(run: Run, exported: dict[str, Any], curated: dict[str, Any]) -> dict[str, Any]:
    """Compare the window with earlier ones and keep its statistics for later ones. `curated` only comes first."""
    from include.flywheel.drift.measure import DRIFT_FILE, measure_drift

    folder = run_folder(run)
    drift = measure_drift(
        folder / "curated",
        client_id=run["client_id"],
        workload_id=run["workload_id"],
        start=exported["start"],
        end=exported["end"],
        history=history_folder(run),
        windows=flywheel_config().drift.windows,
        folder=folder,
    )
    return {"json": str(folder / DRIFT_FILE), "severity": drift.severity}


@task
def build_datasets(run: Run, exported: dict[str, Any], curated: dict[str, Any]) -> dict[str, Any]:
    """Split by conversation and write each side's file."""
    from include.flywheel.datasets import build_datasets

    folder = run_folder(run)
    summary = build_datasets(
        folder / "export",
        folder / "curated",
        folder / "dataset",
        config=flywheel_config(),
        client_id=run["client_id"],
        workload_id=run["workload_id"],
        workload_type=curated["workload_type"],
        history=history_folder(run),
        run=run["key"],
        window=(exported["start"], exported["end"]),
    )
    return summary.model_dump(mode="json")


@task(multiple_outputs=True)
def add_examples(run: Run, split: dict[str, Any]) -> dict[str, Any]:
    """Write the prompts with examples, and name the dataset.

    Adds `local_files`, where each file is → its path, and `embedding_drift`: the window's vectors compared with earlier
    ones while there is a model that has them; None without one.
    """
    from flywheel_tasks.embedding import example_search, sampled_vectors, token_counter
    from include.flywheel.drift.embedding import embedding_drift
    from include.flywheel.icl_files import add_examples
    from include.flywheel.manifest import SplitSummary

    folder = run_folder(run) / "dataset"
    config = flywheel_config()
    vectors = sampled_vectors(run_folder(run))
    summary = add_examples(
        folder,
        SplitSummary(**split),
        config=config,
        client_id=run["client_id"],
        workload_id=run["workload_id"],
        counter=token_counter(config),
        vectors=vectors,
        open_search=example_search(run["key"]),
    )
    local_files = {str(folder / path): path for path in summary.files}
    drift = None
    if vectors:
        start, end = summary.window
        drift = embedding_drift(
            vectors, start=start, end=end, history=history_folder(run), windows=config.drift.windows
        ).model_dump(mode="json")
    return {**summary.model_dump(mode="json"), "local_files": local_files, "embedding_drift": drift}
