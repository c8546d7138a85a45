"""What all sensors share: ask once, then wait in the triggerer, or here."""

from __future__ import annotations

import time
from functools import cached_property
from typing import Any, ClassVar

from airflow.sdk import BaseSensorOperator, PokeReturnValue
from airflow.sdk.configuration import conf

from nemo_provider.cancels import CANCEL
from nemo_provider.errors import NemoError
from nemo_provider.hooks.base import NemoHttpHook
from nemo_provider.hooks.nemo import NemoHook
from nemo_provider.links.nemo import NemoLink, push_link
from nemo_provider.operators.base import check_base_url
from nemo_provider.polls import Kind
from nemo_provider.states import Event, Outcome, result_of
from nemo_provider.triggers.nemo import NemoJobTrigger
from nemo_provider.watching import Watch, look


class NemoSensor(BaseSensorOperator):
    """Wait for one remote thing and return what is known of it, a small dict.

    Fails at once, without retry, when the platform says failed or cancelled, with the platform's reason. An unknown
    status keeps waiting; up to three polls in a row may be lost, whatever the error, and only a mistake in the
    configuration ends the wait at once. Asks before it defers: a task that resumes at once can be failed by Airflow's
    scheduler, for the same reason give it ``retries`` of at least 2.

    A wait without success pushes what was last known as the XCom ``details`` before it fails, for a report of what that
    cost: the same dict that it returns when all goes well.

    :param nemo_conn_id: Airflow connection of type HTTP (templated).
    :param base_url: address if that connection does not exist (templated). Never a secret.
    :param poll_interval: seconds between two polls.
    :param timeout: seconds, of wall-clock time from the start of this try, after which to give up.
    :param deferrable: wait without a worker. Default: Airflow's ``[operators] default_deferrable``.
    :param cancel_on_kill: cancel the job when a user kills this task.
    :param cancel_on_timeout: cancel the job when the wait is given up: nobody waits for it any more.
    :param mode: ``poke``. Rescheduled, each look would start the wait anew; ``deferrable=True`` frees the worker.
    """

    kind: ClassVar[Kind]
    #: Names of the attributes that say what is waited for, and through which connection.
    subject: ClassVar[str]
    conn_name_attr: ClassVar[str] = "nemo_conn_id"
    operator_extra_links = (NemoLink(),)
    ui_color = "#d4e8b0"

    def __init__(
        self,
        *,
        poll_interval: float,
        timeout: float,
        base_url: str | None = None,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        cancel_on_kill: bool = True,
        cancel_on_timeout: bool = True,
        mode: str = "poke",
        **kwargs: Any,
    ) -> None:
        if poll_interval <= 0:
            raise ValueError(f"poll_interval must be more than 0 seconds, not {poll_interval}")
        if mode == "reschedule":
            raise ValueError(
                "mode='reschedule' forgets between two looks how many were lost and what to cancel: use deferrable=True, "
                "which holds no worker either"
            )
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
        # The wait begins here, before the one that Airflow times: ours says what the job was, and cancels it.
        end_time = self._watch.end_time
        push_link(context, self.hook.wire.base_url, self.kind, self._subject)
        if not self.deferrable:
            return super().execute(context)
        event = self._ask()
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
            asked = Watch(time.time(), self.log).take(look(self.hook, self.kind, self._subject), time.time())
            assert asked is not None, "a wait that is over has an event"
            return self._result(context, asked)
        return self._result(context, event)

    def poke(self, context: Any) -> PokeReturnValue:
        """Ask once; raise the error that an end without success means."""
        event = self._ask()
        if event is None:
            return PokeReturnValue(is_done=False)
        return PokeReturnValue(is_done=True, xcom_value=self._result(context, event))

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

    @cached_property
    def _watch(self) -> Watch:
        """Start the wait when it is first asked for."""
        return Watch(time.time() + self.timeout, self.log)

    def _ask(self) -> Event | None:
        watch = self._watch
        event = watch.take(look(self.hook, self.kind, self._subject), time.time())
        if event and event["outcome"] == Outcome.TIMED_OUT and self.cancel_on_timeout:
            self._cancel()
        return event

    def _result(self, context: Any, event: Event) -> dict[str, Any]:
        if event["outcome"] != Outcome.SUCCEEDED and event["details"]:
            context["ti"].xcom_push(key="details", value=event["details"])
        return result_of(event)

    def _cancel(self) -> None:
        if self.kind not in CANCEL or not isinstance(self.hook, NemoHook):
            return
        try:
            if self.hook.cancel_job(self.kind, self._subject):
                self.log.info("Cancelled %s %s", self.kind, self._subject)
        except NemoError as error:
            # Raise nothing: the wait ends with an error of its own.
            self.log.warning("Could not cancel %s %s, it may go on: %s", self.kind, self._subject, error)
