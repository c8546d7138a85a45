"""What all operators share: how they reach the platform, and how they submit a job so that it is submitted once."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import cached_property
from typing import Any, ClassVar

from airflow.sdk import BaseOperator
from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import AirflowFailException

from nemo_provider import identity
from nemo_provider.errors import NemoApiError, NemoConfigurationError, NemoError, NemoUnavailableError
from nemo_provider.hooks.nemo import NemoHook
from nemo_provider.hooks.wire import plain_url
from nemo_provider.links.nemo import NemoLink, push_link
from nemo_provider.states import word

#: One job per task instance of a run, whatever the try.
DEFAULT_JOB_KEY = "{{ ti.dag_id }}/{{ ti.run_id }}/{{ ti.task_id }}/{{ ti.map_index }}"
DEFAULT_OWNER = "{{ ti.dag_id }}/{{ ti.run_id }}"
#: Looks for a job whose submission was not answered, spread over ``lost_answer_seconds``.
_LOOKS = 40


class NemoOperator(BaseOperator):
    """Reach the platform.

    :param nemo_conn_id: Airflow connection of type HTTP (templated).
    :param base_url: address of the platform if that connection does not exist (templated). Never a secret.
    """

    template_fields: Sequence[str] = ("nemo_conn_id", "base_url")
    ui_color = "#76b900"

    def __init__(
        self, *, nemo_conn_id: str = NemoHook.default_conn_name, base_url: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.nemo_conn_id = nemo_conn_id
        self.base_url = base_url
        check_base_url(base_url)

    @cached_property
    def hook(self) -> NemoHook:
        """Make the hook when the task runs, so that parsing a DAG touches nothing."""
        return NemoHook(self.nemo_conn_id, self.base_url)


class NemoSubmitOperator(NemoOperator):
    """Submit a job once, whatever happens to the task that does it.

    Before submitting it looks: an active job under the same ``job_key`` that asked for the same is attached to, a
    completed one is reused, failed and cancelled ones are left and a new one is submitted. An unfinished job under
    the key that asked for something *else* is cancelled first: the work under this key has changed, nobody waits
    for the old answer. When the answer to a submission is lost the job is looked up, never submitted blindly again.

    :param namespace: where the job lives (templated).
    :param project: project of the job (templated).
    :param description: what is said of the job beside the marks (templated).
    :param job_key: what this job is for; two submissions with the same key are the same work (templated). By
        default the task instance in its run.
    :param custom_fields: further marks on the job (templated).
    :param lost_answer_seconds: how long to look for a job whose submission was not answered (a timeout, a broken
        connection, 502, 503 or 504): the platform may still be working on it. Only then is the error raised, and a
        retry, which looks again, submits anew.
    """

    kind: ClassVar[str]
    what: ClassVar[str]
    template_fields: Sequence[str] = (
        *NemoOperator.template_fields,
        *("namespace", "project", "description", "job_key", "custom_fields"),
    )
    operator_extra_links = (NemoLink(),)

    _job_id: str | None = None
    _killed = False

    def __init__(
        self,
        *,
        namespace: str = "default",
        project: str | None = None,
        description: str | None = None,
        job_key: str = DEFAULT_JOB_KEY,
        custom_fields: dict[str, str] | None = None,
        lost_answer_seconds: float = 120.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.namespace = namespace
        self.project = project
        self.description = description
        self.job_key = job_key
        self.custom_fields = custom_fields
        self.lost_answer_seconds = lost_answer_seconds

    def request(self) -> dict[str, Any]:
        """Return what this kind of job is asked, secret references unresolved."""
        raise NotImplementedError

    def body(self) -> dict[str, Any]:
        """Return the request as the platform wants it, without key and owner."""
        body = {
            **self.request(),
            "namespace": self.namespace,
            "project": self.project,
            "description": self.description,
            "custom_fields": self.custom_fields,
        }
        return {key: value for key, value in body.items() if value is not None}

    def is_usable(self, job: dict[str, Any]) -> bool:
        """Say whether a completed job can still be reused."""
        return True

    def execute(self, context: Any) -> str:
        """Attach, reuse or submit; return the job id."""
        body = identity.mark(self.body(), self.job_key, owner_mark(context))
        job, origin = self._find_or_submit(body)
        self._job_id = job["id"]
        if self._killed:
            self._cancel()
            raise AirflowFailException(f"Killed while submitting; {self.what} {self._job_id} was cancelled")
        context["ti"].xcom_push(key="origin", value=origin)
        push_link(context, self.hook.wire.base_url, self.kind, self._job_id)
        self.after_submit(context, job)
        return self._job_id

    def after_submit(self, context: Any, job: dict[str, Any]) -> None:
        """Push what else the job has to say."""

    def on_kill(self) -> None:
        """Cancel the job; if its id is not known yet, `execute` does so as soon as it is."""
        self._killed = True
        if self._job_id:
            self._cancel()

    def _find_or_submit(self, body: dict[str, Any]) -> tuple[dict[str, Any], str]:
        plan = identity.plan(self._ours(), identity.fingerprint(body))
        for job in plan.superseded:
            self.hook.cancel_job(self.kind, job["id"])
            self.log.info("Cancelled %s %s: the request under its key has changed", self.what, job["id"])
        if plan.job and (plan.action == "attach" or self.is_usable(plan.job)):
            self.log.info("Found %s %s (%s)", self.what, plan.job["id"], word(plan.job.get("status")))
            return plan.job, plan.action
        job = self._submit(body, known={job["id"] for job in plan.known})
        self.log.info("Submitted %s %s", self.what, job["id"])
        return job, "submit"

    def _submit(self, body: dict[str, Any], known: set[str]) -> dict[str, Any]:
        problem: NemoError
        try:
            return self.hook.create_job(self.kind, body)
        except NemoUnavailableError as error:
            if not error.sent:
                raise
            problem, seconds = error, self.lost_answer_seconds
        except NemoApiError as error:
            if error.status < 500:
                raise
            # An answer: nothing goes on behind it. But the job may have been made before it went wrong.
            problem, seconds = error, 0.0
        if made := self._look_for(known, seconds):
            self.log.info("The answer was lost; the platform has %s %s", self.what, made["id"])
            return made
        raise NemoUnavailableError(
            f"{problem}. No {self.what} of this task was found within {seconds:.0f} s; a retry looks again before it "
            "submits"
        ) from problem

    def _look_for(self, known: set[str], seconds: float) -> dict[str, Any] | None:
        end = time.monotonic() + seconds
        while True:
            try:
                made = next((job for job in self._ours() if job["id"] not in known), None)
            except NemoError as error:
                # What cost the first answer may cost this one.
                self.log.warning("Could not look for the %s: %s", self.what, error)
                made = None
            if made or time.monotonic() >= end:
                return made
            time.sleep(seconds / _LOOKS)

    def _ours(self) -> list[dict[str, Any]]:
        jobs = self.hook.list_jobs(self.kind, self.namespace)
        return [job for job in jobs if identity.is_under(job, self.job_key)]

    def _cancel(self) -> None:
        assert self._job_id is not None, "asked to cancel before there was a job"
        if self.hook.cancel_job(self.kind, self._job_id):
            self.log.info("Cancelled %s %s", self.what, self._job_id)


def check_base_url(base_url: str | None) -> None:
    """Refuse a base URL that is none, or carries a credential, when the DAG is parsed; templates pass."""
    if isinstance(base_url, str) and base_url and "{{" not in base_url:
        try:
            plain_url(base_url, "base_url")
        except NemoConfigurationError as error:
            raise ValueError(str(error)) from None


def installation() -> str | None:
    """Return this Airflow's name among all that share a platform, ``[nemo] installation`` of its configuration; None without."""
    return conf.get("nemo", "installation", fallback=None) or None


def owner_mark(context: Any) -> dict[str, str]:
    """Return who made a remote thing, for the thing's ``custom_fields``."""
    ti, name = context["ti"], installation()
    return {
        identity.DAG_ID: ti.dag_id,
        identity.RUN_ID: ti.run_id,
        "airflow_task_id": ti.task_id,
        "airflow_map_index": str(ti.map_index),
        **({identity.INSTALLATION: name} if name else {}),
    }
