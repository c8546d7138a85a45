"""What all sensors share: ask once, then wait in the triggerer, or here."""

from __future__ import annotations

import time
from functools import cached_property
from typing import Any, ClassVar, Literal

from airflow.sdk import BaseSensorOperator, PokeReturnValue
from airflow.sdk.configuration import conf

from nemo_provider.errors import NemoNotFoundError, NemoUnavailableError
from nemo_provider.hooks.base import NemoHttpHook
from nemo_provider.hooks.nemo import NemoHook
from nemo_provider.links.nemo import NemoLink, push_link
from nemo_provider.operators.base import check_base_url
from nemo_provider.polls import CANCEL, Kind
from nemo_provider.states import Event, LostPoll, Observation, Outcome, decide, lost_poll, result_of
from nemo_provider.triggers.nemo import NemoJobTrigger


class NemoSensor(BaseSensorOperator):
    """Wait for one remote thing and return what is known of it, a small dict.

    Fails at once, without retry, when the platform says failed or cancelled, with the platform's reason. An unknown
    status keeps waiting; up to three polls in a row may be lost. Asks before it defers: a task that resumes at once
    can be failed by Airflow's scheduler, for the same reason give it ``retries`` of at least 2.

    :param nemo_conn_id: Airflow connection of type HTTP (templated).
    :param base_url: address if that connection does not exist (templated). Never a secret.
    :param poll_interval: seconds between two polls.
    :param timeout: seconds, of wall-clock time from the start of this try, after which to give up.
    :param deferrable: wait without a worker. Default: Airflow's ``[operators] default_deferrable``.
    :param cancel_on_kill: cancel the job when a user kills this task.
    :param cancel_on_timeout: cancel the job when the wait is given up: nobody waits for it any more.
    """

    kind: ClassVar[Kind]
    #: Names of the attributes that say what is waited for, and through which connection.
    subject: ClassVar[str]
    conn_name_attr: ClassVar[str] = "nemo_conn_id"
    operator_extra_links = (NemoLink(),)
    ui_color = "#d4e8b0"

    _end_time: float | None = None
    _lost = 0
    _progress = ""

    def __init__(
        self,
        *,
        poll_interval: float,
        timeout: float,
        base_url: str | None = None,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        cancel_on_kill: bool = True,
        cancel_on_timeout: bool = True,
        mode: Literal["poke", "reschedule"] = "poke",
        **kwargs: Any,
    ) -> None:
        if poll_interval <= 0:
            raise ValueError(f"poll_interval must be more than 0 seconds, not {poll_interval}")
        super().__init__(poke_interval=poll_interval, timeout=timeout, mode=mode, **kwargs)
        check_base_url(base_url)
        self.base_url = base_url
        self.poll_interval = poll_interval
        self.deferrable = deferrable
        self.cancel_on_kill = cancel_on_kill
        self.cancel_on_timeout = cancel_on_timeout

    @cached_property
    def hook(self) -> NemoHttpHook:
        """Make the hook when the task runs."""
        return NemoHook(self._conn_id, self.base_url)

    def execute(self, context: Any) -> Any:
        """Return at once if the wait is over; else defer, or poll here."""
        push_link(context, self.hook.wire.base_url, self.kind, self._subject)
        if not self.deferrable:
            return super().execute(context)
        end_time = time.time() + self.timeout
        event = self._ask(end_time)
        if event is not None:
            # Through Airflow's own path, so that soft_fail and never_fail mean what they say.
            return self.resume_execution("execute_complete", {"event": event}, context)
        self.defer(
            trigger=NemoJobTrigger(
                kind=self.kind,
                name=self._subject,
                conn_id=self._conn_id,
                base_url=self.base_url,
                poll_interval=self.poll_interval,
                end_time=end_time,
                cancel_on_kill=self.cancel_on_kill,
                cancel_on_timeout=self.cancel_on_timeout,
                end_from_trigger=True,
            ),
            method_name="execute_complete",
        )

    def execute_complete(self, context: Any, event: Event | str) -> dict[str, Any]:
        """Raise the error that the event means.

        Success does not come back here but under ``dag.test()``, which resumes with the mere word: then the platform
        is asked once more.
        """
        if isinstance(event, str):
            asked = self._ask(time.time())
            assert asked is not None, "a wait that is over has an event"
            return result_of(asked)
        return result_of(event)

    def poke(self, context: Any) -> PokeReturnValue:
        """Ask once; raise the error that an end without success means."""
        if self._end_time is None:
            self._end_time = time.time() + self.timeout
        event = self._ask(self._end_time)
        if event is None:
            return PokeReturnValue(is_done=False)
        if event["outcome"] == Outcome.TIMED_OUT and self.cancel_on_timeout:
            self._cancel()
        return PokeReturnValue(is_done=True, xcom_value=result_of(event))

    def on_kill(self) -> None:
        """Cancel the job, while this task is on a worker; deferred, its trigger does."""
        if self.cancel_on_kill:
            self._cancel()

    @property
    def _subject(self) -> str:
        return getattr(self, self.subject)

    @property
    def _conn_id(self) -> str:
        return getattr(self, self.conn_name_attr)

    def _ask(self, end_time: float) -> Event | None:
        poll: Observation | LostPoll
        try:
            poll, self._lost = self.hook.poll(self.kind, self._subject), 0
        except (NemoUnavailableError, NemoNotFoundError) as error:
            poll, self._lost = lost_poll(self.kind, self._subject, error), self._lost + 1
            self.log.warning("Lost poll %d: %s", self._lost, poll.problem)
        if isinstance(poll, Observation) and poll.progress != self._progress:
            self._progress = poll.progress
            self.log.info(self._progress)
        return decide(poll, now=time.time(), end_time=end_time, lost_polls=self._lost)

    def _cancel(self) -> None:
        if self.kind not in CANCEL or not isinstance(self.hook, NemoHook):
            return
        if self.hook.cancel_job(self.kind, self._subject):
            self.log.info("Cancelled %s %s", self.kind, self._subject)
