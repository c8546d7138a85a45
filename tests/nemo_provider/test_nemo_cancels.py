"""Stopping a job, on releases that can and on one that cannot."""

import asyncio

import pytest

from nemo_provider.hooks.nemo import NemoHook
from tests.nemo_provider.conftest import StartPlatform
from tests.nemo_provider.support import Tenant, evaluated, jobs, until


def test_cancelling_a_job_that_has_ended_is_no_error(platform: Tenant) -> None:
    hook = NemoHook(base_url=platform.nemo_url)
    assert not hook.cancel_job("customization", "cust-none")


CANCEL_EVALUATION = {"method": "POST", "path": "/v1/evaluation/jobs/.*/cancel"}


@pytest.mark.parametrize(("side", "status"), [("task", 404), ("trigger", 405)])
async def test_an_evaluation_that_cannot_be_cancelled_is_deleted(
    start_platform: StartPlatform, side: str, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    absent = {"status": status, "body": {"detail": "Not Found"}}
    old = start_platform({**CANCEL_EVALUATION, "action": absent}, evaluation_start=60.0)
    hook = NemoHook(base_url=old.nemo_url)
    job_id = await asyncio.to_thread(evaluated, old)
    if side == "task":
        assert await asyncio.to_thread(hook.cancel_job, "evaluation", job_id)
    else:
        assert await hook.acancel_job("evaluation", job_id)
    assert await asyncio.to_thread(jobs, old, "evaluation") == []
    assert f"Deleted evaluation {job_id}: this release" in capsys.readouterr().out
    assert not await hook.acancel_job("evaluation", job_id)


def test_a_finished_evaluation_is_not_deleted_for_want_of_cancelling(start_platform: StartPlatform) -> None:
    old = start_platform(
        {**CANCEL_EVALUATION, "action": {"status": 405, "body": {"detail": "Method Not Allowed"}}}
    )
    hook = NemoHook(base_url=old.nemo_url)
    job_id = evaluated(old)
    until(lambda: jobs(old, "evaluation")[0]["status"] == "completed")
    assert not hook.cancel_job("evaluation", job_id)
    assert [job["id"] for job in jobs(old, "evaluation")] == [job_id]
