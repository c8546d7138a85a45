"""The commands' client of Airflow's API, against a server that answers as Airflow does."""

from datetime import UTC, datetime, timedelta

import pytest

from commands.airflow_api import AirflowApi, AirflowRefusedError, AirflowSilentError
from tests.commands.conftest import Airflow

START = datetime(2026, 11, 25, 12, tzinfo=UTC)


def test_an_expired_token_is_renewed_and_the_call_made(airflow: Airflow, api: AirflowApi) -> None:
    airflow.answers["/api/v2/dags/flywheel/dagRuns"] = (200, {})
    airflow.token = "token-2"
    api.trigger("flywheel", "r", {})
    assert airflow.calls == ["POST /api/v2/dags/flywheel/dagRuns"]


def test_a_refusal_differs_from_a_failure_that_may_have_done_it(airflow: Airflow, api: AirflowApi) -> None:
    path = "/api/v2/dags/flywheel/dagRuns"
    airflow.answers[path] = (400, {"detail": "'x' is not of type 'array'"})
    with pytest.raises(AirflowRefusedError, match="not of type"):
        api.trigger("flywheel", "r", {})
    airflow.answers[path] = (500, {"detail": "database is locked"})
    with pytest.raises(AirflowSilentError, match="locked"):
        api.trigger("flywheel", "r", {})


def test_a_dag_counts_as_read_once_this_start_has_read_it(airflow: Airflow, api: AirflowApi) -> None:
    assert not api.dag_is_read("flywheel", since=START)
    for read, expected in [(None, False), ("2026-11-25T11:59:59Z", False), ("2026-11-25T12:00:01.5Z", True)]:
        airflow.answers["/api/v2/dags/flywheel"] = (200, {"last_parsed_time": read})
        assert api.dag_is_read("flywheel", since=START) is expected


def test_an_error_of_an_earlier_start_is_not_this_ones(airflow: Airflow, api: AirflowApi) -> None:
    moments = [START - timedelta(days=1), START + timedelta(seconds=1)]
    errors = [{"timestamp": m.isoformat(), "filename": f"{m.day}.py", "stack_trace": "…"} for m in moments]
    airflow.answers["/api/v2/importErrors"] = (200, {"import_errors": errors})
    assert [error["filename"] for error in api.import_errors(since=START)] == ["25.py"]


def test_unfinished_runs_of_all_dags_are_named(airflow: Airflow, api: AirflowApi) -> None:
    runs = [{"dag_id": "a", "dag_run_id": "r1"}, {"dag_id": "b", "dag_run_id": "r2"}]
    airflow.answers["/api/v2/dags/~/dagRuns"] = (200, {"dag_runs": runs})
    assert api.unfinished_runs() == [("a", "r1"), ("b", "r2")]
