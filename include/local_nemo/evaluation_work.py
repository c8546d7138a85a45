"""The background work of one evaluation job, from created to its end."""

import logging
import threading
from collections.abc import Callable
from typing import Any

import httpx

from include.local_nemo.evaluation_calls import EvaluationFailed
from include.local_nemo.evaluation_entities import RESULTS, new_result
from include.local_nemo.evaluation_files import (
    RESULTS_MEMBER,
    SUMMARY_MEMBER,
    JobFiles,
    samples_json,
    summary_json,
)
from include.local_nemo.evaluation_plan import Plan, PlanProblem, plan_evaluation
from include.local_nemo.evaluation_rows import GivenRows, Rows, SampleLog
from include.local_nemo.evaluation_run import TaskRun
from include.local_nemo.evaluation_sources import find_model, model_client, task_rows
from include.local_nemo.evaluation_templates import TemplateProblem
from include.local_nemo.platform import Platform
from include.local_nemo.store import Absent
from include.local_nemo.wire import Document, now

log = logging.getLogger(__name__)

KIND = "evaluation_job"
FINAL = frozenset({"completed", "failed", "cancelled"})
OUTPUT_NAMESPACE = "evaluation-results"


class Stopped(Exception):  # noqa: N818
    """The job was cancelled or deleted meanwhile."""


