"""`make run`: one complete turn of the flywheel, from logs to a recommendation.

Reads LOGS, WORKLOAD, CLIENT, START, END, MODELS, CONFIG and PORT from the environment (make hands them over). Exit codes:
0 the run is complete; 1 something in the run failed; 2 it could not start; 130 interrupted. The last line on stdout is the path
of report.json whenever there is one.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from commands.airflow_api import AirflowApiError
from commands.interrupts import Interrupted, ignore_signals, raise_on_signals
from commands.places import HOME
from commands.ports import PortInUseError, asked_port
from commands.processes import ProcessDiedError, stop_orphans
from commands.settings import LOCAL_CONFIG, platform_of, read_config
from commands.slots import NoSlotError, claim_slot, series
from commands.stack import Stack, StackError
from commands.turn import turn
from commands.voice import complain, refusal, say
from include.flywheel.config import FlywheelConfig
from include.flywheel.errors import FlywheelError
from include.flywheel.logs.place import index_place, logs_of_environment
from include.flywheel.records import parse_window

#: The DAG files are what they are for the length of one run.
REREAD_SECONDS = 3600


def main() -> int:
    """Turn the flywheel once; return the exit code."""
    # A log file has no width of its own; the table needs this much.
    console = Console(width=None if sys.stdout.isatty() else 120)
    raise_on_signals()
    try:
        config_path, config = read_config(os.environ.get("CONFIG", ""))
        port = asked_port(os.environ["PORT"]) if os.environ.get("PORT") else None
        with claim_slot(HOME, series("run", config_path, platform_of(config), LOCAL_CONFIG)) as folder:
            stop_orphans(HOME)
            conf = run_parameters(os.environ, config, folder)
            stack = Stack(folder, config_path, config, port, reread_seconds=REREAD_SECONDS)
            try:
                return turn(console, stack, conf)
            finally:
                ignore_signals()
                stack.stop()
    except Interrupted as interrupted:
        say(f"Interrupted ({interrupted}); everything that was started has been stopped.")
        return 130
    except (
        FlywheelError,
        PortInUseError,
        NoSlotError,
        StackError,
        ProcessDiedError,
        AirflowApiError,
    ) as error:
        complain(str(error))
        return 2
    except OSError as error:
        complain(refusal(error))
        return 2


def run_parameters(variables: Mapping[str, str], config: FlywheelConfig, folder: Path) -> dict[str, Any]:
    """Turn make's variables into the parameters of the DAG run.

    Returns `{"client_id": …, "workload_id": …, "logs": …, "window_start": …, "window_end": …, "models": […]}`, what was not given
    left out. Without LOGS, and without logs in the config, a workload that is named is read from the server of ELASTICSEARCH_URL;
    where there is none, the sample logs are written into `folder` first. Raises FlywheelError.
    """
    given = {
        name: variables.get(name, "").strip()
        for name in ("LOGS", "WORKLOAD", "CLIENT", "START", "END", "MODELS")
    }
    if (given["WORKLOAD"] or given["CLIENT"]) and not (
        given["LOGS"] or config.logs_for(given["WORKLOAD"], given["CLIENT"] or None)
    ):
        given["LOGS"] = logs_of_environment(variables) or ""
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
            "Name the workload in the logs: make run LOGS=<file, folder or URL> WORKLOAD=<workload_id> CLIENT=<client_id>."
        )
    if given["LOGS"] and not index_place(given["LOGS"]) and "://" not in given["LOGS"]:
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


if __name__ == "__main__":
    sys.exit(main())
