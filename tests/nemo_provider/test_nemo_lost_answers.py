"""A submission whose answer is lost: looked for while the platform may still work on it, never sent again blindly."""

from pathlib import Path
from typing import Any

import pytest

from nemo_provider.errors import NemoUnavailableError
from nemo_provider.hooks.nemo import NemoHook
from tests.nemo_provider.conftest import StartPlatform
from tests.nemo_provider.ingress import ingress
from tests.nemo_provider.support import (
    TaskInstance,
    Tenant,
    context,
    customizable,
    customization,
    evaluation,
    jobs,
)

#: Long enough for a job to stay as it is while a test looks at it.
SLOW = 60.0
POST_JOB = {"method": "POST", "path": "/v1/customization/jobs", "nth": [1]}


@pytest.fixture
def slow(start_platform: StartPlatform) -> Tenant:
    return start_platform(job_start=SLOW)


def test_a_lost_answer_is_looked_up(start_platform: StartPlatform, tmp_path: Path) -> None:
    platform = start_platform({**POST_JOB, "action": "lose_answer"}, job_start=SLOW)
    ti = TaskInstance()
    job_id = customization(platform, customizable(platform, tmp_path)).execute({"ti": ti})
    assert [job["id"] for job in jobs(platform)] == [job_id]
    assert ti.xcoms["output_model"].endswith(job_id)


@pytest.mark.parametrize("kind", ["customization", "evaluation"])
def test_a_job_that_comes_after_its_answer_was_given_up_is_waited_for(
    slow: Tenant, tmp_path: Path, kind: str
) -> None:
    wanted = customizable(slow, tmp_path) if kind == "customization" else {}
    path = f"/v1/{kind}/jobs"
    with ingress(slow.nemo_url, gives_up_on=("POST", path), late_by=2) as gateway:
        changes = {"base_url": gateway.url, "lost_answer_seconds": 8.0}
        task = (
            customization(slow, wanted, **changes) if kind == "customization" else evaluation(slow, **changes)
        )
        task.render_template_fields({})
        made = task.execute(context())
    assert [job["id"] for job in jobs(slow, kind)] == [made]


def test_a_look_for_a_job_may_fail_as_its_answer_did(start_platform: StartPlatform, tmp_path: Path) -> None:
    refused = {"status": 401, "body": {"detail": "token service restarts"}}
    platform = start_platform(
        {**POST_JOB, "action": "lose_answer"},
        {"method": "GET", "path": "/v1/customization/jobs", "nth": [2], "action": refused},
        job_start=SLOW,
    )
    wanted = customizable(platform, tmp_path)
    made = customization(platform, wanted, lost_answer_seconds=2.0).execute(context())
    assert [job["id"] for job in jobs(platform)] == [made]


def test_a_job_whose_answer_holds_nothing_is_looked_up(start_platform: StartPlatform, tmp_path: Path) -> None:
    platform = start_platform({**POST_JOB, "action": {"status": 200, "body": ""}}, job_start=SLOW)
    wanted = customizable(platform, tmp_path)
    with pytest.raises(NemoUnavailableError, match="a retry looks again"):
        customization(platform, wanted).execute(context())


@pytest.mark.parametrize("action", ["reset", {"status": 503}, {"status": 500, "body": {"detail": "oops"}}])
def test_a_request_that_never_arrived_is_left_to_the_retry(
    start_platform: StartPlatform, tmp_path: Path, action: Any
) -> None:
    platform = start_platform({**POST_JOB, "action": action}, job_start=SLOW)
    wanted = customizable(platform, tmp_path)
    with pytest.raises(NemoUnavailableError, match="a retry looks again"):
        customization(platform, wanted).execute(context())
    assert jobs(platform) == []
    customization(platform, wanted).execute(context())
    assert len(jobs(platform)) == 1


def test_a_lost_answer_is_not_mistaken_for_an_older_job(
    start_platform: StartPlatform, tmp_path: Path
) -> None:
    platform = start_platform({**POST_JOB, "nth": [2], "action": "reset"}, job_start=SLOW)
    wanted = customizable(platform, tmp_path)
    first = customization(platform, wanted).execute(context())
    NemoHook(base_url=platform.nemo_url).cancel_job("customization", first)
    with pytest.raises(NemoUnavailableError):
        customization(platform, wanted).execute(context())


def test_evaluations_are_submitted_once_too(start_platform: StartPlatform) -> None:
    lossy = start_platform(
        {"method": "POST", "path": "/v1/evaluation/jobs", "nth": [1], "action": "lose_answer"},
        evaluation_start=SLOW,
    )

    def execute() -> str:
        task = evaluation(lossy)
        task.render_template_fields({})
        return task.execute(context())

    assert execute() == execute()
    assert len(jobs(lossy, "evaluation")) == 1
