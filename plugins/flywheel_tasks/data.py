"""The way of the records: exported, curated, built into datasets."""

from __future__ import annotations

from typing import Any

from airflow.sdk import task

from flywheel_tasks.run import Run, run_folder
from flywheel_tasks.settings import flywheel_config, storage_path


@task
def export_logs(run: Run) -> dict[str, Any]:
    """Copy the workload's records of the window into the run's folder."""
    from include.flywheel.export import export_logs
    from include.flywheel.logs.files import FileLogs
    from include.flywheel.records import parse_window

    summary = export_logs(
        FileLogs(storage_path(run["logs"])),
        client_id=run["client_id"],
        workload_id=run["workload_id"],
        window=parse_window(run["window_start"], run["window_end"]),
        folder=run_folder(run) / "export",
    )
    return summary.model_dump(mode="json")


@task
def curate_records(run: Run, exported: dict[str, Any]) -> dict[str, Any]:
    """Keep the usable records, set the others aside with a reason each."""
    from include.flywheel.curate import curate

    config, folder = flywheel_config(), run_folder(run)
    workload_type = config.evaluation_config.workload_type
    summary = curate(
        folder / "export", folder / "curated", split=config.data_split_config, workload_type=workload_type
    )
    return summary.model_dump(mode="json")


@task
def build_datasets(run: Run, curated: dict[str, Any]) -> dict[str, Any]:
    """Split by conversation and write each side's file."""
    from include.flywheel.datasets import build_datasets

    folder = run_folder(run)
    summary = build_datasets(
        folder / "curated",
        folder / "dataset",
        config=flywheel_config(),
        client_id=run["client_id"],
        workload_id=run["workload_id"],
        workload_type=curated["workload_type"],
    )
    return summary.model_dump(mode="json")


@task(multiple_outputs=True)
def add_examples(run: Run, split: dict[str, Any]) -> dict[str, Any]:
    """Write the prompts with examples, and name the dataset. Adds `local_files`: where each file is → its path."""
    from flywheel_tasks.embedding import text_vectors, token_counter
    from include.flywheel.datasets import SplitSummary
    from include.flywheel.icl_files import add_examples

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
