"""What ends a wait and what does not, on a worker and in the triggerer alike."""

import asyncio
import itertools
from collections.abc import Callable
from pathlib import Path

import pytest
from airflow.sdk.exceptions import TaskDeferred

from nemo_provider.errors import NemoConfigurationError, NemoUnavailableError
from tests.nemo_provider.conftest import StartPlatform
from tests.nemo_provider.support import (
    TaskInstance,
    Tenant,
    context,
    customizable,
    customization,
    deployment,
    evaluated,
)
from tests.nemo_provider.waits import events, odd_evaluations, training, trigger, wait

SLOW = 60.0


async def test_three_lost_polls_are_forgiven(start_platform: StartPlatform) -> None:
    path = "/v1/deployment/model-deployments/[^/]+/student"
    platform = start_platform({"method": "GET", "path": path, "nth": [2, 3, 4], "action": "reset"})
    name = await asyncio.to_thread(deployment(platform).execute, context())
    [event] = await events(trigger(platform, "deployment", name))
    assert event["outcome"] == "succeeded"


async def test_a_platform_that_stays_away_ends_the_wait(start_platform: StartPlatform) -> None:
    platform = start_platform(
        {"method": "GET", "path": "/v1/evaluation/jobs/.*", "action": {"status": 503, "body": "down"}}
    )
    [event] = await events(trigger(platform, "evaluation", "eval-1"))
    assert event["outcome"] == "lost"
    assert "503: down" in event["reason"]


async def test_an_odd_answer_is_no_end_of_the_wait(start_platform: StartPlatform) -> None:
    odd = odd_evaluations()
    platform = start_platform(*itertools.chain.from_iterable(odd.values()))
    waits = [events(trigger(platform, "evaluation", job_id)) for job_id in odd]
    assert [event["outcome"] for [event] in await asyncio.gather(*waits)] == ["succeeded"] * len(odd)


async def test_an_empty_answer_is_no_proof_that_a_deployment_is_gone(start_platform: StartPlatform) -> None:
    bodies = {"ns/empty": "", "ns/null": None, "ns/list": []}
    platform = start_platform(
        *(
            {"path": f"/v1/deployment/model-deployments/{name}", "action": {"status": 200, "body": body}}
            for name, body in bodies.items()
        )
    )
    waits = [events(trigger(platform, "deployment_gone", name)) for name in bodies]
    assert [event["outcome"] for [event] in await asyncio.gather(*waits)] == ["lost"] * len(bodies)


async def test_a_model_without_namespace_is_looked_for_in_default(start_platform: StartPlatform) -> None:
    job = {"status": "completed", "output_model": "customized@cust-1"}
    platform = start_platform(
        {"path": "/v1/customization/jobs/cust-1", "action": {"status": 200, "body": job}},
        {
            "path": "/v1/models/default/customized@cust-1",
            "action": {"status": 200, "body": {"artifact": {"status": "upload_completed"}}},
        },
    )
    [event] = await events(trigger(platform, "customization", "cust-1"))
    assert event["outcome"] == "succeeded"


async def test_a_lost_wait_ends_with_what_was_last_known(start_platform: StartPlatform) -> None:
    poll = {"method": "GET", "path": "/v1/evaluation/jobs/eval-1"}
    running = {"status": "running", "status_details": {"progress": 40.0}}
    platform = start_platform(
        {**poll, "nth": [1], "action": {"status": 200, "body": running}},
        {**poll, "action": {"status": 403, "body": {"detail": "no"}}},
    )
    [event] = await events(trigger(platform, "evaluation", "eval-1"))
    assert (event["outcome"], event["details"]["progress"]) == ("lost", 40.0)


def test_on_a_worker_lost_polls_are_forgiven_too(start_platform: StartPlatform) -> None:
    poll = {"method": "GET", "path": "/v1/evaluation/jobs/eval-.*"}
    platform = start_platform({**poll, "action": {"status": 404, "body": {"detail": "no such job"}}})
    with pytest.raises(NemoUnavailableError, match=r"4 polls in a row failed.*no such job"):
        wait(platform, evaluated(platform), deferrable=False).execute(context())


REFUSED = {
    "method": "GET",
    "path": "/v1/evaluation/jobs/eval-.*",
    "action": {"status": 401, "body": {"detail": "no"}},
}


def test_a_credential_that_is_refused_once_is_a_lost_poll(start_platform: StartPlatform) -> None:
    platform = start_platform({**REFUSED, "nth": [1, 2]})
    job_id = evaluated(platform)
    with pytest.raises(TaskDeferred):
        wait(platform, job_id, deferrable=True).execute(context())
    assert wait(platform, job_id, deferrable=False).execute(context())["status"] == "completed"


def test_a_wrong_credential_is_named_and_worth_a_retry(start_platform: StartPlatform) -> None:
    platform = start_platform(REFUSED)
    with pytest.raises(NemoUnavailableError, match=r"4 polls in a row failed.*No credential was sent"):
        wait(platform, "eval-1", deferrable=False).execute(context())


@pytest.mark.parametrize("deferrable", [True, False])
def test_a_mistake_in_the_configuration_ends_at_once(
    connection: Callable[..., None], platform: Tenant, deferrable: bool
) -> None:
    connection("nemo_torn", platform.nemo_url, password="to\nken")
    with pytest.raises(NemoConfigurationError, match="'nemo_torn' holds a line break"):
        wait(platform, "eval-1", nemo_conn_id="nemo_torn", deferrable=deferrable).execute(context())


def test_an_odd_answer_does_not_end_the_wait(start_platform: StartPlatform) -> None:
    odd = odd_evaluations()
    platform = start_platform(*itertools.chain.from_iterable(odd.values()))
    for job_id in odd:
        with pytest.raises(TaskDeferred):
            wait(platform, job_id, deferrable=True).execute(context())
        assert wait(platform, job_id, deferrable=False).execute(context())["status"] == "completed"


def test_a_wait_that_loses_sight_pushes_what_it_last_saw(
    start_platform: StartPlatform, tmp_path: Path
) -> None:
    poll = {"method": "GET", "path": "/v1/customization/jobs/cust-.*"}
    platform = start_platform(
        *({**poll, "nth": [n], "action": {"status": 404, "body": {"detail": "gone"}}} for n in range(2, 6)),
        job_start=SLOW,
    )
    job_id, ti = customization(platform, customizable(platform, tmp_path)).execute(context()), TaskInstance()
    with pytest.raises(NemoUnavailableError, match="gone"):
        training(platform, job_id, deferrable=False).execute({"ti": ti})
    assert ti.xcoms["details"]["status"] == "created"
