"""Release what a DAG run has left."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from nemo_provider.cleanup import Leftovers, left_of_run, release
from nemo_provider.errors import NemoError, NemoUnavailableError
from nemo_provider.operators.base import NemoOperator


class NemoReleaseRunOperator(NemoOperator):
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
    ui_color = "#b7c7a0"

    def __init__(
        self,
        *,
        namespace: str,
        dag_id: str = "{{ ti.dag_id }}",
        run_id: str = "{{ ti.run_id }}",
        timeout: float = 600.0,
        poll_interval: float = 10.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.namespace = namespace
        # An operator's own dag_id says where it is.
        self.of_dag_id = dag_id
        self.of_run_id = run_id
        self.timeout = timeout
        self.poll_interval = poll_interval

    def execute(self, context: Any) -> dict[str, list[str]]:
        """Release until nothing is left."""
        end = time.monotonic() + self.timeout
        cancelled: dict[str, None] = {}
        deleted: dict[str, None] = {}
        left = self._look()
        while not left.nothing:
            try:
                release(self.hook, left)
            except NemoError as error:
                raise self._held(left, f"{error}") from error
            cancelled.update(dict.fromkeys(job_id for _, job_id in left.jobs))
            deleted.update(dict.fromkeys(left.deployments))
            self.log.info("Asked for the release of %s", left)
            left = self._look(left)
            if left.nothing:
                break
            if time.monotonic() >= end:
                raise self._held(left, f"They are still there after {self.timeout:.0f} s")
            time.sleep(self.poll_interval)
        return {"cancelled": list(cancelled), "deleted": list(deleted)}

    def _look(self, before: Leftovers | None = None) -> Leftovers:
        try:
            return left_of_run(self.hook, self.namespace, dag_id=self.of_dag_id, run_id=self.of_run_id)
        except NemoError as error:
            raise self._held(before, f"Looking for it failed: {error}") from error

    def _held(self, left: Leftovers | None, problem: str) -> NemoUnavailableError:
        return NemoUnavailableError(
            f"{left or 'What it has left'} of run {self.of_run_id} of {self.of_dag_id} may still hold GPUs; a retry "
            f"looks again. {problem}"
        )
