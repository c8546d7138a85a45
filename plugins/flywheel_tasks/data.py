"""The way of the records: exported, curated, built into datasets."""

from __future__ import annotations

from typing import Any

from airflow.sdk import task

from flywheel_tasks.run import Run, history_folder, run_folder
from flywheel_tasks.settings import flywheel_config, storage_path


@task
def export_logs(run: Run) -> dict[str, Any]:
    """Read the workload's records of the window into the run's folder."""
    from include.flywheel.export import export_logs
    from include.flywheel.logs.files import FileLogs
    from include.flywheel.records import parse_window

    summary = export_logs(
        FileLogs(storage_path(run["logs"])),
        client_id=run["client_id"],
        workload_id=run["workload_id"],
        window=parse_window(run["window_start"], run["window_end"]),
        folder=run_folder(run) / "export",
        parse_arguments=flywheel_config().data_split_config.parse_function_arguments,
        privacy=flywheel_config().privacy,
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
    """Write the prompts with examples, and name the dataset. Adds `local_files`: where each file is → its path."""
    from flywheel_tasks.embedding import text_vectors, token_counter
    from include.flywheel.icl_files import add_examples
    from include.flywheel.manifest import SplitSummary

    folder = run_folder(run) / "dataset"
    config = flywheel_config()
    summary = add_examples(
        folder,
        SplitSummary(**split),
        config=config,
        client_id=run["client_id"],
        workload_id=run["workload_id"],
        counter=token_counter(config),
        vectors=text_vectors(),
    )
    local_files = {str(folder / path): path for path in summary.files}
    return {**summary.model_dump(mode="json"), "local_files": local_files}
