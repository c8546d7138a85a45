"""Evaluation jobs on the wire: create, watch, cancel, download, delete."""

import logging
from contextlib import suppress

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, Response

from include.local_nemo.datastore import NotFound
from include.local_nemo.evaluation_bodies import JobBody
from include.local_nemo.evaluation_entities import CONFIGS, RESULTS, TARGETS, Reference
from include.local_nemo.evaluation_files import JobFiles
from include.local_nemo.evaluation_plan import PlanProblem, plan_evaluation
from include.local_nemo.evaluation_templates import TemplateProblem
from include.local_nemo.evaluation_work import FINAL, KIND, OUTPUT_NAMESPACE, EvaluationWork
from include.local_nemo.lists import list_page
from include.local_nemo.platform import Platform
from include.local_nemo.store import Absent
from include.local_nemo.wire import (
    Body,
    Document,
    api_error,
    delete_response,
    invalid,
    new_id,
    now,
    validated,
)

log = logging.getLogger(__name__)


def references(platform: Platform, body: Document) -> tuple[Reference, Reference]:
    """Return the config and target of a request for a job, checked to be runnable; raise 404 or 422."""
    namespace = body.get("namespace")
    config = Reference(platform.store, CONFIGS, body["config"], namespace)
    target = Reference(platform.store, TARGETS, body["target"], namespace)
    try:
        # A template that does not compile is found out when the job runs, as on the service.
        with suppress(TemplateProblem):
            plan_evaluation(config.entity, target.entity)
    except PlanProblem as problem:
        raise invalid(problem.field, problem.message) from problem
    return config, target


def router(platform: Platform) -> APIRouter:
    """Return the routes below `/v1/evaluation/jobs`."""
    routes = APIRouter(prefix="/v1/evaluation/jobs")
    store = platform.store

    def require(job_id: str) -> Document:
        job = store.get(KIND, job_id)
        if job is None:
            raise api_error(404, f"evaluation job '{job_id}' not found")
        return job

    def files(job_id: str) -> JobFiles:
        return JobFiles(platform.settings.state_dir, job_id)

    @routes.post("")
    def create(body: Body) -> Document:
        sent = validated(JobBody, body)
        config, target = references(platform, sent)
        job: Document = {
            "id": new_id("eval"),
            "namespace": sent.get("namespace") or "default",
            "created_at": now(),
            "updated_at": now(),
            "description": sent.get("description"),
            "project": sent.get("project"),
            "ownership": sent.get("ownership"),
            "custom_fields": sent.get("custom_fields") or {},
            "target": target.entity,
            "config": config.entity,
            "result": None,
            "output_files_url": None,
            "status": "created",
            "status_details": {"message": None, "task_status": {}, "progress": None},
        }
        with store.together():
            config.save()
            target.save()
            store.insert(KIND, job["id"], job)
        platform.jobs.start(job["id"], EvaluationWork(platform, job["id"]).run)
        log.info("Created evaluation %s", job["id"])
        return job

    @routes.get("")
    def find(request: Request) -> Document:
        return list_page(store.all(KIND), request)

    @routes.get("/{job_id}")
    def read(job_id: str) -> Document:
        return require(job_id)

    @routes.get("/{job_id}/status")
    def status(job_id: str) -> Document:
        details: Document = require(job_id)["status_details"]
        return details

    @routes.get("/{job_id}/results")
    def results(job_id: str) -> Document:
        job = require(job_id)
        result = store.get(RESULTS.kind, job["result"]) if job["result"] else None
        if result is None:
            raise api_error(404, f"evaluation job '{job_id}' has no results (status {job['status']})")
        return result

    # Clients ask for a zip with Accept application/zip or application/json; both get the zip.
    @routes.get("/{job_id}/download-results")
    def download(job_id: str) -> Response:
        job = require(job_id)
        archive = files(job_id).archive
        if job["status"] != "completed" or not archive.exists():
            raise api_error(404, f"evaluation job '{job_id}' has no results (status {job['status']})")
        return FileResponse(archive, media_type="application/zip", filename=f"{job_id}-results.zip")

    @routes.get("/{job_id}/logs")
    def logs(job_id: str) -> Response:
        require(job_id)
        headers = {"Content-Disposition": f'attachment; filename="{job_id}-logs.zip"'}
        return Response(files(job_id).logs_archive(job_id), media_type="application/zip", headers=headers)

    @routes.post("/{job_id}/cancel")
    def cancel(job_id: str) -> Document:
        def step(job: Document) -> None:
            if job["status"] in FINAL:
                raise api_error(
                    400, f"evaluation job '{job_id}' cannot be cancelled in status {job['status']}"
                )
            # Without a thread there is nobody to finish the cancelling.
            job["status"] = "cancelling" if platform.jobs.is_live(job_id) else "cancelled"
            job["updated_at"] = now()

        try:
            job = store.update(KIND, job_id, step)
        except Absent:
            raise api_error(404, f"evaluation job '{job_id}' not found") from None
        platform.jobs.cancel(job_id)
        return job

    @routes.delete("/{job_id}")
    def delete(job_id: str) -> Document:
        with store.together():
            job = store.delete(KIND, job_id)
            if job is not None and job["result"]:
                store.delete(RESULTS.kind, job["result"])
        if job is None:
            raise api_error(404, f"evaluation job '{job_id}' not found")
        if not platform.jobs.cancel(job_id):  # otherwise its own thread, which may still write, removes them
            files(job_id).remove()
        with suppress(NotFound):  # it had not completed
            platform.datastore.delete_repo("dataset", f"{OUTPUT_NAMESPACE}/{job_id}")
        return delete_response(job_id)

    return routes


def resume(platform: Platform) -> None:
    """Go on with the jobs that an earlier process left unfinished."""
    for job in platform.store.all(KIND):
        if job["status"] not in FINAL:
            platform.jobs.start(job["id"], EvaluationWork(platform, job["id"]).run)
