"""The sensors: ask before they defer, fail at once, poll on a worker too."""

from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import (
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    TaskDeferred,
)

from nemo_provider.errors import (
    NemoJobFailedError,
    NemoJobTimeoutError,
    NemoOutOfGpusError,
)
from nemo_provider.sensors.deployment import NemoDeploymentSensor, NemoModelSensor
from tests.nemo_provider.conftest import StartPlatform
from tests.nemo_provider.support import (
    MODEL,
    TaskInstance,
    Tenant,
    context,
    customizable,
    customization,
    deployment,
    deployment_status,
    evaluated,
    jobs,
    reference,
    statuses,
    until,
)
from tests.nemo_provider.waits import training, wait

SLOW = 60.0


def test_it_asks_before_it_defers(platform: Tenant) -> None:
    job_id = evaluated(platform)
    until(lambda: jobs(platform, "evaluation")[0]["status"] == "completed")
    found = wait(platform, job_id, deferrable=True).execute(context())
    assert (found["job_id"], found["status"]) == (job_id, "completed")


def test_a_running_job_is_waited_for_in_the_triggerer(start_platform: StartPlatform) -> None:
    platform = start_platform(evaluation_start=SLOW)
    job_id = evaluated(platform)
    with pytest.raises(TaskDeferred) as deferred:
        wait(platform, job_id, deferrable=True, poll_interval=9.0).execute(context())
    waiting = deferred.value.trigger
    assert (waiting.kind, waiting.name, waiting.poll_interval) == ("evaluation", job_id, 9.0)
    assert deferred.value.method_name == "execute_complete"


def test_the_default_is_airflows(platform: Tenant) -> None:
    assert wait(platform, "eval-1").deferrable is conf.getboolean("operators", "default_deferrable")


def test_without_a_triggerer_it_polls_on_the_worker(start_platform: StartPlatform, tmp_path: Path) -> None:
    platform = start_platform(upload=0.2)
    wanted, ti = customizable(platform, tmp_path), TaskInstance()
    job_id = customization(platform, wanted).execute({"ti": ti})
    found = training(platform, job_id, deferrable=False).execute(context())
    assert found["output_model"] == ti.xcoms["output_model"]
    assert found["percentage_done"] == 100.0
    assert found["epochs_completed"] == 1
    assert isinstance(found["train_loss"], float)


@pytest.mark.parametrize("deferrable", [True, False])
def test_a_failed_job_fails_the_task_for_good(start_platform: StartPlatform, deferrable: bool) -> None:
    platform = start_platform({"kind": "evaluation", "fail": "judge unreachable"})
    job_id = evaluated(platform)
    until(lambda: statuses(platform, "evaluation") == ["failed"])
    with pytest.raises(NemoJobFailedError, match="judge unreachable") as failed:
        wait(platform, job_id, deferrable=deferrable).execute(context())
    assert isinstance(failed.value, AirflowFailException)
    with pytest.raises(AirflowSkipException):
        wait(platform, job_id, deferrable=deferrable, soft_fail=True).execute(context())


def test_on_a_worker_the_deadline_cancels_the_job(start_platform: StartPlatform) -> None:
    platform = start_platform(evaluation_start=SLOW)
    job_id = evaluated(platform)
    with pytest.raises(NemoJobTimeoutError) as over:
        wait(platform, job_id, deferrable=False, timeout=0.1).execute(context())
    assert isinstance(over.value, AirflowSensorTimeout)
    until(lambda: statuses(platform, "evaluation") == ["cancelled"])


def test_kill_cancels_the_job(start_platform: StartPlatform) -> None:
    platform = start_platform(evaluation_start=SLOW)
    job_id = evaluated(platform)
    wait(platform, job_id, cancel_on_kill=False).on_kill()
    assert statuses(platform, "evaluation")[0] not in ("cancelling", "cancelled")
    wait(platform, job_id).on_kill()
    until(lambda: statuses(platform, "evaluation") == ["cancelled"])


def test_what_a_failed_training_cost_is_pushed(start_platform: StartPlatform, tmp_path: Path) -> None:
    platform = start_platform({"kind": "customization", "fail": "CUDA error"})
    job_id = customization(platform, customizable(platform, tmp_path)).execute(context())
    until(lambda: statuses(platform) == ["failed"])
    for deferrable in (True, False):
        ti = TaskInstance()
        with pytest.raises(NemoJobFailedError, match="CUDA error"):
            training(platform, job_id, deferrable=deferrable).execute({"ti": ti})
        details = ti.xcoms["details"]
        assert (details["job_id"], details["status"]) == (job_id, "failed")
        assert details["elapsed_time"] >= 0


