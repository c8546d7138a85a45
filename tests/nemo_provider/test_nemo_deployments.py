"""Deployments: made once, never shared by accident, certainly gone."""

from datetime import timedelta
from typing import Any

import pytest
import requests
from airflow.sdk.exceptions import TaskDeferred

from nemo_provider.errors import (
    NemoConflictError,
    NemoJobFailedError,
    NemoOutOfGpusError,
    NemoUnavailableError,
)
from nemo_provider.hooks.nemo import NemoHook
from nemo_provider.operators.deployment import NemoDeleteDeploymentOperator, NemoDeployModelOperator
from nemo_provider.sensors.deployment import NemoDeploymentSensor
from nemo_provider.times import parse_time
from tests.nemo_provider.conftest import StartPlatform
from tests.nemo_provider.support import MODEL, TaskInstance, Tenant, deployment, until


def context() -> dict[str, Any]:
    return {"ti": TaskInstance()}


def reference(platform: Tenant) -> str:
    return f"{platform.namespace}/student"


def status(platform: Tenant) -> str | None:
    found = NemoHook(base_url=platform.nemo_url).get_deployment(reference(platform))
    return found["status_details"]["status"] if found else None


def delete(platform: Tenant, **changes: Any) -> NemoDeleteDeploymentOperator:
    arguments = {
        "task_id": "delete",
        "deployment": reference(platform),
        "poll_interval": 0.02,
        "deferrable": False,
        "base_url": platform.nemo_url,
        **changes,
    }
    return NemoDeleteDeploymentOperator(**arguments)


def wait(platform: Tenant, **changes: Any) -> NemoDeploymentSensor:
    arguments = {
        "task_id": "wait",
        "deployment": reference(platform),
        "poll_interval": 0.02,
        "base_url": platform.nemo_url,
        **changes,
    }
    return NemoDeploymentSensor(**{"deferrable": False, **arguments})


@pytest.mark.parametrize("duplicate", [500, 409])
def test_retry_attaches_to_its_deployment(start_platform: StartPlatform, duplicate: int) -> None:
    platform, ti = start_platform(duplicate_deployment_status=duplicate), TaskInstance()
    assert deployment(platform).execute(context()) == reference(platform)
    assert deployment(platform).execute({"ti": ti}) == reference(platform)
    assert ti.xcoms["origin"] == "attach"
    assert parse_time(ti.xcoms["created_at"])


@pytest.mark.parametrize("duplicate", [500, 409])
def test_a_deployment_whose_answer_was_lost_is_attached_to(
    start_platform: StartPlatform, duplicate: int
) -> None:
    lose = {"method": "POST", "path": "/v1/deployment/model-deployments", "nth": [1], "action": "lose_answer"}
    platform = start_platform(lose, duplicate_deployment_status=duplicate)
    assert deployment(platform).execute(context()) == reference(platform)


def test_a_foreign_deployment_is_not_taken_over(start_platform: StartPlatform) -> None:
    platform = start_platform()
    deployment(platform).execute(context())
    with pytest.raises(NemoConflictError, match="belongs to night-1"):
        deployment(platform, deployment_key="night-2").execute(context())


def test_another_config_under_the_same_name_is_a_conflict(start_platform: StartPlatform) -> None:
    platform = start_platform()
    deployment(platform).execute(context())
    with pytest.raises(NemoConflictError, match=r"nim_deployment\.gpu"):
        deployment(platform, gpus=2).execute(context())


def test_the_name_comes_from_the_model() -> None:
    task = NemoDeployModelOperator(task_id="d", namespace="n", model="meta/x", image_name="i", image_tag="1")
    assert task.name == "meta-x"
    with pytest.raises(ValueError, match="image_tag"):
        NemoDeployModelOperator(task_id="d", namespace="n", model="meta/x")


def test_a_ready_deployment_says_what_it_holds(start_platform: StartPlatform) -> None:
    platform = start_platform(image_pull=0.1)
    deployment(platform, gpus=2).execute(context())
    ready = wait(platform).execute(context())
    assert (ready["status"], ready["model"], ready["gpus"]) == ("ready", MODEL, 2)


