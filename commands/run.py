"""`make run`: one complete turn of the flywheel, from logs to a recommendation.

Reads LOGS, WORKLOAD, CLIENT, START, END, MODELS and CONFIG from the environment (make hands them over). Exit codes: 0 the run
is complete; 1 something in the run failed; 2 it could not start; 130 interrupted. The last line printed is the path of
report.json whenever there is one.
"""

from __future__ import annotations

import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from commands.airflow_api import AirflowApi, AirflowApiError
from commands.cancel import RemoteJobs, cancel_run, cancel_step
from commands.interrupts import Interrupted, ignore_signals, raise_on_signals
from commands.ports import PortInUseError, asked_port
from commands.processes import ProcessDiedError
from commands.progress import Follower
from commands.settings import read_config
from commands.slots import NoSlotError, claim_slot
from commands.stack import HOME, USER, Stack, StackError
from commands.summary import print_failures, print_stage_times, print_summary
from include.flywheel.config import FlywheelConfig
from include.flywheel.errors import FlywheelError
from include.flywheel.records import parse_window

DAG_ID = "flywheel"
#: The DAG processor looks for files every 5 s; a loaded machine may need a few rounds.
DAG_SECONDS = 120.0
#: After an interrupt: time to cancel remote jobs and to release deployments before everything is stopped.
RELEASE_SECONDS = 90.0


def main() -> int:
    """Turn the flywheel once; return the exit code."""
    # A log file has no width of its own; the table needs this much.
    console = Console(width=None if sys.stdout.isatty() else 120)
    raise_on_signals()
    try:
        config_path, config = read_config(os.environ.get("CONFIG", ""))
        port = asked_port(os.environ["PORT"]) if os.environ.get("PORT") else None
        with claim_slot(HOME) as folder:
            conf = run_parameters(os.environ, config, folder)
            stack = Stack(folder, config_path, config, port)
            try:
                return _turn(console, stack, conf, config)
            finally:
                ignore_signals()
                stack.stop()
    except Interrupted as interrupted:
        console.print(f"Interrupted ({interrupted}); everything that was started has been stopped.")
        return 130
    except (
        FlywheelError,
        PortInUseError,
        NoSlotError,
        StackError,
        ProcessDiedError,
        AirflowApiError,
    ) as error:
        console.print(str(error), style="red", markup=False, highlight=False)
        return 2


def run_parameters(variables: Any, config: FlywheelConfig, folder: Path) -> dict[str, Any]:
    """Turn make's variables into the parameters of the DAG run.

    Returns `{"client_id": …, "workload_id": …, "logs": …, "window_start": …, "window_end": …, "models": […]}`, what was not given
    left out. Without LOGS, and without logs in the config, the sample logs are written into `folder` first. Raises FlywheelError.
    """
    given = {
        name: variables.get(name, "").strip()
        for name in ("LOGS", "WORKLOAD", "CLIENT", "START", "END", "MODELS")
    }
    if not given["LOGS"] and not config.logs:
        from include.sample_logs import CLIENT_ID, write_sample_logs
        from include.sample_logs.records import DESK

        sample = folder / "sample" / "support_desk.jsonl"
        sample.parent.mkdir(exist_ok=True)
        write_sample_logs(sample)
        given["LOGS"] = str(sample)
        given["WORKLOAD"] = given["WORKLOAD"] or DESK
        given["CLIENT"] = given["CLIENT"] or CLIENT_ID
    if not (given["WORKLOAD"] and given["CLIENT"]):
        raise FlywheelError(
            "Name the workload in the logs: make run LOGS=<file or folder> WORKLOAD=<workload_id> CLIENT=<client_id>."
        )
    if given["LOGS"]:
        logs = Path(given["LOGS"]).expanduser().resolve()
        if not logs.exists():
            raise FlywheelError(f"LOGS={given['LOGS']}: there is no such file or folder.")
        given["LOGS"] = str(logs)
    window = parse_window(given["START"] or None, given["END"] or None)
    models = given["MODELS"].replace(",", " ").split()
    conf: dict[str, Any] = {
        "logs": given["LOGS"],
        "workload_id": given["WORKLOAD"],
        "client_id": given["CLIENT"],
        "window_start": window.start.isoformat() if window.start else None,
        "window_end": window.end.isoformat() if window.end else None,
        "models": [config.candidate(model).name for model in models],
    }
    return {key: value for key, value in conf.items() if value}


def _turn(console: Console, stack: Stack, conf: dict[str, Any], config: FlywheelConfig) -> int:
    started = time.monotonic()
    platform = "the embedded platform" if config.embedded_platform else f"the platform of {stack.config_path}"
    with console.status(f"Starting Airflow and {platform} …"):
        stack.start()
        api = AirflowApi(stack.url, USER, stack.password)
        _wait_for_dag(api, stack)
    console.print(
        f"Airflow and {platform} are up after {time.monotonic() - started:.0f} s ({stack.url}).",
        highlight=False,
    )

    jobs = RemoteJobs(stack, config.nmp_config)
    interrupted_runs = api.unfinished_runs(DAG_ID)
    if interrupted_runs:
        console.print(f"Ending {len(interrupted_runs)} run(s) that an interrupted command left behind.")
    api.unpause(DAG_ID)
    run_id = f"make_run__{datetime.now(UTC):%Y-%m-%dT%H%M%S}__{stack.folder.name}"
    api.trigger(DAG_ID, run_id, conf)

    def check() -> None:
        stack.processes.check()
        for run in interrupted_runs.copy():
            if cancel_step(api, DAG_ID, run) and jobs.cancel_of_run(run):
                interrupted_runs.remove(run)

    try:
        nemo_url = stack.platform.get("nemo", config.nmp_config.nemo_base_url)
        state = Follower(api, DAG_ID, run_id, nemo_url, bool(stack.platform), console).follow(check)
    except Interrupted:
        ignore_signals()
        console.print("\nInterrupted: cancelling remote jobs and releasing GPUs …")
        if not cancel_run(api, DAG_ID, run_id, jobs, RELEASE_SECONDS):
            console.print(
                f"Not everything was released within {RELEASE_SECONDS:.0f} s; the next `make run` goes on with it.",
                style="red",
            )
        raise

    report = _report_path(api, run_id)
    if report is not None:
        print_summary(console, report)
    tasks = api.task_instances(DAG_ID, run_id)
    print_stage_times(console, tasks, time.monotonic() - started)
    if state == "failed":
        print_failures(console, tasks, stack, run_id)
    if report is not None:
        # Plain, alone and last: scripts read it.
        print(report, flush=True)
    return 0 if state == "success" else 1


def _wait_for_dag(api: AirflowApi, stack: Stack) -> None:
    deadline = time.monotonic() + DAG_SECONDS
    while not api.dag_exists(DAG_ID):
        stack.processes.check()
        errors = api.import_errors()
        if errors:
            raise StackError(
                f"The DAGs could not be read: {errors[0]['filename']}:\n{errors[0]['stack_trace']}"
            )
        if time.monotonic() > deadline:
            raise StackError(
                f"Airflow did not find the DAG {DAG_ID} within {DAG_SECONDS:.0f} s; see {stack.folder / 'logs'}."
            )
        time.sleep(0.5)


def _report_path(api: AirflowApi, run_id: str) -> Path | None:
    """Return the path of report.json, or None if the run did not come that far."""
    written = api.xcom(DAG_ID, run_id, "write_report")
    return Path(written["json"]) if isinstance(written, dict) else None


if __name__ == "__main__":
    sys.exit(main())
