"""One trigger for every kind of thing that is waited for."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from typing import Any

from airflow.sdk.exceptions import AirflowRuntimeError
from airflow.triggers.base import BaseTrigger, TaskSuccessEvent, TriggerEvent
from asgiref.sync import sync_to_async

from nemo_provider.cancels import CANCEL
from nemo_provider.errors import NemoError
from nemo_provider.hooks.base import NemoHttpHook
from nemo_provider.hooks.nemo import NemoHook
from nemo_provider.hooks.nim import NimHook
from nemo_provider.polls import Kind
from nemo_provider.states import Outcome
from nemo_provider.watching import Watch, alook

#: Share by which a pause varies, so that jobs submitted together are not polled together.
_JITTER = 0.1
#: States of a task instance in which nobody will come back for its job.
_OVER = frozenset({"failed", "success", "skipped", "removed", "upstream_failed"})
# Airflow cancels a trigger again while its on_kill runs; these tasks are kept alive until they are done.
_cancelling: set[asyncio.Task[None]] = set()


class NemoJobTrigger(BaseTrigger):
    """Poll one remote thing until it ends; fire exactly one event, see `nemo_provider.states.decide`.

    Carries names and numbers only: the credential is read from the connection in the triggerer.

    :param kind: ``customization``, ``evaluation``, ``deployment``, ``deployment_gone`` or ``model``.
    :param name: job id, ``namespace/name``, or model id.
    :param conn_id: Airflow connection, of the NIM for ``model``, else of the platform.
    :param base_url: address if that connection does not exist.
    :param poll_interval: seconds between two polls, and before the first: a task that resumes at once can be failed
        by the scheduler.
    :param end_time: seconds since the epoch at which to stop waiting; survives a restart of the triggerer.
    :param cancel_on_kill: cancel the job when a user kills the waiting task. A restart of the triggerer, its
        hand-over to another one and a cleared task never do.
    :param cancel_on_timeout: cancel the job when the wait is given up.
    :param settle_seconds: seconds between success and the event.
    :param carry: facts to hand through to the event's details.
    :param end_from_trigger: end the task here when all went well, its details as its return value. That saves a
        worker the way back, and the scheduler a task that it could mistake for a dead one: it fails a task that
        resumes before it has seen its first half end, which seconds of load are enough for. Anything but success
        still goes back to a worker, which raises the error.
    """

    def __init__(
        self,
        *,
        kind: Kind,
        name: str,
        conn_id: str,
        end_time: float,
        base_url: str | None = None,
        poll_interval: float = 30.0,
        cancel_on_kill: bool = True,
        cancel_on_timeout: bool = True,
        settle_seconds: float = 0.0,
        carry: dict[str, Any] | None = None,
        end_from_trigger: bool = False,
    ) -> None:
        super().__init__()
        self.kind: Kind = kind
        self.name = name
        self.conn_id = conn_id
        self.end_time = end_time
        self.base_url = base_url
        self.poll_interval = poll_interval
        self.cancel_on_kill = cancel_on_kill
        self.cancel_on_timeout = cancel_on_timeout
        self.settle_seconds = settle_seconds
        self.carry = carry
        self.end_from_trigger = end_from_trigger

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return class path and arguments."""
        names = (
            *("kind", "name", "conn_id", "end_time", "base_url", "poll_interval"),
            *("cancel_on_kill", "cancel_on_timeout", "settle_seconds", "carry", "end_from_trigger"),
        )
        return "nemo_provider.triggers.nemo.NemoJobTrigger", {name: getattr(self, name) for name in names}

    def make_hook(self) -> NemoHttpHook:
        """Return the hook of the service that knows this kind of thing."""
        hook = NimHook if self.kind == "model" else NemoHook
        return hook(self.conn_id, self.base_url)

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Poll until there is an event, fire it, end."""
        hook, watch = self.make_hook(), Watch(self.end_time, self.log)
        while True:
            await asyncio.sleep(self._pause(time.time()))
            event = watch.take(await alook(hook, self.kind, self.name), time.time())
            if event is None:
                continue
            if event["outcome"] == Outcome.TIMED_OUT and self.cancel_on_timeout:
                await self._cancel()
            if event["outcome"] == Outcome.SUCCEEDED:
                await asyncio.sleep(self.settle_seconds)
            details = {**event["details"], **(self.carry or {})}
            succeeded = event["outcome"] == Outcome.SUCCEEDED
            if succeeded and self.end_from_trigger and await self._returned(details):
                yield TaskSuccessEvent()
            else:
                yield TriggerEvent({**event, "details": details})
            return

    async def _returned(self, value: dict[str, Any]) -> bool:
        """Push the return value of the waiting task; return whether that went well.

        Not by the event's own ``xcoms``: Airflow 3.3 stores those as JSON inside JSON, and readers get a text.
        """
        from airflow.sdk.execution_time.xcom import XCom

        ti = self.task_instance
        if ti is None:
            return False
        try:
            await sync_to_async(XCom.set)(
                "return_value",
                value,
                dag_id=ti.dag_id,
                task_id=ti.task_id,
                run_id=ti.run_id,
                map_index=ti.map_index,
            )
        except (AirflowRuntimeError, OSError) as error:
            self.log.warning("The task ends on a worker: its return value could not be pushed (%s)", error)
            return False
        return True

    async def on_kill(self) -> None:
        """Cancel the job of a task that a user has killed.

        Airflow calls this, too, when another triggerer has taken over or the task was cleared; then the task's
        state says that somebody still wants the job. Airflow also cancels this call after about a second, so the
        work is done in a task of its own.
        """
        if not self.cancel_on_kill or self.kind not in CANCEL:
            return
        task = asyncio.create_task(self._cancel_if_over())
        _cancelling.add(task)
        task.add_done_callback(_cancelling.discard)
        await asyncio.shield(task)

    async def _cancel_if_over(self) -> None:
        if self.task_instance is not None:
            try:
                state = await self._task_state()
            except (AirflowRuntimeError, OSError) as error:
                self.log.warning(
                    "Left %s %s alone: state of its task unknown (%s)", self.kind, self.name, error
                )
                return
            if state is not None and state not in _OVER:
                self.log.info("Left %s %s alone: its task is %s", self.kind, self.name, state)
                return
        await self._cancel()

    async def _task_state(self) -> str | None:
        """Return the state of the waiting task, None if it does not exist any more."""
        from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

        ti = self.task_instance
        states = await sync_to_async(RuntimeTaskInstance.get_task_states)(
            dag_id=ti.dag_id, task_ids=[ti.task_id], run_ids=[ti.run_id], map_index=ti.map_index
        )
        found = states.get(ti.run_id)
        return str(next(iter(found.values()))) if found else None

    async def _cancel(self) -> None:
        hook = self.make_hook()
        if self.kind not in CANCEL or not isinstance(hook, NemoHook):
            return
        try:
            if await hook.acancel_job(self.kind, self.name):
                self.log.info("Cancelled %s %s", self.kind, self.name)
        except NemoError as error:
            self.log.warning("Could not cancel %s %s, it may go on: %s", self.kind, self.name, error)

    def _pause(self, now: float) -> float:
        pause = self.poll_interval * random.uniform(1 - _JITTER, 1 + _JITTER)
        # The last poll falls on the deadline, not after it; the pause is never nothing.
        return min(pause, max(self.end_time - now, min(1.0, self.poll_interval)))
