"""What `make run` prints at the end: the table, the recommendation, where the time went, and what failed."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from commands.settings import platform_of
from commands.stack import Stack

METHODS = {"base-eval": "base", "icl-eval": "ICL", "customized-eval": "customized"}
SCORES = {
    "function_name": "function name",
    "function_name_and_args_accuracy": "name and arguments",
    "tool_calling_correctness": "judged correct",
    "similarity": "similarity, 1–10",
}
#: Errors that are about the platform, its addresses and credentials, and not about one job.
OUTSIDE = (
    "NemoUnavailableError",
    "NemoAuthError",
    "NemoConfigurationError",
    "NemoNotFoundError",
    "LogsUnavailableError",
    "LogsRefusedError",
    "SearchUnavailableError",
)
#: States of tasks that did something.
RAN = ("success", "failed")


def print_summary(console: Console, report_path: Path) -> None:
    """Print the table candidates × methods and the recommendation of a report."""
    report = json.loads(report_path.read_text())
    records = report["records"]
    table = Table(
        title=escape(f"{report['workload_id']} ({report['workload_type']}): {records['eval']} eval records"),
        title_justify="left",
    )
    table.add_column("candidate", no_wrap=True)
    table.add_column("score")
    for heading in METHODS.values():
        table.add_column(heading, justify="right")
    table.add_column("GPU-s", justify="right")
    for candidate in report["candidates"]:
        _add_candidate(table, candidate)
    console.print()
    console.print(table)
    recommendation = report["recommendation"]
    choice = f": {recommendation['model']}, {recommendation['method']}" if recommendation.get("model") else ""
    console.print(
        f"\n[bold]{recommendation['verdict'].replace('_', ' ').upper()}[/bold]{escape(choice)}",
        highlight=False,
    )
    console.print(escape(recommendation["reasons"][0]), highlight=False, soft_wrap=True)
    console.print(
        f"\nreport  {report_path.with_name('report.md')}", highlight=False, markup=False, soft_wrap=True
    )


def _add_candidate(table: Table, candidate: dict[str, Any]) -> None:
    evaluations = candidate["evaluations"]
    names = [
        name
        for name in SCORES
        if any(name in evaluation.get("scores", {}) for evaluation in evaluations.values())
    ]
    for number, name in enumerate(names or [""]):
        cells = [_cell(evaluations.get(evaluation, {}).get("scores", {}).get(name)) for evaluation in METHODS]
        table.add_row(
            escape(candidate["model"]) if number == 0 else "",
            SCORES.get(name, f"[red]{candidate['status']}[/red]"),
            *cells,
            f"{candidate['gpu_seconds']:.0f}" if number == 0 else "",
            end_section=number == len(names) - 1,
        )


def _cell(score: dict[str, Any] | None) -> str:
    if score is None or score.get("value") is None:
        return "–"
    interval = f" [dim]({score['low']:.2f}–{score['high']:.2f})[/dim]" if score.get("low") is not None else ""
    return f"{score['value']:.2f}{interval}"


def print_stage_times(console: Console, tasks: list[dict[str, Any]], total: float) -> None:
    """Say where the time went: each stage from its first task's start to its last task's end; stages of candidates overlap."""
    stages = {
        "data": (
            "preflight",
            "open_run",
            "plan_export",
            "export_part",
            "export_logs",
            "curate_records",
            "measure_drift",
            "build_datasets",
            "add_examples",
            "upload_dataset",
        ),
        "training": ("create_config", "submit_customization", "wait_customization"),
        "deployment": ("deploy", "wait_ready", "wait_customized_model"),
        "evaluation": ("submit", "wait", "results"),
        "report": ("compare", "write_report", "release_run", "close_run"),
    }
    parts = []
    for stage, names in stages.items():
        times = [
            # Those that did not run, because of one before them, have dates, too.
            t
            for t in tasks
            if t["task_id"].rpartition(".")[2] in names
            and t["state"] in RAN
            and t["start_date"]
            and t["end_date"]
        ]
        if times:
            first, last = min(_time(t["start_date"]) for t in times), max(_time(t["end_date"]) for t in times)
            parts.append(f"{stage} {(last - first).total_seconds():.0f} s")
    console.print(
        f"[dim]{total:.0f} s in all; from first start to last end (they overlap): {', '.join(parts)}[/dim]",
        highlight=False,
        soft_wrap=True,
    )


def print_failures(console: Console, tasks: list[dict[str, Any]], stack: Stack, run_id: str) -> None:
    """Name every task that failed and why. The last task only sums up the others: it is named when it stands alone."""
    failed = [task for task in tasks if task["state"] == "failed"]
    outside = False
    for task in [task for task in failed if task["task_id"] != "close_run"] or failed:
        reason = _reason(stack, run_id, task)
        outside = outside or task["task_id"] == "preflight" or reason.startswith(OUTSIDE)
        console.print(
            f"[red]failed[/red] {escape(task['task_id'])}: {escape(reason)}", highlight=False, soft_wrap=True
        )
    if outside and platform_of(stack.config):
        console.print(
            f"make doctor CONFIG={stack.config_path} checks each service and says what to do.",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )


def _reason(stack: Stack, run_id: str, task: dict[str, Any]) -> str:
    """Return the error that ended a task, from its log."""
    logs = (
        stack.folder
        / "airflow"
        / "logs"
        / f"dag_id={task['dag_id']}"
        / f"run_id={run_id}"
        / f"task_id={task['task_id']}"
    )
    for log in sorted(logs.rglob("attempt=*.log"), reverse=True):
        for line in reversed(log.read_text(errors="replace").splitlines()):
            try:
                event = json.loads(line)
            except ValueError:
                continue
            if str(event.get("event", "")).startswith("Task failed") and event.get("error_detail"):
                error = event["error_detail"][-1]
                return f"{error['exc_type']}: {error['exc_value']}"
    return f"it was ended from outside, or died; its logs are in {logs}"


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))
