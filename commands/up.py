"""`make up`: Airflow with the flywheel's DAGs and the embedded platform, kept running until Ctrl-C. PORT= chooses the UI's port."""

from __future__ import annotations

import os
import sys
import time

from rich.console import Console

from commands.interrupts import Interrupted, ignore_signals, raise_on_signals
from commands.ports import PortInUseError, asked_port, free_port
from commands.processes import ProcessDiedError
from commands.settings import read_config
from commands.slots import NoSlotError, claim_slot
from commands.stack import HOME, ROOT, USER, Stack, StackError
from include.flywheel.config import FlywheelConfig
from include.flywheel.errors import FlywheelError
from include.sample_logs import CLIENT_ID, write_sample_logs


def main() -> int:
    """Run the stack until a signal ends it; return the exit code."""
    console = Console()
    raise_on_signals()
    try:
        config_path, config = read_config(os.environ.get("CONFIG", ""))
        port = asked_port(os.environ["PORT"]) if os.environ.get("PORT") else free_port(8080)
        with claim_slot(HOME) as folder:
            write_missing_samples(config)
            stack = Stack(folder, config_path, config, port)
            try:
                with console.status("Starting Airflow and the embedded platform (about half a minute) …"):
                    stack.start()
                _print_welcome(console, stack)
                while True:
                    stack.processes.check()
                    time.sleep(1.0)
            finally:
                ignore_signals()
                console.print("Stopping …")
                stack.stop()
    except Interrupted:
        return 0
    except (FlywheelError, PortInUseError, NoSlotError, StackError, ProcessDiedError) as error:
        console.print(str(error), style="red", markup=False, highlight=False)
        return 2


def write_missing_samples(config: FlywheelConfig) -> None:
    """Write the sample logs where a workload of the config expects them and nothing is there yet."""
    for workload in config.workloads:
        if workload.client_id == CLIENT_ID and workload.logs and not (ROOT / workload.logs).exists():
            write_sample_logs(ROOT / workload.logs)


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
