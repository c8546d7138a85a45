"""What ended runs have left on the platform, found by the marks of this installation and released; all else is left alone."""

from pathlib import Path
from typing import Any

import pytest

from nemo_provider.cleanup import left_by_runs
from nemo_provider.errors import NemoConfigurationError, NemoUnavailableError
from nemo_provider.hooks.nemo import NemoHook
from nemo_provider.identity import INSTALLATION, is_of_run, run_of
from nemo_provider.operators.cleanup import NemoReapOperator
from tests.nemo_provider.conftest import StartPlatform
from tests.nemo_provider.support import (
    TaskInstance,
    Tenant,
    customizable,
    customization,
    deployment,
    deployment_status,
    statuses,
    until,
)

SLOW = 60.0


class Airflow(TaskInstance):
    """A task instance of an Airflow that knows these runs of `a_dag` with their states."""

    def __init__(self, **runs: str) -> None:
        super().__init__("reap", "hourly")
        self.runs = runs

    def get_dr_count(self, dag_id: str, run_ids: list[str], states: list[str]) -> int:
        assert dag_id == "a_dag"
        return sum(self.runs.get(run_id) in states for run_id in run_ids)


@pytest.fixture
def named(monkeypatch: pytest.MonkeyPatch) -> Any:
    def name(installation: str) -> None:
        monkeypatch.setenv("AIRFLOW__NEMO__INSTALLATION", installation)

    name("here")
    return name


@pytest.fixture
def slow(start_platform: StartPlatform, named: Any) -> Tenant:
    return start_platform(job_start=SLOW)


def busy(platform: Tenant, tmp_path: Path) -> None:
    """Let run `a_run` of this installation train and deploy."""
    ti = {"ti": TaskInstance()}
    customization(platform, customizable(platform, tmp_path)).execute(ti)
    deployment(platform).execute(ti)


def reap(platform: Tenant, airflow: Airflow) -> dict[str, list[str]]:
    task = NemoReapOperator(
        task_id="reap", namespace=platform.namespace, poll_interval=0.02, base_url=platform.nemo_url
    )
    return task.execute({"ti": airflow})


@pytest.mark.parametrize("runs", [{"a_run": "failed"}, {"a_run": "success"}, {}])
def test_what_a_run_left_is_released_when_it_has_ended_or_is_gone(
    slow: Tenant, tmp_path: Path, runs: dict[str, str]
) -> None:
    busy(slow, tmp_path)
    released = reap(slow, Airflow(**runs))
    assert len(released["cancelled"]) == len(released["deleted"]) == 1
    until(lambda: statuses(slow) == ["cancelled"])
    assert deployment_status(slow) is None
    assert reap(slow, Airflow(**runs)) == {"cancelled": [], "deleted": []}


@pytest.mark.parametrize("state", ["running", "queued"])
def test_what_a_live_run_has_is_left_alone(slow: Tenant, tmp_path: Path, state: str) -> None:
    busy(slow, tmp_path)
    assert reap(slow, Airflow(a_run=state)) == {"cancelled": [], "deleted": []}
    assert statuses(slow) != ["cancelled"]
    assert deployment_status(slow) is not None


def test_what_another_installation_has_is_left_alone_though_its_run_has_the_same_name(
    slow: Tenant, tmp_path: Path, named: Any
) -> None:
    named("elsewhere")
    busy(slow, tmp_path)
    named("here")
    assert reap(slow, Airflow(a_run="failed")) == {"cancelled": [], "deleted": []}
    assert deployment_status(slow) is not None


def test_what_bears_no_installation_is_left_alone(slow: Tenant, tmp_path: Path, named: Any) -> None:
    named("")
    busy(slow, tmp_path)
    named("here")
    assert reap(slow, Airflow()) == {"cancelled": [], "deleted": []}
    assert deployment_status(slow) is not None


def test_an_airflow_without_a_name_reaps_nothing_and_says_what_to_set(
    slow: Tenant, tmp_path: Path, named: Any
) -> None:
    busy(slow, tmp_path)
    named("")
    with pytest.raises(NemoConfigurationError, match="AIRFLOW__NEMO__INSTALLATION"):
        reap(slow, Airflow())
    assert deployment_status(slow) is not None


def test_a_run_that_is_cleared_meanwhile_is_waited_for_no_longer(
    start_platform: StartPlatform, tmp_path: Path, named: Any
) -> None:
    class Cleared(Airflow):
        """The run lives again after it was looked at once."""

        asked = 0

        def get_dr_count(self, dag_id: str, run_ids: list[str], states: list[str]) -> int:
            self.asked += 1
            return int(self.asked > 1)

    lingering = start_platform(teardown=SLOW)
    deployment(lingering).execute({"ti": TaskInstance()})
    airflow = Cleared()
    assert len(reap(lingering, airflow)["deleted"]) == 1
    assert airflow.asked == 2


def test_a_platform_that_does_not_answer_is_asked_again_by_a_retry(slow: Tenant, named: Any) -> None:
    task = NemoReapOperator(task_id="reap", namespace=slow.namespace, base_url="http://127.0.0.1:9")
    with pytest.raises(NemoUnavailableError, match="of runs that have ended may still hold GPUs"):
        task.execute({"ti": Airflow()})


def test_all_of_a_run_is_found_under_its_name(slow: Tenant, tmp_path: Path) -> None:
    busy(slow, tmp_path)
    hook = NemoHook(base_url=slow.nemo_url)
    [(run, left)] = left_by_runs(hook, slow.namespace, "here").items()
    assert run == ("a_dag", "a_run")
    assert len(left.jobs) == len(left.deployments) == 1
    assert left_by_runs(hook, slow.namespace, "elsewhere") == {}


@pytest.mark.parametrize("fields", [None, {}, {"airflow_dag_id": "d"}, {INSTALLATION: "here"}, "text"])
def test_a_thing_without_a_whole_mark_is_no_runs(fields: Any) -> None:
    assert run_of({"custom_fields": fields}, "here") is None


def test_a_run_of_the_same_name_in_another_installation_is_another_run() -> None:
    mine = {"airflow_dag_id": "d", "airflow_run_id": "r", INSTALLATION: "here"}
    assert is_of_run({"custom_fields": mine}, "d", "r", "here")
    assert not is_of_run({"custom_fields": mine}, "d", "r", "elsewhere")
    # From before installations had names, or asked by one without.
    assert is_of_run({"custom_fields": {**mine, INSTALLATION: None}}, "d", "r", "here")
    assert is_of_run({"custom_fields": mine}, "d", "r")
