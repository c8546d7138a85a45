"""Release what a DAG run has left on the platform, whatever became of the tasks that made it.

For the last task of a DAG, and for programs that end a run from outside. No Airflow here: the run is named, the hook given.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from nemo_provider.cancels import CANCEL
from nemo_provider.errors import NemoConflictError, NemoError, NemoUnavailableError
from nemo_provider.hooks.nemo import NemoHook
from nemo_provider.identity import is_of_run, run_of
from nemo_provider.states import is_active


@dataclass(frozen=True)
class Leftovers:
    """Hold what may still use GPUs: ``jobs`` as ``[("customization", "cust-…")]``, ``deployments`` as ``["ns/name"]``.

    Jobs that are being cancelled are not in it; deployments are, until they are gone.
    """

    jobs: list[tuple[str, str]]
    deployments: list[str]

    @property
    def nothing(self) -> bool:
        """Say whether the run has left nothing."""
        return not self.jobs and not self.deployments

    def __str__(self) -> str:
        return ", ".join(
            [
                *(f"{kind} {job_id}" for kind, job_id in self.jobs),
                *(f"deployment {name}" for name in self.deployments),
            ]
        )


def left_of_run(
    hook: NemoHook, namespace: str, *, dag_id: str, run_id: str, installation: str | None = None
) -> Leftovers:
    """Return what a DAG run still has in a namespace, by the mark of its owner.

    A job or deployment that several runs share, by a key of their own, counts as the run's that made it.
    ``installation`` keeps apart Airflows that share the namespace and may have runs of the same name.
    """
    return Leftovers(
        jobs=[
            (kind, job["id"])
            for kind, job in _active_jobs(hook, namespace)
            if is_of_run(job, dag_id, run_id, installation)
        ],
        deployments=[
            f"{namespace}/{deployment['name']}"
            for deployment in hook.list_deployments(namespace)
            if is_of_run(deployment, dag_id, run_id, installation)
        ],
    )


def left_by_runs(hook: NemoHook, namespace: str, installation: str) -> dict[tuple[str, str], Leftovers]:
    """Return, by DAG id and run id, what runs of this installation have in a namespace.

    What bears no mark, or another installation's, is not in it: it is somebody else's.
    """
    found: dict[tuple[str, str], Leftovers] = {}
    for kind, job in _active_jobs(hook, namespace):
        if run := run_of(job, installation):
            found.setdefault(run, Leftovers([], [])).jobs.append((kind, job["id"]))
    for deployment in hook.list_deployments(namespace):
        if run := run_of(deployment, installation):
            found.setdefault(run, Leftovers([], [])).deployments.append(f"{namespace}/{deployment['name']}")
    return found


def _active_jobs(hook: NemoHook, namespace: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for kind in CANCEL:
        yield from ((kind, job) for job in hook.list_jobs(kind, namespace) if is_active(job.get("status")))


def release(hook: NemoHook, leftovers: Leftovers) -> None:
    """Cancel the jobs and ask for the deployments' deletion, each once; confirm nothing, wait for nothing.

    Raise ``NemoUnavailableError``, after all were asked for, naming those for which that failed.
    """
    failed: list[str] = []
    for kind, job_id in leftovers.jobs:
        try:
            hook.cancel_job(kind, job_id)
        except NemoError as error:
            failed.append(f"{kind} {job_id} ({error})")
    for reference in leftovers.deployments:
        try:
            hook.delete_deployment(reference)
        except NemoConflictError:
            # On its way out already.
            continue
        except NemoError as error:
            failed.append(f"deployment {reference} ({error})")
    if failed:
        raise NemoUnavailableError(f"Not released, and may hold GPUs: {', '.join(failed)}")
