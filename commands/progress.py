"""Follow one run in the terminal: a line for each change of stage, and a live line of what is going on now."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console

from commands import loopback
from commands.airflow_api import AirflowApi
from commands.job_watch import JobWatch

ACTIVE = {"running", "deferred", "awaiting_input"}
#: States that a person is told of.
TOLD = ACTIVE | {"failed", "up_for_retry"}
#: What a person calls the tasks of the DAG; a task without a name here is shown by its own.
STAGES = {
    "preflight": "checking the platform",
    "open_run": "opening the run",
    "export_part": "exporting logs",
    "curate_records": "curating records",
    "build_datasets": "splitting",
    "add_examples": "choosing examples",
    "measure_drift": "comparing with earlier windows",
    "upload_dataset": "uploading the dataset",
    "submit_customization": "submitting training",
    "wait_customization": "training",
    "deploy": "deploying",
    "wait_ready": "waiting for the NIM",
    "wait_model": "waiting for the model",
    "wait_customized_model": "waiting for the adapter",
    "release": "releasing GPUs",
    "write_report": "writing the report",
}
#: Tasks that wait for a job: its kind, and the task of the same group that submitted it.
WAITS = {
    "wait_customization": ("customization", "submit_customization"),
    "wait": ("evaluation", "submit"),
}
#: Each look costs Airflow's API a tenth of a second of CPU, which on two cores the tasks miss.
POLL_SECONDS = 1.5


@dataclass
class Follower:
    """Prints what changes between two looks at a run."""

    api: AirflowApi
    dag_id: str
    run_id: str
    watch: JobWatch
    console: Console
    #: Where the embedded platform tells about its GPUs; a real one does not.
    cluster_url: str = ""
    started: float = field(default_factory=time.monotonic)
    _shown: dict[str, str] = field(default_factory=dict)
    _jobs: dict[str, tuple[str, str]] = field(default_factory=dict)

    def follow(self, check: Callable[[], None]) -> str:
        """Print progress until the run has ended; return its state. `check` may raise to stop following."""
        with self.console.status("starting") as status, self.watch:
            while True:
                check()
                state = self.api.run_state(self.dag_id, self.run_id)
                tasks = self.api.task_instances(self.dag_id, self.run_id, TOLD)
                self._watch_jobs([task["task_id"] for task in tasks if task["state"] in ACTIVE])
                status.update(self._look(tasks))
                if state in ("success", "failed"):
                    return state
                time.sleep(POLL_SECONDS)

    def _watch_jobs(self, active: list[str]) -> None:
        """Have the jobs watched that active tasks wait for."""
        for task_id in active:
            name = task_id.rpartition(".")[2]
            if name in WAITS and task_id not in self._jobs:
                kind, submit = WAITS[name]
                job_id = self.api.xcom(self.dag_id, self.run_id, f"{task_id.rpartition('.')[0]}.{submit}")
                if isinstance(job_id, str):
                    self._jobs[task_id] = (kind, job_id)
        self.watch.jobs = [self._jobs[task_id] for task_id in active if task_id in self._jobs]

    def _look(self, tasks: list[dict[str, Any]]) -> str:
        """Print one line for each task that started or ended since the last look; return the live line."""
        now = []
        gpus = self._gpus()
        for task in tasks:
            task_id, state = task["task_id"], task["state"]
            percent = self.watch.percent.get(self._jobs.get(task_id)) if state in ACTIVE else None
            if state in ACTIVE:
                now.append(f"{_name(task_id)}{'' if percent is None else f' {percent:.0f} %'}")
            # A quarter is enough of a change for a log; the live line has the rest.
            step = f"{state} {(percent or 0) // 25:.0f}"
            if self._shown.get(task_id) == step:
                continue
            self._shown[task_id] = step
            if state in ACTIVE and _stage(task_id):
                self._line(task_id, "" if not percent else f"{percent:.0f} %", gpus)
            elif state == "failed":
                self._line(task_id, "[red]failed[/red]", gpus)
            elif state == "up_for_retry":
                self._line(task_id, "[yellow]failed, will be tried again[/yellow]", gpus)
        return ", ".join(now) + (f"  ·  {gpus}" if gpus else "")

    def _line(self, task_id: str, note: str, gpus: str) -> None:
        elapsed = time.monotonic() - self.started
        group = task_id.partition(".")[0] if "." in task_id else "data" if task_id in STAGES else ""
        self.console.print(
            f"[dim]{elapsed:6.1f} s[/dim]  {group:24.24} {_stage(task_id) or task_id:34} {note:6}  [dim]{gpus}[/dim]",
            highlight=False,
            # One event, one line, also in a narrow log.
            soft_wrap=True,
        )

    def _gpus(self) -> str:
        """Say how many GPUs are in use; only the embedded platform tells."""
        cluster = loopback.get_json(self.cluster_url, timeout=2.0) if self.cluster_url else None
        return "" if cluster is None else f"GPUs {cluster['in_use']}/{cluster['gpus']}"


def _stage(task_id: str) -> str | None:
    """Name what a task does, or None for one not worth a line."""
    *groups, last = task_id.split(".")
    if last == "wait" and groups:
        return groups[-1].replace("_eval", " evaluation").replace("icl", "ICL")
    return STAGES.get(last)


def _name(task_id: str) -> str:
    group = task_id.partition(".")[0]
    stage = _stage(task_id) or task_id.rpartition(".")[2].replace("_", " ")
    return stage if group == task_id else f"{group} {stage}"