def test_a_failed_deployment_fails_at_once_with_the_platforms_description(
    start_platform: StartPlatform,
) -> None:
    platform = start_platform({"kind": "deployment", "fail": "ImagePullBackOff: no such tag"})
    deployment(platform).execute(context())
    until(lambda: status(platform) == "failed")
    with pytest.raises(NemoJobFailedError, match="ImagePullBackOff: no such tag"):
        wait(platform, deferrable=True, timeout=3600).execute(context())


def test_a_deployment_larger_than_the_cluster_is_out_of_gpus(start_platform: StartPlatform) -> None:
    platform = start_platform(gpus=1)
    deployment(platform, gpus=2).execute(context())
    until(lambda: status(platform) == "failed")
    with pytest.raises(NemoOutOfGpusError, match="2 GPUs requested"):
        wait(platform).execute(context())


def test_a_failed_deployment_is_replaced_by_the_retry(start_platform: StartPlatform) -> None:
    platform = start_platform({"kind": "deployment", "nth": [1], "fail": "ImagePullBackOff"}, image_pull=0.0)
    deployment(platform).execute(context())
    until(lambda: status(platform) == "failed")
    ti = TaskInstance()
    deployment(platform).execute({"ti": ti})
    assert ti.xcoms["origin"] == "submit"


def test_a_deployment_on_its_way_out_is_not_attached_to(start_platform: StartPlatform) -> None:
    platform = start_platform(teardown=60.0)
    deployment(platform).execute(context())
    NemoHook(base_url=platform.nemo_url).delete_deployment(reference(platform))
    with pytest.raises(NemoUnavailableError, match="still being removed"):
        deployment(platform).execute(context())


def test_delete_waits_until_it_is_gone(start_platform: StartPlatform) -> None:
    platform = start_platform(teardown=0.2)
    deployment(platform).execute(context())
    report = delete(platform).execute(context())
    assert status(platform) is None
    assert report["existed"]
    assert 0 < report["lifetime_seconds"] < 60
    assert requests.get(f"{platform.nemo_url}/local/cluster", timeout=10).json()["in_use"] == 0


def test_delete_of_a_missing_deployment_is_fine(platform: Tenant) -> None:
    assert delete(platform).execute(context()) == {"deployment": reference(platform), "existed": False}


def test_a_deployment_that_does_not_go_is_an_error_to_retry(start_platform: StartPlatform) -> None:
    platform = start_platform(teardown=60.0)
    deployment(platform).execute(context())
    with pytest.raises(NemoUnavailableError, match="may hold its GPUs"):
        delete(platform, timeout=0.1).execute(context())


def test_a_deferrable_delete_waits_in_the_triggerer(start_platform: StartPlatform) -> None:
    platform = start_platform(teardown=60.0)
    deployment(platform).execute(context())
    task = delete(platform, deferrable=True)
    with pytest.raises(TaskDeferred) as deferred:
        task.execute(context())
    waiting = deferred.value.trigger
    assert waiting.kind == "deployment_gone"
    event = {
        "kind": waiting.kind,
        "name": reference(platform),
        "status": "gone",
        "reason": None,
        "details": waiting.carry,
    }
    assert task.execute_complete(context(), {**event, "outcome": "succeeded"})["existed"]
    with pytest.raises(NemoUnavailableError, match="may hold its GPUs"):
        task.execute_complete(context(), {**event, "outcome": "timed_out"})


def test_kill_deletes_what_the_task_created(start_platform: StartPlatform) -> None:
    platform = start_platform()
    task = deployment(platform)
    task.execute(context())
    task.on_kill()
    assert status(platform) is None


def test_kill_leaves_a_deployment_that_an_earlier_try_created_to_the_teardown(
    start_platform: StartPlatform,
) -> None:
    platform = start_platform()
    deployment(platform).execute(context())
    retry = deployment(platform)
    retry.execute(context())
    retry.on_kill()
    assert status(platform) is not None


@pytest.mark.parametrize(
    "text", ["2026-11-23T12:00:00.123456", "2026-11-23T12:00:00Z", "2026-11-23T12:00:00.123456789Z"]
)
def test_all_times_of_the_platform_are_read_as_utc(text: str) -> None:
    assert parse_time(text).utcoffset() == timedelta(0)
