"""What runs have on a platform that wants a token, seen and ended with the connection that Airflow has."""

import json
import os
import time
from collections.abc import Iterator
from threading import Event

import pytest

from commands.job_watch import JobWatch, percentage_on_loopback
from commands.remote import RemoteWork
from include.flywheel.config_sections import NmpConfig
from include.local_nemo.platform import Platform
from include.local_nemo.testing import running_platform, wait_until
from tests.nemo_provider.support import TaskInstance, Tenant, deployment, evaluation

NAMESPACE = "team"
#: Where no platform is: the Airflow connection comes first.
NMP = NmpConfig(nemo_base_url="http://127.0.0.1:9", nmp_namespace=NAMESPACE)


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    # The hook is made in the environment of Airflow's components, which becomes the command's own.
    monkeypatch.setattr(os, "environ", os.environ.copy())


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    with running_platform(bearer_token="right", evaluation_start=600, image_pull=600) as platform:
        yield platform


def connection(platform: Platform, token: str = "right", **extra: object) -> dict[str, str]:
    document = {"conn_type": "http", "host": platform.nemo_url, "password": token, "extra": extra}
    return {"AIRFLOW_CONN_NEMO_DEFAULT": json.dumps(document)}


def start_work(platform: Platform, run_id: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Start an evaluation and a deployment of a run; return the id of the evaluation."""
    monkeypatch.setenv("AIRFLOW_CONN_NEMO_DEFAULT", connection(platform)["AIRFLOW_CONN_NEMO_DEFAULT"])
    tenant = Tenant(platform, NAMESPACE)
    context = {"ti": TaskInstance(run_id=run_id)}
    deployment(tenant, name=run_id, deployment_key=run_id).execute(context)
    return str(evaluation(tenant, job_key=run_id).execute(context))


def test_all_that_a_run_left_is_ended_and_nothing_of_another_run(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, other = (start_work(platform, run_id, monkeypatch) for run_id in ("ours", "other"))
    work = RemoteWork(connection(platform), NMP)
    assert not work.release_of_run("a_dag", "ours"), "something was left"
    wait_until(lambda: work.release_of_run("a_dag", "ours"))
    hook = work.hook()
    assert hook.get_job("evaluation", ours)["status"] == "cancelled"
    assert hook.get_job("evaluation", other)["status"] != "cancelled"
    assert hook.get_deployment(f"{NAMESPACE}/ours") is None
    assert hook.get_deployment(f"{NAMESPACE}/other") is not None


def test_a_platform_that_refuses_leaves_it_uncertain_and_is_quoted(platform: Platform) -> None:
    work = RemoteWork(connection(platform, token="wrong"), NMP)
    assert not work.release_of_run("a_dag", "ours")
    assert "401" in work.problem


def test_a_platform_out_of_reach_is_given_up_soon() -> None:
    work = RemoteWork({}, NMP)
    work.hook()
    begun = time.monotonic()
    assert not work.release_of_run("a_dag", "ours")
    assert work.percentage("evaluation", "eval-1") is None
    assert time.monotonic() - begun < 5
    assert "127.0.0.1:9" in work.problem


def test_the_connections_own_shorter_patience_stays(platform: Platform) -> None:
    wire = RemoteWork(connection(platform, timeout=[1, 2]), NMP).hook().wire
    assert (wire.timeout, wire.retries) == ((1, 2), 1)


def test_progress_is_asked_with_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    with running_platform(bearer_token="right") as platform:
        job_id = start_work(platform, "watched", monkeypatch)
        work = RemoteWork(connection(platform), NMP)
        wait_until(lambda: work.percentage("evaluation", job_id) == 100)
        assert percentage_on_loopback(platform.nemo_url, "evaluation", job_id) is None, "without the token"


def test_who_watches_does_not_wait_for_a_slow_platform() -> None:
    asked: list[str] = []
    answered = Event()

    def slow(kind: str, job_id: str) -> float | None:
        asked.append(job_id)
        if job_id == "slow":
            answered.wait()
        return 25.0

    with JobWatch(slow, poll_seconds=0.01) as watch:
        watch.jobs = [("evaluation", "quick"), ("evaluation", "slow")]
        wait_until(lambda: "slow" in asked)
        assert watch.percent == {("evaluation", "quick"): 25.0}
    answered.set()
