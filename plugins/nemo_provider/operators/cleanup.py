"""Release what DAG runs have left: one run as its last task, all that have ended as a DAG of its own."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

from nemo_provider.cleanup import Leftovers, left_by_runs, left_of_run, release
from nemo_provider.errors import NemoConfigurationError, NemoError, NemoUnavailableError
from nemo_provider.operators.base import NemoOperator, installation

#: States of a DAG run that may still need what it has made.
LIVE = ("queued", "running")


class _ReleaseOperator(NemoOperator):
    """Cancel jobs and delete deployments until there are none to be found."""

    ui_color = "#b7c7a0"

    def __init__(
        self, *, namespace: str, timeout: float = 600.0, poll_interval: float = 10.0, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.namespace = namespace
        self.timeout = timeout
        self.poll_interval = poll_interval

    @abstractmethod
    def look(self, context: Any) -> Leftovers:
        """Return what is to be released and still there."""

    @property
    @abstractmethod
    def whose(self) -> str:
        """Whose it is, for messages."""

    def execute(self, context: Any) -> dict[str, list[str]]:
        """Release until nothing is left."""
        end = time.monotonic() + self.timeout
        cancelled: dict[str, None] = {}
        deleted: dict[str, None] = {}
        left = self._look(context)
        while not left.nothing:
            try:
                release(self.hook, left)
            except NemoError as error:
                raise self._held(left, f"{error}") from error
            cancelled.update(dict.fromkeys(job_id for _, job_id in left.jobs))
            deleted.update(dict.fromkeys(left.deployments))
            self.log.info("Asked for the release of %s", left)
            left = self._look(context, left)
            if left.nothing:
                break
            if time.monotonic() >= end:
                raise self._held(left, f"They are still there after {self.timeout:.0f} s")
            time.sleep(self.poll_interval)
        return {"cancelled": list(cancelled), "deleted": list(deleted)}

    def _look(self, context: Any, before: Leftovers | None = None) -> Leftovers:
        try:
            return self.look(context)
        except NemoError as error:
            raise self._held(before, f"Looking for it failed: {error}") from error

    def _held(self, left: Leftovers | None, problem: str) -> NemoUnavailableError:
        return NemoUnavailableError(
            f"{left or 'What it has left'} of {self.whose} may still hold GPUs; a retry looks again. {problem}"
        )


class NemoReleaseRunOperator(_ReleaseOperator):
    """Cancel the jobs and delete the deployments that a DAG run has left, until there are none.

    For the last task of a DAG, with ``trigger_rule="all_done"``: normally there is nothing left. What is the run's is
    told by the marks that the operators of this provider put on what they make. Returns ``{"cancelled": ["cust-…"],
    "deleted": ["ns/name"]}``. Every error is a ``NemoUnavailableError`` that names what may still hold GPUs, so that a
    retry is made, also after a refused credential.

    :param namespace: where to look (templated).
    :param dag_id: whose run; by default this DAG's (templated).
    :param run_id: which run; by default the current one (templated).
    :param timeout: seconds to wait for deployments to be gone.
    :param poll_interval: seconds between two looks.
    """

    template_fields: Sequence[str] = (*NemoOperator.template_fields, "namespace", "of_dag_id", "of_run_id")

    def __init__(
        self, *, dag_id: str = "{{ ti.dag_id }}", run_id: str = "{{ ti.run_id }}", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        # An operator's own dag_id says where it is.
        self.of_dag_id = dag_id
        self.of_run_id = run_id

    def look(self, context: Any) -> Leftovers:
        """Return what the run still has."""
        return left_of_run(
            self.hook,
            self.namespace,
            dag_id=self.of_dag_id,
            run_id=self.of_run_id,
            installation=installation(),
        )

    @property
    def whose(self) -> str:
        """The run."""
        return f"run {self.of_run_id} of {self.of_dag_id}"


class NemoReapOperator(_ReleaseOperator):
    """Cancel the jobs and delete the deployments of runs that have ended, or were deleted: what no task released.

    For a DAG of its own, every hour or so: a run that was deleted, or marked failed, may leave a training or a deployment
    behind, because Airflow then runs no task of it any more. Released is only what bears the mark of a run of this
    installation (``[nemo] installation``; ``installation`` in the DAG) that is neither queued nor running. Everything else
    is left alone: what live runs have, what bears another installation's mark or none, and what releases before 25.10 keep
    without ``custom_fields``. Whether a run lives is asked anew before each release. What several runs share, by a key of
    their own, counts as the run's that made it: give such things a DAG that stays alive, or release them otherwise.

    Returns ``{"cancelled": ["cust-…"], "deleted": ["ns/name"]}``. Raises ``NemoConfigurationError`` without an installation, else
    as ``NemoReleaseRunOperator`` does.

    :param namespace: where to look (templated).
    :param timeout: seconds to wait for deployments to be gone.
    :param poll_interval: seconds between two looks.
    """

    template_fields: Sequence[str] = (*NemoOperator.template_fields, "namespace")

    def execute(self, context: Any) -> dict[str, list[str]]:
        """Release until nothing is left."""
        self._name()
        return super().execute(context)

    def look(self, context: Any) -> Leftovers:
        """Return what runs that have ended still have."""
        ended = Leftovers([], [])
        for (dag_id, run_id), left in left_by_runs(self.hook, self.namespace, self._name()).items():
            if context["ti"].get_dr_count(dag_id=dag_id, run_ids=[run_id], states=list(LIVE)):
                continue
            self.log.warning("Run %s of %s has ended and left %s", run_id, dag_id, left)
            ended.jobs.extend(left.jobs)
            ended.deployments.extend(left.deployments)
        return ended

    def _name(self) -> str:
        name = installation()
        if name is None:
            raise NemoConfigurationError(
                "This Airflow has no name, so its runs cannot be told from those of another one that shares the platform. Set "
                "AIRFLOW__NEMO__INSTALLATION, for all of its components, to a name that no other has"
            )
        return name

    @property
    def whose(self) -> str:
        """Nobody's any more."""
        return "runs that have ended"
