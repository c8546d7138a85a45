"""Deployments: made once, never shared by accident, certainly gone."""

from typing import Any

import pytest
import requests
from airflow.sdk.exceptions import AirflowFailException

from nemo_provider import identity
from nemo_provider.errors import (
    NemoConflictError,
    NemoUnavailableError,
)
from nemo_provider.hooks.nemo import NemoHook
from nemo_provider.operators.deployment import NemoDeployModelOperator
from nemo_provider.times import parse_time
from tests.nemo_provider.conftest import StartPlatform
from tests.nemo_provider.support import (
    MODEL,
    TaskInstance,
    Tenant,
    context,
    deployment,
    deployment_status,
    reference,
    until,
)


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


@pytest.mark.parametrize("keeps", ["fields", "description", "neither"])
def test_a_foreign_deployment_is_neither_taken_over_nor_deleted(platform: Tenant, keeps: str) -> None:
    # Releases before 25.10 drop the custom fields; a person's deployment has neither.
    put_up(platform, keeps)
    task = deployment(platform, deployment_key="night-2")
    owner = "night-1" if keeps == "fields" else "somebody else"
    with pytest.raises(NemoConflictError, match=f"belongs to {owner}"):
        task.execute(context())
    task.on_kill()
    assert deployment_status(platform) is not None


def test_a_failed_deployment_of_somebody_else_is_left_to_them(start_platform: StartPlatform) -> None:
    platform = start_platform({"kind": "deployment", "fail": "ImagePullBackOff"})
    deployment(platform).execute(context())
    until(lambda: deployment_status(platform) == "failed")
    with pytest.raises(NemoConflictError, match="belongs to night-1"):
        deployment(platform, deployment_key="night-2").execute(context())
    assert deployment_status(platform) == "failed"


def test_a_release_without_custom_fields_still_knows_whose_it_is(platform: Tenant) -> None:
    put_up(platform, "description")
    ti = TaskInstance()
    assert deployment(platform).execute({"ti": ti}) == reference(platform)
    assert ti.xcoms["origin"] == "attach"
    deployment(platform).on_kill()
    assert deployment_status(platform) is None


def test_another_config_under_the_same_name_is_a_conflict_and_not_left_behind(platform: Tenant) -> None:
    deployment(platform).execute(context())
    with pytest.raises(NemoConflictError, match=r"nim_deployment\.gpu"):
        deployment(platform, gpus=2).execute(context())
    assert deployment_status(platform) is None


def put_up(platform: Tenant, keeps: str) -> None:
    """Create what `deployment` would, on a platform that keeps all of its marks, one, or none."""
    task = deployment(platform)
    body = identity.mark(task.body(), task.deployment_key, {})
    marks = {"fields": ("custom_fields",), "description": ("description",), "neither": ()}[keeps]
    kept = {k: v for k, v in body.items() if k in ("name", "namespace", "config", *marks)}
    NemoHook(base_url=platform.nemo_url).create_deployment(kept)


POST = {"method": "POST", "path": "/v1/deployment/model-deployments"}
GET = {"method": "GET", "path": "/v1/deployment/model-deployments/[^/]+/student"}


def test_a_deployment_whose_answer_stays_lost_is_deleted(
    start_platform: StartPlatform, connection: Any
) -> None:
    platform = start_platform(
        {**POST, "nth": [1], "action": "lose_answer"}, {**POST, "action": {"status": 503, "body": "down"}}
    )
    connection("nemo_hasty", platform.nemo_url, extra={"retries": 2, "retry_wait": 0.01})
    with pytest.raises(NemoUnavailableError, match="503: down"):
        deployment(platform, nemo_conn_id="nemo_hasty").execute(context())
    assert deployment_status(platform) is None


def test_the_error_that_is_raised_is_the_first_one(start_platform: StartPlatform, connection: Any) -> None:
    platform = start_platform(
        {**POST, "action": {"status": 503, "body": "down"}},
        {**GET, "nth": [2], "action": {"status": 401, "body": {"detail": "Unauthorized"}}},
    )
    connection("nemo_hasty", platform.nemo_url, extra={"retries": 1})
    with pytest.raises(NemoUnavailableError, match="503: down"):
        deployment(platform, nemo_conn_id="nemo_hasty").execute(context())


