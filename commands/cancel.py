"""End a run that nobody wants any more, so that its remote jobs are cancelled and its GPUs come back.

Tasks are marked failed, not the run: a run marked failed may end without its teardowns having run.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from functools import cached_property
from typing import Any

from commands.airflow_api import FINISHED, AirflowApi, AirflowApiError
from commands.stack import ROOT, Stack
from include.flywheel.config_sections import NmpConfig

#: They give GPUs back or take seconds, and a deployment half made is found only by its own task: left to finish.
RELEASING = {"deploy", "release"}
#: They run after everything else, whatever happened; nothing remote depends on them.
CLOSING = {"compare", "write_report", "close_run"}
ACTIVE = {"running", "deferred", "queued", "scheduled", "up_for_retry", "awaiting_input"}


def cancel_step(api: AirflowApi, dag_id: str, run_id: str) -> bool:
    """Mark what is going on in a run as failed, once; return whether nothing remote is left to end.

    To be called until it returns True: a step of a run may start only after an earlier one was stopped.
    """
    if api.run_state(dag_id, run_id) in ("success", "failed"):
        return True
    tasks = {
        t["task_id"]: t["state"]
        for t in api.task_instances(dag_id, run_id)
        if _name(t["task_id"]) not in CLOSING
    }
    for task_id, state in tasks.items():
        if state in ACTIVE and _name(task_id) not in RELEASING:
            # One that has ended between the two calls is refused; the next step sees its new state.
            with contextlib.suppress(AirflowApiError):
                api.fail_task(dag_id, run_id, task_id)
    return all(state in FINISHED for state in tasks.values())


def cancel_run(api: AirflowApi, dag_id: str, run_id: str, jobs: RemoteJobs, seconds: float) -> bool:
    """Cancel a run and wait until its jobs are cancelled and its deployments released; return whether that came true."""
    deadline = time.monotonic() + seconds
    # Airflow tells a waiting task's trigger to cancel its job seconds after the task was marked, or, marked at the
    # wrong moment, never. So the platform is asked, too.
    while not (cancel_step(api, dag_id, run_id) and jobs.cancel_of_run(run_id)):
        if time.monotonic() > deadline:
            return False
        time.sleep(1.0)
    return True


class RemoteJobs:
    """The platform's jobs, found by the mark that the run which submitted them left on them."""

    def __init__(self, stack: Stack, nmp: NmpConfig) -> None:
        self.stack = stack
        self.nmp = nmp

    @cached_property
    def hook(self) -> Any:
        """The provider's hook, with the connection that Airflow's components have.

        Made when it is needed: Airflow takes seconds to import, and reads its environment when it is.
        """
        os.environ.update(self.stack.environment())
        sys.path.append(str(ROOT / "plugins"))
        from nemo_provider.hooks.nemo import NemoHook

        return NemoHook(base_url=self.nmp.nemo_base_url)

    def cancel_of_run(self, run_id: str) -> bool:
        """Cancel what a run has left active; return whether it is certain that nothing was."""
        hook = self.hook
        from nemo_provider.errors import NemoError
        from nemo_provider.states import is_active

        try:
            active = [
                (kind, job["id"])
                for kind in ("customization", "evaluation")
                for job in hook.list_jobs(kind, self.nmp.nmp_namespace)
                if is_active(job.get("status"))
                and (job.get("custom_fields") or {}).get("airflow_run_id") == run_id
            ]
            for kind, job_id in active:
                hook.cancel_job(kind, job_id)
        except NemoError:
            # Asked again until the caller's patience ends, who then says that not everything was released.
            return False
        return not active


def _name(task_id: str) -> str:
    return task_id.rpartition(".")[2]
