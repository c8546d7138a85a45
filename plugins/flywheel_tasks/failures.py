"""Why tasks failed, kept beside the run's artifacts: Airflow tells a later task that another failed, not why."""

from __future__ import annotations

import json
from typing import Any

from flywheel_tasks.run import Run, run_folder

#: A task that failed without a note was marked by a person, or lost its worker.
NO_NOTE = "ended from outside: marked failed by a person, or its worker died; see the task's log"


def note_failure(context: Any) -> None:
    """Write down the error of a task that has failed for good (Airflow's `on_failure_callback`)."""
    ti = context["ti"]
    run = ti.xcom_pull(task_ids="open_run")
    if run is None:
        # Nothing was opened, so there is no report that could tell; Airflow's log does.
        return
    folder = run_folder(run) / "errors"
    folder.mkdir(parents=True, exist_ok=True)
    # As Airflow names the states of mapped tasks.
    name = ti.task_id if ti.map_index < 0 else f"{ti.task_id}_{ti.map_index}"
    with (folder / f"{name}.json").open("w") as file:
        json.dump({"task_id": name, "error": str(context.get("exception") or "").strip()}, file)


def noted_failure(run: Run, task_id: str) -> str | None:
    """Return the error noted for a task, or None if there is none."""
    path = run_folder(run) / "errors" / f"{task_id}.json"
    if not path.exists():
        return None
    with path.open() as file:
        return str(json.load(file)["error"]) or None
