"""Which window a run is about."""

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from airflow.sdk.api.datamodels._generated import DagRun

from flywheel_tasks.run import open_run, resolve_window
from include.flywheel.errors import FlywheelError

NO_WINDOW = {"window_start": None, "window_end": None}
START, END = datetime(2026, 11, 22, 2, tzinfo=UTC), datetime(2026, 11, 23, 2, tzinfo=UTC)


def test_parameters_come_before_the_interval() -> None:
    params = {"window_start": "2025-10-01T00:00:00Z", "window_end": "2025-10-02T00:00:00Z"}
    window = resolve_window(params, "scheduled", START, END)
    assert (window.start, window.end) == (
        datetime(2025, 10, 1, tzinfo=UTC),
        datetime(2025, 10, 2, tzinfo=UTC),
    )


@pytest.mark.parametrize("run_type", ["scheduled", "backfill"])
def test_a_run_for_an_interval_reads_that_interval(run_type: str, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("FLYWHEEL_ARTIFACTS", str(tmp_path))
    params = {**NO_WINDOW, "client_id": "acme", "workload_id": "support.desk", "logs": "/logs", "models": []}
    # As the task runner gets it from Airflow, whose run types are members of an enumeration.
    dag_run = DagRun.model_validate(
        {
            "dag_id": "flywheel",
            "run_id": f"{run_type}__{END.isoformat()}",
            "logical_date": START,
            "data_interval_start": START,
            "data_interval_end": END,
            "run_after": END,
            "run_type": run_type,
            "state": "running",
            "start_date": END,
            "end_date": None,
            "conf": {},
            "consumed_asset_events": [],
            "partition_key": None,
        }
    )
    run = open_run.function(params, dag_run, START, END)
    assert (run["window_start"], run["window_end"]) == (START.isoformat(), END.isoformat())


def test_runs_whose_ids_read_alike_keep_their_artifacts_apart(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("FLYWHEEL_ARTIFACTS", str(tmp_path))
    params = {**NO_WINDOW, "client_id": "acme", "workload_id": "w", "logs": "/logs", "models": []}
    runs = [
        SimpleNamespace(dag_id="d", run_id=run_id, run_type="manual") for run_id in ("a b", "a-b", "x" * 250)
    ]
    folders = [open_run.function(params, run, None, None)["folder"] for run in runs]
    assert len(set(folders)) == 3
    assert all(Path(folder).is_dir() for folder in folders)


def test_a_manual_run_without_a_window_reads_all_logs_whatever_interval_airflow_makes_up() -> None:
    window = resolve_window(NO_WINDOW, "manual", START, END)
    assert (window.start, window.end) == (None, None)


@pytest.mark.parametrize(("start", "end"), [(None, None), (START, START)])
def test_a_scheduled_run_without_an_interval_is_an_error_and_not_all_logs(start, end) -> None:
    with pytest.raises(FlywheelError, match="interval timetable"):
        resolve_window(NO_WINDOW, "scheduled", start, end)