@pytest.mark.parametrize("outcome", ["failed", "cancelled", "timed_out"])
def test_a_wait_that_ends_in_the_triggerer_pushes_it_too(platform: Tenant, outcome: str) -> None:
    ti, details = TaskInstance(), {"job_id": "cust-1", "elapsed_time": 84.1}
    event = {"kind": "customization", "name": "cust-1", "status": "?", "reason": "?", "details": details}
    with pytest.raises((NemoJobFailedError, NemoJobTimeoutError)):
        training(platform, "cust-1").execute_complete({"ti": ti}, {**event, "outcome": outcome})
    assert ti.xcoms == {"details": details}


def test_a_rescheduled_wait_is_refused(platform: Tenant) -> None:
    with pytest.raises(ValueError, match="use deferrable=True"):
        wait(platform, "eval-1", mode="reschedule")


def test_a_wait_without_patience_still_cancels(start_platform: StartPlatform) -> None:
    platform = start_platform(evaluation_start=SLOW)
    job_id = evaluated(platform)
    with pytest.raises(NemoJobTimeoutError):
        wait(platform, job_id, deferrable=True, timeout=0).execute(context())
    until(lambda: statuses(platform, "evaluation") == ["cancelled"])


def test_a_cancel_that_fails_does_not_hide_why_the_wait_ended(start_platform: StartPlatform) -> None:
    refused = {"status": 403, "body": {"detail": "read-only token"}}
    platform = start_platform(
        {"method": "POST", "path": "/v1/evaluation/jobs/.*/cancel", "action": refused}, evaluation_start=SLOW
    )
    with pytest.raises(NemoJobTimeoutError):
        wait(platform, evaluated(platform), deferrable=False, timeout=0).execute(context())


def test_a_model_is_waited_for_on_the_nim(start_platform: StartPlatform) -> None:
    listing = {"data": [{"id": "ns/m@cust-1", "parent": "local/student-s"}]}
    models = {"service": "nim", "path": "/v1/models"}
    platform = start_platform(
        {**models, "nth": [1], "action": {"status": 200, "body": {"data": []}}},
        {**models, "action": {"status": 200, "body": listing}},
    )
    sensor = NemoModelSensor(
        task_id="w", model="ns/m@cust-1", poll_interval=0.02, deferrable=False, base_url=platform.nim_url
    )
    assert sensor.execute(context())["base_model"] == "local/student-s"
    assert sensor.template_fields == ("model", "nim_conn_id", "base_url")


def test_a_sensor_that_would_never_pause_is_refused(platform: Tenant) -> None:
    with pytest.raises(ValueError, match="poll_interval"):
        wait(platform, "eval-1", poll_interval=0)
    with pytest.raises(ValueError, match="carries a credential"):
        wait(platform, "eval-1", base_url="http://me:pw@nemo.test")


def coming_up(platform: Tenant, **changes: Any) -> NemoDeploymentSensor:
    arguments = {
        "task_id": "wait",
        "deployment": reference(platform),
        "poll_interval": 0.02,
        "base_url": platform.nemo_url,
        **changes,
    }
    return NemoDeploymentSensor(**{"deferrable": False, **arguments})


def test_a_ready_deployment_says_what_it_holds(start_platform: StartPlatform) -> None:
    platform = start_platform(image_pull=0.1)
    deployment(platform, gpus=2).execute(context())
    ready = coming_up(platform).execute(context())
    assert (ready["status"], ready["model"], ready["gpus"]) == ("ready", MODEL, 2)


def test_a_failed_deployment_fails_at_once_with_the_platforms_description(
    start_platform: StartPlatform,
) -> None:
    platform = start_platform({"kind": "deployment", "fail": "ImagePullBackOff: no such tag"})
    deployment(platform).execute(context())
    until(lambda: deployment_status(platform) == "failed")
    with pytest.raises(NemoJobFailedError, match="ImagePullBackOff: no such tag"):
        coming_up(platform, deferrable=True, timeout=3600).execute(context())


def test_a_deployment_larger_than_the_cluster_is_out_of_gpus(start_platform: StartPlatform) -> None:
    platform = start_platform(gpus=1)
    deployment(platform, gpus=2).execute(context())
    until(lambda: deployment_status(platform) == "failed")
    with pytest.raises(NemoOutOfGpusError, match="2 GPUs requested"):
        coming_up(platform).execute(context())
