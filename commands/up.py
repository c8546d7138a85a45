"""`make up`: Airflow with the flywheel's DAGs and the embedded platform, kept running until Ctrl-C. PORT= chooses the UI's port."""

from __future__ import annotations

import os
import sys
import time

from rich.console import Console

from commands.airflow_api import AirflowApi, AirflowApiError
from commands.airflow_environment import USER
from commands.interrupts import Interrupted, ignore_signals, raise_on_signals
from commands.places import HOME, ROOT
from commands.ports import PortInUseError, asked_port, free_port
from commands.processes import ProcessDiedError, stop_orphans
from commands.settings import LOCAL_CONFIG, platform_of, read_config
from commands.slots import NoSlotError, claim_slot, mark_finished, mark_unfinished, series
from commands.stack import Stack, StackError
from commands.voice import complain, refusal, say
from include.flywheel.config import FlywheelConfig
from include.flywheel.errors import FlywheelError
from include.sample_logs import CLIENT_ID, write_sample_logs

#: Seconds that a person who has pressed Ctrl-C is kept waiting for a busy Airflow to name its unfinished runs.
PATIENCE = 5.0


def main() -> int:
    """Run the stack until a signal ends it; return the exit code."""
    console = Console()
    raise_on_signals()
    try:
        config_path, config = read_config(os.environ.get("CONFIG", ""))
        port = asked_port(os.environ["PORT"]) if os.environ.get("PORT") else free_port(8080)
        with claim_slot(HOME, series("up", config_path, platform_of(config), LOCAL_CONFIG)) as folder:
            stop_orphans(HOME)
            write_missing_samples(config)
            stack = Stack(folder, config_path, config, port)
            try:
                _serve(console, stack)
            finally:
                ignore_signals()
                say("Stopping …")
                stack.stop()
        return 0
    except Interrupted:
        return 0
    except (FlywheelError, PortInUseError, NoSlotError, StackError, ProcessDiedError) as error:
        complain(str(error))
        return 2
    except OSError as error:
        complain(refusal(error))
        return 2


def _serve(console: Console, stack: Stack) -> None:
    """Start the stack and watch it until a signal comes. Raises StackError or ProcessDiedError."""
    what = "Airflow" if platform_of(stack.config) else "Airflow and the embedded platform"
    with console.status(f"Starting {what} (about half a minute) …"):
        stack.start()
    mark_unfinished(stack.folder, platform_of(stack.config), stack.config_path)
    _print_welcome(console, stack)
    try:
        while True:
            for name in stack.revive():
                say(f"{name} stopped by itself and was started again; its log is in {stack.folder / 'logs'}.")
            time.sleep(1.0)
    except Interrupted:
        ignore_signals()
        say_what_is_unfinished(stack)


def say_what_is_unfinished(stack: Stack) -> None:
    """Say which runs stopping the stack leaves in the middle, and what becomes of them; note whether there are any."""
    try:
        runs = AirflowApi(stack.url, USER, stack.password, timeout=PATIENCE).unfinished_runs()
    except AirflowApiError:
        say("Airflow is too busy to say whether runs are unfinished; the next `make up` goes on with them.")
        return
    if not runs:
        mark_finished(stack.folder)
        return
    platform = platform_of(stack.config)
    meanwhile = f"Their jobs go on at the platform ({platform})" if platform else "They wait"
    say(
        f"{len(runs)} run(s) are unfinished: {', '.join(f'{dag_id} {run_id}' for dag_id, run_id in runs)}. {meanwhile}; the next "
        f"`make up`{' with the same CONFIG' if stack.config_path != LOCAL_CONFIG else ''} goes on with them."
    )


def sample_logs(config: FlywheelConfig) -> list[str]:
    """Return where workloads of the config expect the sample logs."""
    ours = (each.logs for each in config.workloads if each.client_id == CLIENT_ID)
    return [logs for logs in ours if logs and "://" not in logs]


def write_missing_samples(config: FlywheelConfig) -> None:
    """Write the sample logs where a workload of the config expects them and nothing is there yet.

    Relative to the project, as the DAG reads the config. Whole or not at all: half a file would count as there ever after.
    """
    for logs in sample_logs(config):
        target = ROOT / logs
        if not target.exists():
            # The ending decides about compression, so it stays.
            fresh = target.with_name(f".{os.getpid()}-{target.name}")
            try:
                write_sample_logs(fresh)
                fresh.replace(target)
            finally:
                fresh.unlink(missing_ok=True)


def _print_welcome(console: Console, stack: Stack) -> None:
    console.print(f"\n[bold]Airflow[/bold]    {stack.url}", highlight=False)
    console.print(f"login      {USER} / {stack.password}", highlight=False, markup=False)
    for service, url in stack.platform.items():
        console.print(f"[dim]{service:10} {url}[/dim]", highlight=False)
    console.print(f"[dim]state      {stack.folder}[/dim]", highlight=False)
    dag = next((workload.dag_id for workload in stack.config.workloads), "flywheel")
    console.print(f"\nOpen the DAG [bold]{dag}[/bold] and press Trigger. Ctrl-C here stops everything.")


if __name__ == "__main__":
    sys.exit(main())
