"""End runs that nobody wants any more, so that their remote jobs are cancelled and their GPUs come back.

Tasks are marked failed, not the run: a run marked failed may end without its teardowns having run. Where Airflow cannot do it, the
platform itself is asked.
"""

from __future__ import annotations

import contextlib
import time

from commands.airflow_api import FINISHED, AirflowApi, AirflowApiError
from commands.remote import RemoteWork
from commands.stack import Stack

#: They give GPUs back or take seconds, and a deployment half made is found only by its own task: left to finish.
RELEASING = {"deploy", "release", "release_run"}
#: They run after everything else, whatever happened; nothing remote depends on them.
CLOSING = {"compare", "write_report", "close_run"}
ACTIVE = {"running", "deferred", "queued", "scheduled", "up_for_retry", "awaiting_input"}

#: They make the remote things; as long as none has started there is nothing to ask a platform about, which may be out of reach.
SUBMITTING = {"submit_customization", "submit", "deploy"}

#: DAG id and run id.
Run = tuple[str, str]


def cancel_step(api: AirflowApi, run: Run) -> bool:
    """Mark what is going on in a run as failed, once; return whether all that can have remote work has ended.

    To be called until it returns True: a step of a run may start only after an earlier one was stopped.
    """
    if api.run_state(*run) in ("success", "failed"):
        return True
    tasks = {t["task_id"]: t["state"] for t in api.task_instances(*run) if _name(t["task_id"]) not in CLOSING}
    for task_id, state in tasks.items():
        if state in ACTIVE and _name(task_id) not in RELEASING:
            # One that has ended between the two calls is refused; the next step sees its new state.
            with contextlib.suppress(AirflowApiError):
                api.fail_task(*run, task_id)
    return all(state in FINISHED for state in tasks.values())


def end_step(api: AirflowApi, work: RemoteWork, runs: list[Run]) -> None:
    """Go one step in ending runs; those that have ended, and have left nothing on the platform, are taken out of the list."""
    # Airflow tells a waiting task's trigger to cancel its job seconds after the task was marked, or, marked at the
    # wrong moment, never. So the platform is asked, too.
    runs[:] = [
        run
        for run in runs
        if not (cancel_step(api, run) and (not _has_submitted(api, run) or work.release_of_run(*run)))
    ]


def end_runs(stack: Stack, api: AirflowApi, work: RemoteWork, runs: list[Run], deadline: float) -> None:
    """Let Airflow end runs until a moment of `time.monotonic()`; `runs` then holds those that have not ended.

    Raises ProcessDiedError or AirflowApiError when Airflow cannot do it.
    """
    while runs and time.monotonic() < deadline:
        stack.processes.check()
        end_step(api, work, runs)
        if runs:
            time.sleep(1.0)


def end_runs_without_airflow(stack: Stack, work: RemoteWork, runs: list[Run], deadline: float) -> None:
    """Stop Airflow and have the platform itself end what runs have there; `runs` then holds those for which that is not certain."""
    # First: a task that goes on would start the next thing behind our back.
    stack.stop_airflow()
    while runs and stack.platform_may_answer():
        runs[:] = [run for run in runs if not work.release_of_run(*run)]
        if time.monotonic() > deadline:
            return
        if runs:
            time.sleep(1.0)


def _has_submitted(api: AirflowApi, run: Run) -> bool:
    return any(t["start_date"] for t in api.task_instances(*run) if _name(t["task_id"]) in SUBMITTING)


def _name(task_id: str) -> str:
    return task_id.rpartition(".")[2]
