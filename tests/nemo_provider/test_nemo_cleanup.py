"""What a DAG run has left on the platform: found by its marks, released, confirmed gone."""

from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from nemo_provider import identity
from nemo_provider.cleanup import Leftovers, left_of_run, release
from nemo_provider.errors import NemoUnavailableError
from nemo_provider.hooks.nemo import NemoHook
from nemo_provider.operators.base import owner_mark
from nemo_provider.operators.cleanup import NemoReleaseRunOperator
from tests.nemo_provider.conftest import StartPlatform
from tests.nemo_provider.support import (
    TaskInstance,
    Tenant,
    context,
    customizable,
    customization,
    deployment,
    deployment_status,
    evaluation,
    reference,
    statuses,
    until,
)

SLOW = 60.0
RUN = {"dag_id": "a_dag", "run_id": "a_run"}
DEPLOYMENTS = "/v1/deployment/model-deployments"


@pytest.fixture
def slow(start_platform: StartPlatform) -> Tenant:
    return start_platform(job_start=SLOW, evaluation_start=SLOW)


def busy(platform: Tenant, tmp_path: Path, run_id: str = "a_run") -> Leftovers:
    """Let a run make one of everything; return what."""
    ti = {"ti": TaskInstance(run_id=run_id)}
    trained = customization(platform, customizable(platform, tmp_path)).execute(ti)
    graded = evaluation(platform)
    graded.render_template_fields(ti)
    return Leftovers(
        [("customization", trained), ("evaluation", graded.execute(ti))], [deployment(platform).execute(ti)]
    )


def cleanup(platform: Tenant, **changes: Any) -> dict[str, list[str]]:
    arguments = {
        "task_id": "clean",
        "namespace": platform.namespace,
        "poll_interval": 0.02,
        "base_url": platform.nemo_url,
        **changes,
    }
    task = NemoReleaseRunOperator(**arguments)
    task.render_template_fields(context())
    return task.execute(context())


def test_what_a_run_has_left_is_released(slow: Tenant, tmp_path: Path) -> None:
    made, hook = busy(slow, tmp_path), NemoHook(base_url=slow.nemo_url)
    left = left_of_run(hook, slow.namespace, **RUN)
    assert left == made
    assert not left.nothing
    release(hook, left)
    assert left_of_run(hook, slow.namespace, **RUN).nothing
    until(lambda: statuses(slow) == statuses(slow, "evaluation") == ["cancelled"])


def test_what_other_runs_have_is_left_alone(slow: Tenant, tmp_path: Path) -> None:
    busy(slow, tmp_path)
    hook = NemoHook(base_url=slow.nemo_url)
    assert left_of_run(hook, slow.namespace, dag_id="a_dag", run_id="another").nothing
    assert left_of_run(hook, slow.namespace, dag_id="another", run_id="a_run").nothing
    assert cleanup(slow, run_id="another") == {"cancelled": [], "deleted": []}
    assert deployment_status(slow) is not None


def test_jobs_that_have_ended_are_nothing_left(platform: Tenant, tmp_path: Path) -> None:
    customization(platform, customizable(platform, tmp_path)).execute(context())
    until(lambda: statuses(platform) == ["completed"])
    assert left_of_run(NemoHook(base_url=platform.nemo_url), platform.namespace, **RUN).nothing


def test_a_release_that_drops_custom_fields_is_searched_by_descriptions(slow: Tenant) -> None:
    hook, task = NemoHook(base_url=slow.nemo_url), deployment(slow)
    body = identity.mark(task.body(), task.deployment_key, owner_mark(context()))
    del body["custom_fields"]
    hook.create_deployment(body)
    assert left_of_run(hook, slow.namespace, **RUN) == Leftovers([], [reference(slow)])
    assert left_of_run(hook, slow.namespace, dag_id="a_dag", run_id="another").nothing


def test_a_deployment_on_its_way_out_is_left_until_it_is_gone(start_platform: StartPlatform) -> None:
    platform = start_platform(teardown=0.2)
    hook = NemoHook(base_url=platform.nemo_url)
    deployment(platform).execute(context())
    hook.delete_deployment(reference(platform))
    assert left_of_run(hook, platform.namespace, **RUN).deployments == [reference(platform)]
    assert cleanup(platform) == {"cancelled": [], "deleted": [reference(platform)]}
    assert deployment_status(platform) is None


def test_one_refusal_does_not_keep_the_rest_from_being_released(
    start_platform: StartPlatform, tmp_path: Path
) -> None:
    refused = {"status": 403, "body": {"detail": "read-only"}}
    platform = start_platform(
        {"method": "POST", "path": "/v1/customization/jobs/.*/cancel", "action": refused},
        {
            "method": "DELETE",
            "path": f"{DEPLOYMENTS}/.*",
            "nth": [1],
            "action": {"status": 409, "body": "going"},
        },
        job_start=SLOW,
        evaluation_start=SLOW,
    )
    made = busy(platform, tmp_path)
    hook = NemoHook(base_url=platform.nemo_url)
    with pytest.raises(
        NemoUnavailableError, match=f"may hold GPUs: customization {made.jobs[0][1]}"
    ) as refusal:
        release(hook, made)
    assert reference(platform) not in str(refusal.value)
    until(lambda: statuses(platform, "evaluation") == ["cancelled"])
    with pytest.raises(NemoUnavailableError):
        release(hook, made)
    assert deployment_status(platform) is None


def test_the_last_task_says_what_it_released(slow: Tenant, tmp_path: Path) -> None:
    made = busy(slow, tmp_path)
    report = cleanup(slow)
    assert report == {"cancelled": [job_id for _, job_id in made.jobs], "deleted": made.deployments}
    assert cleanup(slow) == {"cancelled": [], "deleted": []}


def test_the_last_task_names_what_may_still_hold_gpus(start_platform: StartPlatform) -> None:
    platform = start_platform(teardown=SLOW)
    deployment(platform).execute(context())
    with pytest.raises(
        NemoUnavailableError, match=f"deployment {reference(platform)} of run a_run of a_dag may still"
    ):
        cleanup(platform, timeout=0)


def test_a_refused_credential_is_worth_a_retry(start_platform: StartPlatform) -> None:
    refused = {"nth": [1], "action": {"status": 401, "body": {"detail": "Unauthorized"}}}
    platform = start_platform(
        {"method": "GET", "path": DEPLOYMENTS, **refused},
        {"method": "DELETE", "path": f"{DEPLOYMENTS}/.*", **refused},
    )
    deployment(platform).execute(context())
    for _ in ("looking", "deleting"):
        with pytest.raises(
            NemoUnavailableError, match=r"a retry looks again.*define that Airflow connection"
        ) as raised:
            cleanup(platform)
        assert not isinstance(raised.value, AirflowFailException)
    assert cleanup(platform)["deleted"] == [reference(platform)]