@pytest.mark.parametrize("config", ["student-cfg", "default/student-cfg"])
def test_a_config_may_be_a_reference(platform: Tenant, config: str) -> None:
    nim = {"gpu": 1, "image_name": f"nvcr.io/nim/{MODEL}", "image_tag": "1.0"}
    body = {"name": "student-cfg", "namespace": "default", "model": MODEL, "nim_deployment": nim}
    requests.post(f"{platform.nemo_url}/v1/deployment/configs", json=body, timeout=10)
    assert deployment(platform, config=config).execute(context()) == reference(platform)
    assert deployment(platform, config=config).execute(context()) == reference(platform)


def test_what_the_platform_makes_of_a_config_is_no_other_config(platform: Tenant) -> None:
    deployment(platform, pvc_size="25Gi").execute(context())
    url = f"{platform.nemo_url}{POST['path']}/{reference(platform)}"
    shown = {"model": MODEL, "nim_deployment": {"gpu": 2, "image_name": "mirror/student", "image_tag": "1"}}
    assert requests.patch(url, json={"config": shown}, timeout=10).ok
    ti = TaskInstance()
    deployment(platform, pvc_size="25Gi").execute({"ti": ti})
    assert ti.xcoms["origin"] == "attach"


class NoXComs(TaskInstance):
    """Airflow's API server, gone when the task wants to say something."""

    def xcom_push(self, key: str, value: Any) -> None:
        raise OSError("the API server is away")


@pytest.mark.parametrize("found", [False, True])
def test_a_deployment_does_not_outlive_its_setups_error(platform: Tenant, found: bool) -> None:
    if found:
        deployment(platform).execute(context())
    with pytest.raises(OSError, match="API server"):
        deployment(platform).execute({"ti": NoXComs()})
    assert deployment_status(platform) is None


def test_a_kill_while_deploying_deletes_what_is_deployed(platform: Tenant) -> None:
    task = deployment(platform)
    task.on_kill()
    with pytest.raises(AirflowFailException, match="Killed while creating"):
        task.execute(context())
    assert deployment_status(platform) is None


def test_the_name_comes_from_the_model() -> None:
    task = NemoDeployModelOperator(task_id="d", namespace="n", model="meta/x", image_name="i", image_tag="1")
    assert task.name == "meta-x"
    with pytest.raises(ValueError, match="image_tag"):
        NemoDeployModelOperator(task_id="d", namespace="n", model="meta/x")


def test_a_failed_deployment_is_replaced_by_the_retry(start_platform: StartPlatform) -> None:
    platform = start_platform({"kind": "deployment", "nth": [1], "fail": "ImagePullBackOff"}, image_pull=0.0)
    deployment(platform).execute(context())
    until(lambda: deployment_status(platform) == "failed")
    ti = TaskInstance()
    deployment(platform).execute({"ti": ti})
    assert ti.xcoms["origin"] == "submit"


def test_a_failed_one_that_is_slow_to_go_is_not_mistaken_for_the_new_one(
    start_platform: StartPlatform,
) -> None:
    failed = {"created_at": "2026-11-23T12:00:00Z", "status_details": {"status": "failed"}}
    platform = start_platform(
        {**GET, "action": {"status": 200, "body": {**identity.mark({}, "night-1", {}), **failed}}},
        {**GET, "method": "DELETE", "action": {"status": 200, "body": {}}},
        {**POST, "action": {"status": 409, "body": {"detail": "exists"}}},
    )
    with pytest.raises(NemoUnavailableError, match="a retry creates it anew"):
        deployment(platform).execute(context())


def test_a_deployment_on_its_way_out_is_not_attached_to(start_platform: StartPlatform) -> None:
    platform = start_platform(teardown=60.0)
    deployment(platform).execute(context())
    NemoHook(base_url=platform.nemo_url).delete_deployment(reference(platform))
    with pytest.raises(NemoUnavailableError, match="still being removed"):
        deployment(platform).execute(context())


def test_kill_deletes_what_the_task_created(start_platform: StartPlatform) -> None:
    platform = start_platform()
    task = deployment(platform)
    task.execute(context())
    task.on_kill()
    assert deployment_status(platform) is None


@pytest.mark.parametrize("lost", [True, False])
def test_kill_deletes_what_was_created_without_an_answer_too(
    start_platform: StartPlatform, lost: bool
) -> None:
    platform = start_platform(
        {**POST, "nth": [1], "action": "lose_answer"} if lost else {**POST, "nth": [9], "action": "reset"}
    )
    if not lost:
        deployment(platform).execute(context())
    task = deployment(platform)
    task.execute(context())
    task.on_kill()
    assert deployment_status(platform) is None
