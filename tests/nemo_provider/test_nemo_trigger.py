"""The trigger, run as the triggerer runs it, against the embedded platform."""

import asyncio
import inspect
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk._shared.module_loading import import_string
from airflow.sdk.execution_time import task_runner
from airflow.sdk.execution_time.comms import TaskStatesResult
from airflow.triggers.base import TaskSuccessEvent

from nemo_provider.triggers.nemo import NemoJobTrigger
from tests.nemo_provider.conftest import StartPlatform
from tests.nemo_provider.support import (
    TaskInstance,
    Tenant,
    customizable,
    customization,
    deployment,
    statuses,
    until,
)
from tests.nemo_provider.waits import events, trigger

SLOW = 60.0


def submitted(platform: Tenant, tmp_path: Path) -> str:
    return customization(platform, customizable(platform, tmp_path)).execute({"ti": TaskInstance()})


def deployed(platform: Tenant) -> str:
    return deployment(platform).execute({"ti": TaskInstance()})


def test_a_trigger_survives_the_journey_to_the_triggerer() -> None:
    unusual: dict[str, Any] = {
        "kind": "model",
        "name": "ns/m@cust-1",
        "conn_id": "nim_here",
        "base_url": "http://nim.test",
        "poll_interval": 7.0,
        "end_time": 9.0,
        "cancel_on_kill": False,
        "cancel_on_timeout": False,
        "settle_seconds": 3.0,
        "carry": {"existed": True},
        "end_from_trigger": True,
    }
    path, arguments = NemoJobTrigger(**unusual).serialize()
    assert arguments == unusual
    assert import_string(path)(**arguments).serialize() == (path, unusual)
    assert set(unusual) == set(inspect.signature(NemoJobTrigger).parameters)


def test_a_serialized_trigger_holds_no_secret(connection: Callable[..., None], platform: Tenant) -> None:
    connection("nemo_sealed", platform.nemo_url, password="s3cret-token", extra={"X-Key": "k3y-value"})
    waiting = trigger(platform, "evaluation", "eval-none", conn_id="nemo_sealed", base_url=None, end_time=0.0)
    asyncio.run(events(waiting))
    assert "s3cret-token" not in f"{waiting.serialize()} {waiting!r} {vars(waiting)}"
    assert "k3y-value" not in f"{waiting.serialize()} {waiting!r} {vars(waiting)}"


async def test_a_trigger_yields_exactly_one_event(start_platform: StartPlatform, tmp_path: Path) -> None:
    platform = start_platform()
    job_id = await asyncio.to_thread(submitted, platform, tmp_path)
    [event] = await events(trigger(platform, "customization", job_id))
    assert event["outcome"] == "succeeded"
    assert event["details"]["output_model"].endswith(job_id)


async def test_what_it_carries_comes_back_with_the_event(platform: Tenant) -> None:
    [event] = await events(trigger(platform, "deployment_gone", "ns/none", carry={"lifetime_seconds": 4.5}))
    assert event["details"] == {"deployment": "ns/none", "lifetime_seconds": 4.5}


async def test_anything_but_success_goes_back_to_a_worker(platform: Tenant) -> None:
    late = trigger(platform, "deployment", "ns/none", end_time=0.0, end_from_trigger=True)
    [event] = [event async for event in late.run()]
    assert not isinstance(event, TaskSuccessEvent)
    assert event.payload["outcome"] == "timed_out"