class EvaluationWork:
    """Run one evaluation job; an instance lives in the thread of its job."""

    def __init__(self, platform: Platform, job_id: str) -> None:
        self._platform = platform
        self._id = job_id
        self._files = JobFiles(platform.settings.state_dir, job_id)

    def run(self, cancelled: threading.Event) -> None:
        """Take the job to completed, failed or cancelled; whatever was done before a restart is not done again."""
        try:
            self._run(cancelled)
        except (EvaluationFailed, PlanProblem, TemplateProblem) as failure:
            self._end("failed", str(failure))
        except Stopped:
            self._end("cancelled", "Job was cancelled")

    def _run(self, cancelled: threading.Event) -> None:
        settings = self._platform.settings
        self._wait(settings.job_start, cancelled)
        if not settings.evaluator_skips_pending:
            self._advance("pending")
        self._wait(settings.job_start, cancelled)
        job = self._advance("running")
        self._files.note(f"evaluation {self._id} is running")
        self._wait(settings.evaluation_start, cancelled)
        planned = self._platform.faults.job_failure("evaluation", fault_name(job))
        plan = plan_evaluation(job["config"], job["target"])
        rows = {task.name: task_rows(self._platform, task, job["target"]) for task in plan.tasks}
        total = sum(map(len, rows.values()))
        logs = {task.name: self._files.samples(number) for number, task in enumerate(plan.tasks)}
        try:
            with model_client(self._platform) as client:
                runs = self._run_tasks(plan, job, rows, logs, client, cancelled, planned)
            self._complete(runs, logs, total)
        finally:
            for samples in logs.values():
                samples.close()

    def _run_tasks(
        self,
        plan: Plan,
        job: Document,
        rows: dict[str, Rows | GivenRows],
        logs: dict[str, SampleLog],
        client: httpx.Client,
        cancelled: threading.Event,
        planned: str | None,
    ) -> list[TaskRun]:
        states = dict.fromkeys(logs, "pending")
        total = sum(map(len, rows.values())) or 1
        runs: list[TaskRun] = []
        reported = -1

        def report() -> None:
            nonlocal reported
            done = sum(run.done for run in runs)
            if done == reported:
                return
            reported = done
            self._report(
                {"task_status": states, "progress": round(100 * done / total, 2), "samples_processed": done}
            )
            if planned and done * 2 >= total:
                raise EvaluationFailed(planned)

        model = find_model(self._platform, job["target"])
        for task in plan.tasks:
            samples = logs[task.name]
            run = TaskRun(
                task,
                plan,
                model,
                self._platform.nim_url,
                client,
                samples.append,
                self._platform.settings.bearer_token,
            )
            for record in samples.records():
                run.restore(record)
            runs.append(run)
            states[task.name] = "running"
            reported = -1
            report()
            todo = [index for index in range(len(rows[task.name])) if index not in samples]
            self._files.note(f"task {task.name}: {len(todo)} of {len(rows[task.name])} samples to do")
            if not run.run(rows[task.name], todo, cancelled, report):
                raise Stopped
            states[task.name] = "completed"
            reported = -1
            report()
            for remark in run.remarks():
                self._files.note(f"task {task.name}: {remark}")
        return runs

    def _complete(self, runs: list[TaskRun], logs: dict[str, SampleLog], total: int) -> None:
        """Put the results where clients find them, then show them; a cancel until then wins."""
        tasks = {run.task.name: run.results() for run in runs}
        job = self._require()
        result = new_result(self._id, job["namespace"], tasks)
        datastore, repo = self._platform.datastore, f"{OUTPUT_NAMESPACE}/{self._id}"
        result["files_url"] = f"hf://datasets/{repo}"
        content = datastore.blobs.write(samples_json(logs))
        datastore.commit("dataset", repo, {SUMMARY_MEMBER: summary_json(result)})
        datastore.change("dataset", repo, "main", {RESULTS_MEMBER: content})
        self._files.write_archive(datastore.blobs.path(content), result)
        remarks = "; ".join(remark for run in runs for remark in run.remarks())

        def show(doc: Document) -> None:
            self._check(doc)
            self._platform.store.insert(RESULTS.kind, result["id"], result)
            doc.update(
                status="completed",
                result=result["id"],
                output_files_url=result["files_url"],
                updated_at=now(),
            )
            doc["status_details"] = {
                "message": "Job completed successfully" + (f"; {remarks}" if remarks else ""),
                "task_status": dict.fromkeys(tasks, "completed"),
                "progress": 100.0,
                "samples_processed": total,
            }

        self._update(show)
        self._files.note(f"completed: {total} samples")
        self._files.drop_samples(len(runs))
        log.info("Evaluation %s is completed: %d samples", self._id, total)

    @staticmethod
    def _check(doc: Document) -> None:
        if doc["status"] == "cancelling" or doc["status"] in FINAL:
            raise Stopped

    def _wait(self, seconds: float, cancelled: threading.Event) -> None:
        if cancelled.wait(seconds) if seconds else cancelled.is_set():
            raise Stopped

    def _advance(self, status: str) -> Document:
        """Go on to a later status; a job that was there before a restart stays there."""

        def step(doc: Document) -> None:
            self._check(doc)
            if status == "running" or doc["status"] == "created":
                doc.update(status=status, updated_at=now())

        return self._update(step)

    def _report(self, progress: Document) -> None:
        def step(doc: Document) -> None:
            self._check(doc)
            doc["status_details"].update(progress)
            doc["updated_at"] = now()

        self._update(step)

    def _end(self, status: str, message: str) -> None:
        def step(doc: Document) -> None:
            if doc["status"] in FINAL:
                return
            details = doc["status_details"]
            # Failing while a cancel is on its way is still a cancelled job.
            doc["status"] = "cancelled" if doc["status"] == "cancelling" else status
            details["message"] = message
            states: dict[str, str] = details["task_status"]
            if doc["status"] == "failed":
                details["task_status"] = {
                    task: state if state == "completed" else "failed" for task, state in states.items()
                }
            doc["updated_at"] = now()

        try:
            ended = self._platform.store.update(KIND, self._id, step)
        except Absent:
            self._files.remove()  # deleted while it ran
            return
        self._files.note(f"{ended['status']}: {message}")
        log.info("Evaluation %s is %s", self._id, ended["status"])

    def _require(self) -> Document:
        job = self._platform.store.get(KIND, self._id)
        if job is None:
            raise Stopped
        return job

    def _update(self, step: Callable[[Document], None]) -> Document:
        try:
            return self._platform.store.update(KIND, self._id, step)
        except Absent:
            raise Stopped from None


def fault_name(job: Document) -> str:
    """Return the name by which a plan of faults knows the job: `<model>#<job id>`."""
    model: Any = job["target"].get("model")
    if isinstance(model, dict):
        model = (model.get("api_endpoint") or {}).get("model_id")
    return f"{model or job['target']['type']}#{job['id']}"
