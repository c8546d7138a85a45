"""Releases: a deployment is certainly gone, and every doubt about it is worth a retry."""

from typing import Any

import pytest
import requests
from airflow.sdk.exceptions import AirflowFailException, TaskDeferred

from nemo_provider.errors import NemoUnavailableError
from nemo_provider.operators.deployment import NemoDeleteDeploymentOperator
from tests.nemo_provider.conftest import StartPlatform
from tests.nemo_provider.support import (
    StateStore,
    Tenant,
    context,
    deployment,
    deployment_status,
    reference,
    until,
)

IT = {"path": "/v1/deployment/model-deployments/[^/]+/student"}


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


def test_delete_waits_until_it_is_gone(start_platform: StartPlatform) -> None:
    platform = start_platform(teardown=0.2)
    deployment(platform).execute(context())
    report = delete(platform).execute(context())
    assert deployment_status(platform) is None
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


def test_a_refused_release_is_retried(start_platform: StartPlatform) -> None:
    refusals = {1: 401, 2: 400}
    platform = start_platform(
        *(
            {**IT, "method": "DELETE", "nth": [nth], "action": {"status": status, "body": {"detail": "no"}}}
            for nth, status in refusals.items()
        )
    )
    deployment(platform).execute(context())
    for advice in ("define that Airflow connection", "no"):
        with pytest.raises(
            NemoUnavailableError, match=f"may hold its GPUs; a retry deletes it again.*{advice}"
        ) as refused:
            delete(platform).execute(context())
        assert not isinstance(refused.value, AirflowFailException)
    delete(platform).execute(context())
    assert deployment_status(platform) is None


def test_a_lost_look_neither_keeps_from_deleting_nor_confirms_it(start_platform: StartPlatform) -> None:
    odd = {"status": 200, "body": ""}
    # The look before it, and the first after it.
    platform = start_platform({**IT, "method": "GET", "nth": [2, 3], "action": odd})
    deployment(platform).execute(context())
    assert delete(platform).execute(context())["existed"]
    assert deployment_status(platform) is None


def test_a_retry_that_finds_it_gone_still_says_how_long_it_lived(start_platform: StartPlatform) -> None:
    platform, store = start_platform(teardown=0.2), StateStore()
    deployment(platform).execute(context())
    with pytest.raises(NemoUnavailableError, match="may hold its GPUs"):
        delete(platform, timeout=0).execute({**context(), "task_state_store": store})
    until(lambda: deployment_status(platform) is None)
    first = store["deleted"]["lifetime_seconds"]
    report = delete(platform).execute({**context(), "task_state_store": store})
    assert report == {"deployment": reference(platform), "existed": True, "lifetime_seconds": first}


def test_a_deployment_of_the_same_name_has_a_life_of_its_own(platform: Tenant) -> None:
    store = StateStore()
    for _ in range(2):
        deployment(platform).execute(context())
        assert delete(platform).execute({**context(), "task_state_store": store})["lifetime_seconds"] < 10
        store["deleted"]["lifetime_seconds"] = 1000.0


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
