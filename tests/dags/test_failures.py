"""Why a task failed is told to the tasks after it."""

from pathlib import Path
from types import SimpleNamespace

from flywheel_tasks.failures import note_failure, noted_failure


def test_the_reason_of_a_mapped_task_is_noted_under_the_name_that_airflow_gives_its_state(
    tmp_path: Path,
) -> None:
    run = {"folder": str(tmp_path)}
    for map_index in (-1, 2):
        ti = SimpleNamespace(task_id="export_part", map_index=map_index, xcom_pull=lambda task_ids: run)
        note_failure({"ti": ti, "exception": ValueError(f"of {map_index}")})
    assert noted_failure(run, "export_part") == "of -1"
    assert noted_failure(run, "export_part_2") == "of 2"
