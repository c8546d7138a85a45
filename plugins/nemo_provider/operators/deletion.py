"""Stop serving a model."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import AirflowRuntimeError

from nemo_provider.errors import NemoError, NemoUnavailableError
from nemo_provider.links.nemo import NemoLink, push_link
from nemo_provider.operators.base import NemoOperator
from nemo_provider.reading import mapping, text
from nemo_provider.states import Event, Outcome
from nemo_provider.times import parse_time
from nemo_provider.triggers.nemo import NemoJobTrigger
from nemo_provider.watching import Watch, look

#: Where Airflow keeps, from try to try, what the first one found.
_STORE_KEY = "deleted"


class NemoDeleteDeploymentOperator(NemoOperator):
    """Delete a deployment and wait until the platform does not know it any more. A missing one is fine.

    Returns ``{"deployment": "ns/name", "existed": true, "lifetime_seconds": 412.5}``; the lifetime, from creation to
    the first request to delete it, only if it existed. Every error of the platform is a ``NemoUnavailableError``, also a
    refused credential: while GPUs may be held, a retry is worth it.

    :param deployment: reference ``namespace/name`` (templated).
    :param timeout: seconds to wait for it to be gone; then ``NemoUnavailableError``, and a retry waits again.
    :param poll_interval: seconds between two looks.
    :param gpu_release_seconds: seconds to wait after it is gone. On Kubernetes its GPUs come free more than a
        minute later; without a wait the next thing that needs them stays pending until then.
    :param deferrable: wait without a worker.
    """

    template_fields: Sequence[str] = (*NemoOperator.template_fields, "deployment")
    operator_extra_links = (NemoLink(),)

    def __init__(
        self,
        *,
        deployment: str,
        timeout: float = 600.0,
        poll_interval: float = 10.0,
        gpu_release_seconds: float = 0.0,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.deployment = deployment
        self.timeout = timeout
        self.poll_interval = poll_interval
        self.gpu_release_seconds = gpu_release_seconds
        self.deferrable = deferrable

    def execute(self, context: Any) -> dict[str, Any]:
        """Delete, then wait for it to be gone."""
        watch = Watch(time.time() + self.timeout, self.log)
        try:
            report = self._delete(context)
        except NemoError as error:
            raise self._unconfirmed(str(error)) from error
        if not report["existed"]:
            return report
        event = self._look(watch)
        if event is None and self.deferrable:
            self._defer(report, watch.end_time)
        while event is None:
            time.sleep(self.poll_interval)
            event = self._look(watch)
        self._confirmed(event)
        time.sleep(self.gpu_release_seconds)
        return report

    def execute_complete(self, context: Any, event: Event | str) -> dict[str, Any]:
        """Raise the error of a deletion that is not confirmed; a confirmed one ends in the trigger.

        Under ``dag.test()`` it comes back with the mere word, and the report with what is certain.
        """
        if isinstance(event, str):
            return self._of_first_try(context, {"deployment": self.deployment, "existed": True}, None)
        return self._confirmed(event)

    def _delete(self, context: Any) -> dict[str, Any]:
        found = self._find()
        # Found, then unknown to the delete: an earlier answer to it was lost.
        existed = self.hook.delete_deployment(self.deployment) or found is not None
        self.log.info("Deleted deployment %s" if existed else "There is no deployment %s", self.deployment)
        push_link(context, self.hook.wire.base_url, "deployment", self.deployment)
        report: dict[str, Any] = {"deployment": self.deployment, "existed": existed}
        created_at = text(mapping(found).get("created_at"))
        if (age := _age(created_at)) is not None:
            report["lifetime_seconds"] = age
        return self._of_first_try(context, report, created_at)

    def _find(self) -> dict[str, Any] | None:
        try:
            return self.hook.get_deployment(self.deployment)
        except NemoError as error:
            # Only the report is the poorer for it; the deletion is asked for all the same.
            self.log.warning("Could not look at deployment %s: %s", self.deployment, error)
            return None

    def _of_first_try(self, context: Any, report: dict[str, Any], created_at: str | None) -> dict[str, Any]:
        """Return the report of the try that first asked for the deletion: later ones find less, and later."""
        store = context.get("task_state_store")
        if store is None:
            return report
        try:
            first = mapping(store.get(_STORE_KEY))
            if first.get("deployment") == self.deployment and created_at in (None, first.get("created_at")):
                return {key: value for key, value in first.items() if key != "created_at"}
            if created_at:
                store.set(_STORE_KEY, {**report, "created_at": created_at})
        except AirflowRuntimeError as error:
            self.log.warning("What a retry should know could not be kept: %s", error)
        return report

    def _look(self, watch: Watch) -> Event | None:
        return watch.take(look(self.hook, "deployment_gone", self.deployment), time.time())

    def _defer(self, report: dict[str, Any], end_time: float) -> None:
        self.defer(
            trigger=NemoJobTrigger(
                kind="deployment_gone",
                name=self.deployment,
                conn_id=self.nemo_conn_id,
                base_url=self.base_url,
                poll_interval=self.poll_interval,
                end_time=end_time,
                settle_seconds=self.gpu_release_seconds,
                carry=report,
                end_from_trigger=True,
            ),
            method_name="execute_complete",
        )

    def _confirmed(self, event: Event) -> dict[str, Any]:
        if event["outcome"] != Outcome.SUCCEEDED:
            raise self._unconfirmed(f"The last look: {event['reason']}")
        return event["details"]

    def _unconfirmed(self, problem: str) -> NemoUnavailableError:
        return NemoUnavailableError(
            f"Deployment {self.deployment} is not confirmed gone and may hold its GPUs; a retry deletes it again and "
            f"waits again. {problem}"
        )


def _age(created_at: str | None) -> float | None:
    try:
        return (datetime.now(UTC) - parse_time(created_at)).total_seconds() if created_at else None
    except ValueError:
        return None
