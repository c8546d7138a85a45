"""Evaluator: configs, targets, jobs and their results, and the synchronous live evaluation."""

import threading

from fastapi import APIRouter

from include.local_nemo import evaluation_entities, evaluation_jobs
from include.local_nemo.evaluation_bodies import JobBody
from include.local_nemo.evaluation_calls import EvaluationFailed
from include.local_nemo.evaluation_entities import new_result
from include.local_nemo.evaluation_jobs import references
from include.local_nemo.evaluation_plan import GIVEN_TARGETS, plan_evaluation
from include.local_nemo.evaluation_run import TaskRun
from include.local_nemo.evaluation_sources import model_client, task_rows
from include.local_nemo.evaluation_templates import TemplateProblem
from include.local_nemo.platform import Platform
from include.local_nemo.wire import Body, Document, invalid, new_id, validated

resume = evaluation_jobs.resume


def router(platform: Platform) -> APIRouter:
    """Return the routes below `/v1/evaluation`."""
    routes = APIRouter()
    routes.include_router(evaluation_entities.router(platform))
    routes.include_router(evaluation_jobs.router(platform))

    @routes.post("/v1/evaluation/live")
    def live(body: Body) -> Document:
        """Grade rows that hold the outputs already, while the client waits; nothing is kept."""
        sent = validated(JobBody, body)
        config, target = references(platform, sent)
        if target.entity["type"] not in GIVEN_TARGETS:
            raise invalid("target.type", f"a live evaluation takes: {', '.join(GIVEN_TARGETS)}")
        try:
            return _evaluate(platform, config.entity, target.entity)
        except (EvaluationFailed, TemplateProblem) as error:
            details = {"message": str(error), "task_status": dict.fromkeys(config.entity["tasks"], "failed")}
            return {"status": "failed", "status_details": details, "logs": {}}

    return routes


def _evaluate(platform: Platform, config: Document, target: Document) -> Document:
    plan = plan_evaluation(config, target)
    tasks: dict[str, Document] = {}
    logs: dict[str, str] = {}
    done = 0
    with model_client(platform) as client:
        for task in plan.tasks:
            rows = task_rows(platform, task, target)
            run = TaskRun(
                task,
                plan,
                model=None,
                nim_url=platform.nim_url,
                client=client,
                save=lambda index, record: None,
                nim_token=platform.settings.bearer_token,
            )
            run.run(rows, range(len(rows)), threading.Event(), lambda: None)
            tasks[task.name] = run.results()
            logs[task.name] = "; ".join([f"{len(rows)} samples", *run.remarks()])
            done += len(rows)
    return {
        "status": "completed",
        "status_details": {
            "message": "Job completed successfully",
            "task_status": dict.fromkeys(tasks, "completed"),
            "progress": 100.0,
            "samples_processed": done,
        },
        "result": new_result(new_id("eval"), config["namespace"], tasks),
        "logs": logs,
    }