async def test_it_logs_one_line_per_change(
    start_platform: StartPlatform, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    platform = start_platform(image_pull=0.3)
    name = await asyncio.to_thread(deployed, platform)
    capsys.readouterr()
    await events(trigger(platform, "deployment", name))
    lines = [
        line for line in capsys.readouterr().out.splitlines() + caplog.messages if "deployment team-" in line
    ]
    assert 1 <= len(lines) <= 3


async def test_unknown_status_keeps_waiting_until_end_time(start_platform: StartPlatform) -> None:
    strange = {"status": 200, "body": {"id": "eval-1", "status": "hibernating"}}
    platform = start_platform({"method": "GET", "path": "/v1/evaluation/jobs/eval-1", "action": strange})
    began = time.time()
    [event] = await events(trigger(platform, "evaluation", "eval-1", end_time=began + 0.3))
    assert (event["outcome"], event["status"]) == ("timed_out", "hibernating")
    assert time.time() >= began + 0.3


async def test_the_deadline_cancels_the_job(start_platform: StartPlatform, tmp_path: Path) -> None:
    platform = start_platform(job_start=SLOW)
    job_id = await asyncio.to_thread(submitted, platform, tmp_path)
    [event] = await events(trigger(platform, "customization", job_id, end_time=time.time() + 0.1))
    assert event["outcome"] == "timed_out"
    await asyncio.to_thread(until, lambda: statuses(platform) == ["cancelled"])


async def test_a_trained_model_is_waited_for_until_it_is_uploaded(
    start_platform: StartPlatform, tmp_path: Path
) -> None:
    missing = {"status": 404, "body": {"detail": "not yet"}}
    platform = start_platform({"method": "GET", "path": "/v1/models/.*", "action": missing})
    job_id = await asyncio.to_thread(submitted, platform, tmp_path)
    await asyncio.to_thread(until, lambda: statuses(platform) == ["completed"])
    [event] = await events(trigger(platform, "customization", job_id, end_time=time.time() + 0.1))
    assert (event["outcome"], event["status"]) == ("timed_out", "completed")
    assert "not uploaded yet" in event["reason"]


async def test_a_failed_deployment_fires_at_once(start_platform: StartPlatform) -> None:
    platform = start_platform({"kind": "deployment", "fail": "CrashLoopBackOff"})
    name = await asyncio.to_thread(deployed, platform)
    [event] = await events(trigger(platform, "deployment", name, end_time=time.time() + 3600))
    assert (event["outcome"], event["reason"]) == ("failed", "CrashLoopBackOff")


async def test_the_token_is_read_from_the_connection(
    start_platform: StartPlatform, connection: Callable[..., None]
) -> None:
    platform = start_platform(bearer_token="right")
    connection("nemo_right", platform.nemo_url, password="right")
    connection("nemo_wrong", platform.nemo_url, password="wrong")
    [gone] = await events(trigger(platform, "deployment_gone", "ns/none", conn_id="nemo_right"))
    assert gone["outcome"] == "succeeded"
    [refused] = await events(trigger(platform, "deployment_gone", "ns/none", conn_id="nemo_wrong"))
    assert refused["outcome"] == "lost"
    assert "'nemo_wrong' was refused" in refused["reason"]


async def test_kill_cancels_the_job(start_platform: StartPlatform, tmp_path: Path) -> None:
    platform = start_platform(job_start=SLOW)
    job_id = await asyncio.to_thread(submitted, platform, tmp_path)
    await trigger(platform, "customization", job_id).on_kill()
    await asyncio.to_thread(until, lambda: statuses(platform) == ["cancelled"])


@pytest.mark.parametrize("changes", [{"cancel_on_kill": False}, {"kind": "deployment", "name": "ns/none"}])
async def test_kill_leaves_alone_what_is_not_the_tasks(
    start_platform: StartPlatform, tmp_path: Path, changes: dict[str, Any]
) -> None:
    platform = start_platform(job_start=SLOW)
    job_id = await asyncio.to_thread(submitted, platform, tmp_path)
    await trigger(platform, **{"kind": "customization", "name": job_id, **changes}).on_kill()
    assert await asyncio.to_thread(statuses, platform) == ["created"]


class Supervisor:
    """Airflow's side of the triggerer: knows the states of task instances."""

    def __init__(self, states: dict[str, Any] | None) -> None:
        self.states = states

    def send(self, message: Any) -> Any:
        if self.states is None:
            raise OSError("the API server is away")
        return TaskStatesResult(task_states=self.states)


@pytest.fixture
def supervised(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, Any] | None], None]:
    def say(states: dict[str, Any] | None) -> None:
        monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", Supervisor(states), raising=False)

    return say


@pytest.mark.parametrize(
    ("states", "cancelled"),
    [
        ({"a_run": {"a_task": "failed"}}, True),
        ({"a_run": {"a_task": "success"}}, True),
        ({}, True),
        ({"a_run": {"a_task": "deferred"}}, False),
        ({"a_run": {"a_task": "queued"}}, False),
        ({"a_run": {"a_task": None}}, False),
        (None, False),
    ],
)
async def test_a_job_that_somebody_still_waits_for_is_left_alone(
    start_platform: StartPlatform,
    tmp_path: Path,
    supervised: Callable[..., None],
    states: dict[str, Any] | None,
    cancelled: bool,
) -> None:
    platform = start_platform(job_start=SLOW)
    job_id = await asyncio.to_thread(submitted, platform, tmp_path)
    supervised(states)
    waiting = trigger(platform, "customization", job_id)
    waiting.task_instance = TaskInstance()
    await waiting.on_kill()
    now = (await asyncio.to_thread(statuses, platform))[0]
    assert now in (("cancelling", "cancelled") if cancelled else ("created",))


async def test_a_second_cancel_does_not_stop_the_first(
    start_platform: StartPlatform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform = start_platform(job_start=SLOW)
    job_id = await asyncio.to_thread(submitted, platform, tmp_path)
    asked, answer = threading.Event(), threading.Event()

    class SlowSupervisor(Supervisor):
        def send(self, message: Any) -> Any:
            asked.set()
            answer.wait(10)
            return super().send(message)

    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", SlowSupervisor({}), raising=False)
    waiting = trigger(platform, "customization", job_id)
    waiting.task_instance = TaskInstance()
    killing = asyncio.create_task(waiting.on_kill())
    assert await asyncio.to_thread(asked.wait, 10)
    killing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await killing
    answer.set()
    await asyncio.to_thread(until, lambda: statuses(platform) == ["cancelled"])


@pytest.mark.parametrize("reachable", [True, False])
async def test_success_ends_the_task_in_the_triggerer_if_its_value_can_be_pushed(
    platform: Tenant, monkeypatch: pytest.MonkeyPatch, reachable: bool
) -> None:
    pushed: list[Any] = []

    class Receiver(Supervisor):
        def send(self, message: Any) -> Any:
            super().send(message)
            pushed.append((message.task_id, message.key, message.value))

    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", Receiver({} if reachable else None), raising=False)
    gone = trigger(
        platform, "deployment_gone", "ns/none", carry={"lifetime_seconds": 4.5}, end_from_trigger=True
    )
    gone.task_instance = TaskInstance()
    [event] = [event async for event in gone.run()]
    value = {"deployment": "ns/none", "lifetime_seconds": 4.5}
    if reachable:
        assert isinstance(event, TaskSuccessEvent)
        assert pushed == [("a_task", "return_value", value)]
    else:
        assert event.payload["details"] == value


async def test_cleanup_cancels_nothing(start_platform: StartPlatform, tmp_path: Path) -> None:
    platform = start_platform(job_start=SLOW)
    job_id = await asyncio.to_thread(submitted, platform, tmp_path)
    await trigger(platform, "customization", job_id).cleanup()
    assert await asyncio.to_thread(statuses, platform) == ["created"]
