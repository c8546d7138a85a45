"""Ending runs: by Airflow, and at the platform only where something can be there."""

from pathlib import Path

import pytest

from commands.airflow_api import AirflowApi
from commands.cancel import end_step
from commands.remote import RemoteWork
from commands.settings import LOCAL_CONFIG, read_config
from commands.slots import UNFINISHED, mark_unfinished
from commands.stack import Stack
from commands.up import say_what_is_unfinished
from include.flywheel.config_sections import NmpConfig
from tests.commands.conftest import Airflow

RUN = ("flywheel", "r")
RUN_PATH = "/api/v2/dags/flywheel/dagRuns/r"
#: Nobody listens there: whoever asks this platform is not certain of anything.
OUT_OF_REACH = NmpConfig(nemo_base_url="http://127.0.0.1:9")


def tell(airflow: Airflow, state: str, **tasks: str | None) -> None:
    """Have Airflow tell of a run in this state, with these tasks in theirs; None has not started."""
    instances = [
        {"task_id": f"candidate.{name}", "state": state, "start_date": state and "2026-11-25T12:00:00Z"}
        for name, state in tasks.items()
    ]
    airflow.answers[RUN_PATH] = (200, {"state": state})
    airflow.answers[f"{RUN_PATH}/taskInstances"] = (
        200,
        {"task_instances": instances, "total_entries": len(instances)},
    )
    for name in tasks:
        airflow.answers[f"{RUN_PATH}/taskInstances/candidate.{name}"] = (200, {})


def end(api: AirflowApi) -> bool:
    """Go one step; return whether the run has ended."""
    runs = [RUN]
    end_step(api, RemoteWork({}, OUT_OF_REACH), runs)
    return runs == []


def test_what_is_going_on_is_marked_failed_and_what_gives_gpus_back_is_left(
    airflow: Airflow, api: AirflowApi
) -> None:
    tell(airflow, "running", wait_customization="deferred", deploy="running", release=None, compare="queued")
    assert not end(api)
    marked = [call for call in airflow.calls if call.startswith("PATCH")]
    assert marked == [f"PATCH {RUN_PATH}/taskInstances/candidate.wait_customization"]


def test_a_platform_that_was_never_used_need_not_be_reached(airflow: Airflow, api: AirflowApi) -> None:
    tell(airflow, "failed", preflight="failed", submit_customization=None, deploy=None)
    assert end(api)
    tell(airflow, "failed", preflight="success", submit_customization="failed", deploy=None)
    assert not end(api), "an answer may have been lost: only the platform knows"


@pytest.fixture
def stack(airflow: Airflow, tmp_path: Path) -> Stack:
    stack = Stack(tmp_path, LOCAL_CONFIG, read_config("")[1])
    stack.url = airflow.url
    mark_unfinished(stack.folder, "", LOCAL_CONFIG)
    return stack


def test_stopping_names_unfinished_runs_and_what_becomes_of_them(
    airflow: Airflow, stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = [{"dag_id": "flywheel_support_desk", "dag_run_id": "manual__1"}]
    airflow.answers["/api/v2/dags/~/dagRuns"] = (200, {"dag_runs": runs})
    say_what_is_unfinished(stack)
    said = capsys.readouterr().err
    assert (
        "1 run(s) are unfinished: flywheel_support_desk manual__1. They wait; the next `make up` goes" in said
    )

    stack.config = stack.config.model_copy(update={"embedded_platform": None})
    say_what_is_unfinished(stack)
    assert "Their jobs go on at the platform (http://127.0.0.1:8100)" in capsys.readouterr().err
    assert (stack.folder / UNFINISHED).exists()


def test_stopping_with_nothing_unfinished_says_nothing(
    airflow: Airflow, stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    airflow.answers["/api/v2/dags/~/dagRuns"] = (200, {"dag_runs": []})
    say_what_is_unfinished(stack)
    assert capsys.readouterr().err == ""
    assert not (stack.folder / UNFINISHED).exists()
