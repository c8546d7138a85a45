"""One run on a stack: start it, follow it, and leave nothing of it on the platform, however it ends."""

from __future__ import annotations

import contextlib
import time
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from commands.airflow_api import AirflowApi, AirflowApiError, AirflowRefusedError
from commands.airflow_environment import USER
from commands.cancel import Run, end_runs, end_runs_without_airflow, end_step
from commands.interrupts import Interrupted, ignore_signals
from commands.job_watch import JobWatch, percentage_on_loopback
from commands.processes import ProcessDiedError
from commands.progress import Follower
from commands.remote import RemoteWork
from commands.settings import platform_of
from commands.slots import mark_finished, mark_unfinished
from commands.stack import Stack, StackError
from commands.summary import print_failures, print_stage_times, print_summary
from commands.voice import complain, refusal, say

DAG_ID = "flywheel"
#: The DAG processor looks for files every 5 s; a loaded machine may need a few rounds.
DAG_SECONDS = 120.0
#: Time to cancel remote jobs and to release deployments before everything is stopped; the part of it that is kept for asking the
#: platform itself where Airflow has not done it.
RELEASE_SECONDS, DIRECT_SECONDS = 90.0, 30.0
#: Between two questions about the same job. A real platform has others to answer, and its jobs take minutes.
WATCH_SECONDS, WATCH_SECONDS_EMBEDDED = 10.0, 1.0


def turn(console: Console, stack: Stack, conf: dict[str, Any]) -> int:
    """Start the stack and one run with these parameters, follow it and print its outcome; return the exit code, 0 or 1.

    Raises StackError, ProcessDiedError, AirflowApiError or OSError while there is no run yet.
    """
    begun = time.monotonic()
    api = _start(console, stack)
    work = RemoteWork(stack.environment(), stack.config.nmp_config)
    # What an earlier command left goes on now that its Airflow is back: it is ended beside the new run.
    open_runs = api.unfinished_runs(DAG_ID)
    if open_runs:
        console.print(f"Ending {len(open_runs)} run(s) that an earlier command left behind.")
    mark_unfinished(stack.folder, platform_of(stack.config), stack.config_path)
    run = (DAG_ID, f"make_run__{datetime.now(UTC):%Y-%m-%dT%H%M%S}__{stack.folder.name}")
    api.unpause(DAG_ID)
    open_runs.append(run)
    try:
        _trigger(api, run, conf, open_runs)
        state = _follow(console, stack, api, work, run, open_runs)
        return _tell(console, stack, api, run, state, time.monotonic() - begun)
    except Interrupted:
        ignore_signals()
        if open_runs:
            say("Interrupted: cancelling remote jobs and releasing GPUs …")
            # Where Airflow cannot, the platform is asked below.
            with contextlib.suppress(ProcessDiedError, AirflowApiError):
                end_runs(stack, api, work, open_runs, _in(RELEASE_SECONDS - DIRECT_SECONDS))
        raise
    except (ProcessDiedError, AirflowApiError) as error:
        complain(str(error))
        return 1
    except OSError as error:
        complain(refusal(error))
        return 1
    finally:
        _leave_nothing(stack, work, open_runs)


def _start(console: Console, stack: Stack) -> AirflowApi:
    begun = time.monotonic()
    what = "Airflow" if platform_of(stack.config) else "Airflow and the embedded platform"
    with console.status(f"Starting {what} …"):
        stack.start()
        api = AirflowApi(stack.url, USER, stack.password)
        _wait_for_dag(api, stack)
    console.print(f"Started {what} in {time.monotonic() - begun:.0f} s ({stack.url}).", highlight=False)
    return api


def _wait_for_dag(api: AirflowApi, stack: Stack) -> None:
    """Wait until the DAG was read since this start: the database remembers what an earlier one read with another config."""
    deadline = time.monotonic() + DAG_SECONDS
    while not api.dag_is_read(DAG_ID, since=stack.started):
        stack.processes.check()
        errors = api.import_errors(since=stack.started)
        if errors:
            raise StackError(
                f"The DAGs could not be read: {errors[0]['filename']}:\n{errors[0]['stack_trace']}"
            )
        if time.monotonic() > deadline:
            raise StackError(
                f"Airflow did not find the DAG {DAG_ID} within {DAG_SECONDS:.0f} s; see {stack.folder / 'logs'}."
            )
        time.sleep(0.5)


def _trigger(api: AirflowApi, run: Run, conf: dict[str, Any], open_runs: list[Run]) -> None:
    try:
        api.trigger(*run, conf)
    except AirflowRefusedError as error:
        open_runs.remove(run)
        raise StackError(str(error)) from error


def _follow(
    console: Console, stack: Stack, api: AirflowApi, work: RemoteWork, run: Run, open_runs: list[Run]
) -> str:
    """Follow the run to its end, ending the others beside it; return its state."""
    others = [other for other in open_runs if other != run]

    def check() -> None:
        stack.processes.check()
        end_step(api, work, others)
        open_runs[:] = [*others, run]

    embedded = stack.platform.get("nemo")
    if embedded:
        watch = JobWatch(partial(percentage_on_loopback, embedded), WATCH_SECONDS_EMBEDDED)
    else:
        watch = JobWatch(work.percentage, WATCH_SECONDS)
    cluster_url = f"{embedded}/local/cluster" if embedded else ""
    state = Follower(api, *run, watch, console, cluster_url).follow(check)
    if state == "success":
        open_runs.remove(run)
    # Else somebody may have marked the run itself as failed, which leaves out its teardowns: the platform is asked.
    end_runs(stack, api, work, open_runs, _in(RELEASE_SECONDS - DIRECT_SECONDS))
    return state


def _tell(console: Console, stack: Stack, api: AirflowApi, run: Run, state: str, seconds: float) -> int:
    """Print what came out; return the exit code."""
    written = api.xcom(*run, "write_report")
    report = Path(written["json"]) if isinstance(written, dict) else None
    if report is not None:
        print_summary(console, report)
    tasks = api.task_instances(*run)
    print_stage_times(console, tasks, seconds)
    if state == "failed":
        print_failures(console, tasks, stack, run[1])
    if report is not None:
        # Plain, alone and last: scripts read it.
        console.out(str(report), highlight=False)
    return 0 if state == "success" else 1


def _leave_nothing(stack: Stack, work: RemoteWork, open_runs: list[Run]) -> None:
    """End at the platform itself what could not be ended by Airflow, and note whether anything may be left."""
    ignore_signals()
    if open_runs:
        say("Asking the platform itself to cancel the run's jobs and to delete its deployments …")
        end_runs_without_airflow(stack, work, open_runs, _in(DIRECT_SECONDS))
        if open_runs:
            complain(
                f"Not everything was released{f' ({work.problem})' if work.problem else ''}; the next `make run` with the same "
                "CONFIG goes on with it."
            )
        else:
            say("Nothing of it is left there.")
    if not open_runs:
        mark_finished(stack.folder)


def _in(seconds: float) -> float:
    return time.monotonic() + seconds
