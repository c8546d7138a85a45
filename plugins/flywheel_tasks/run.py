"""What one run is: whose records, of which window, kept in which folder."""

from __future__ import annotations

import hashlib
import os
from datetime import datetime
from pathlib import Path
from typing import Any, TypedDict

from airflow.sdk import task

from flywheel_tasks.logs import place_of_logs
from flywheel_tasks.settings import artifacts, flywheel_config, storage_path
from include.flywheel.config import slug
from include.flywheel.errors import FlywheelError
from include.flywheel.records import Window, parse_window

#: Runs that Airflow itself starts for an interval; any other asks for its window. Compared as text: Airflow hands over a
#: member of an enumeration whose `str` is another word.
INTERVAL_RUNS = ("scheduled", "backfill")
#: A folder's name may have 255 bytes, ids of DAG and run together twice as many.
_READABLE_LENGTH = 200


class Run(TypedDict):
    """The facts of a run, handed from task to task. `key` is the same for every try of it and names remote things."""

    client_id: str
    workload_id: str
    logs: str
    window_start: str | None
    window_end: str | None
    models: list[str]
    folder: str
    key: str


@task
def open_run(
    params: Any = None,
    dag_run: Any = None,
    data_interval_start: datetime | None = None,
    data_interval_end: datetime | None = None,
) -> Run:
    """Settle once whose records of which window this run is about. Raises FlywheelError naming the parameter."""
    config = flywheel_config()
    window = resolve_window(params, dag_run.run_type, data_interval_start, data_interval_end)
    logs = place_of_logs(params["logs"], config, params["workload_id"], params["client_id"], os.environ)
    if not logs:
        raise FlywheelError(
            "No logs: give the parameter `logs`, or set `logs` in the config, or ELASTICSEARCH_URL."
        )
    models = params["models"] or [nim.name for nim in config.candidates]
    identity = f"{dag_run.dag_id}/{dag_run.run_id}"
    key = hashlib.sha256(identity.encode()).hexdigest()[:8]
    # Readable in front; the key behind, because other ids can read the same.
    folder = artifacts() / slug(params["workload_id"]) / f"{slug(identity)[:_READABLE_LENGTH]}-{key}"
    folder.mkdir(parents=True, exist_ok=True)
    return Run(
        client_id=params["client_id"],
        workload_id=params["workload_id"],
        logs=logs,
        window_start=window.start.isoformat() if window.start else None,
        window_end=window.end.isoformat() if window.end else None,
        models=[config.candidate(model).name for model in models],
        folder=str(folder),
        key=key,
    )


def resolve_window(params: Any, run_type: str, start: datetime | None, end: datetime | None) -> Window:
    """Return the window of a run: the parameters', else the interval of a scheduled or backfilled run, else everything.

    A manual run's interval is not asked: Airflow makes one up from the moment of the click.
    """
    if params["window_start"] or params["window_end"]:
        return parse_window(params["window_start"], params["window_end"])
    if run_type in INTERVAL_RUNS:
        if start is None or end is None or start >= end:
            raise FlywheelError(
                "This run has no data interval. Schedule the DAG with an interval timetable (CronDataIntervalTimetable), or "
                "give window_start and window_end."
            )
        return parse_window(start, end)
    return parse_window(None, None)


def run_folder(run: Run) -> Path:
    """Return the folder of a run's artifacts."""
    return storage_path(run["folder"])


def history_folder(run: Run) -> Path:
    """Return the folder of what is kept from run to run of the same workload and client."""
    identity = f"{run['client_id']}\n{run['workload_id']}"
    # Different workloads, and every client, can read the same as part of a path.
    key = hashlib.sha256(identity.encode()).hexdigest()[:8]
    return artifacts() / slug(run["workload_id"]) / f"history-{key}"
