"""Customization jobs on the wire: create, watch, cancel."""

import logging
from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request

from include.local_nemo import customization_hyperparameters as hyperparameters
from include.local_nemo.customization_logs import container_logs
from include.local_nemo.customization_requests import (
    JobBody,
    find_config,
    find_dataset,
    find_option,
    gpus_of,
)
from include.local_nemo.customization_status import FINAL, INTERNAL, KIND, first_status, shown
from include.local_nemo.entities import MODELS
from include.local_nemo.lists import list_page
from include.local_nemo.platform import Platform
from include.local_nemo.resources import key_of, new_document
from include.local_nemo.store import Absent, AlreadyExists
from include.local_nemo.training_run import TrainingRun, remove_leftovers
from include.local_nemo.wire import Body, Document, api_error, new_id, now, validated

log = logging.getLogger(__name__)

DERIVED: dict[str, Callable[[Document], Any]] = {
    "base_model": lambda job: job["config_snapshot"]["base_model"],
    "batch_size": lambda job: job["hyperparameters"].get("batch_size"),
    "epochs": lambda job: job["hyperparameters"].get("epochs"),
    "finetuning_type": lambda job: job["hyperparameters"].get("finetuning_type"),
    "log_every_n_steps": lambda job: job["hyperparameters"].get("log_every_n_steps"),
    "training_type": lambda job: job["hyperparameters"].get("training_type"),
}


def router(platform: Platform) -> APIRouter:
    """Return the routes below `/v1/customization/jobs`. There is no delete: the service has none."""
    routes = APIRouter(prefix="/v1/customization/jobs")
    store = platform.store

    def require(job_id: str) -> Document:
        job = store.get(KIND, job_id)
        if job is None:
            raise api_error(404, f"customization job '{job_id}' not found")
        return job

    @routes.post("")
    def create(body: Body) -> Document:
        job = _new_job(platform, validated(JobBody, body))
        with store.together():
            if job["output_model"] is not None:
                _register_model(platform, job)
            store.insert(KIND, job["id"], job)
        platform.jobs.start(job["id"], TrainingRun(platform, job["id"]).run)
        log.info("Created customization %s", job["id"])
        return shown(job)

    @routes.get("")
    def find(request: Request) -> Document:
        return list_page([shown(job) for job in store.all(KIND)], request, DERIVED)

    @routes.get("/{job_id}")
    def read(job_id: str) -> Document:
        return shown(require(job_id))

    @routes.get("/{job_id}/status")
    def status(job_id: str) -> Document:
        details: Document = require(job_id)["status_details"]
        return details

    @routes.get("/{job_id}/container-logs")
    def logs(job_id: str) -> Document:
        return container_logs(require(job_id))

    @routes.post("/{job_id}/cancel")
    def cancel(job_id: str) -> Document:
        def step(job: Document) -> None:
            if job["status"] in FINAL or job[INTERNAL].get("finishing"):
                # Not 409, which clients of this API repeat.
                raise api_error(
                    400, f"customization job '{job_id}' cannot be cancelled in status {job['status']}"
                )
            # Without a thread there is nobody to finish the cancelling.
            job["status"] = "cancelling" if platform.jobs.is_live(job_id) else "cancelled"
            job["updated_at"] = now()
            job["status_details"].update(status=job["status"], updated_at=job["updated_at"])

        try:
            job = store.update(KIND, job_id, step)
        except Absent:
            raise api_error(404, f"customization job '{job_id}' not found") from None
        platform.jobs.cancel(job_id)
        return shown(job)

    return routes


def adopt(platform: Platform) -> None:
    """Hold the GPUs of the jobs that were running before a restart."""
    for job in platform.store.all(KIND):
        if job["status"] == "running":
            platform.cluster.adopt(job["id"], gpus_of(job))


def resume(platform: Platform) -> None:
    """Go on with the jobs that an earlier process left unfinished."""
    remove_leftovers(platform.settings.state_dir)
    for job in platform.store.all(KIND):
        if job["status"] not in FINAL:
            platform.jobs.start(job["id"], TrainingRun(platform, job["id"]).run)


def _new_job(platform: Platform, body: Document) -> Document:
    chosen = hyperparameters.completed(body["hyperparameters"])
    config = find_config(platform, body["config"], body.get("namespace"))
    option = find_option(config, chosen)
    dataset, repo = find_dataset(platform, body["dataset"])
    job_id, moment = new_id("cust"), now()
    target = config["target"]
    return {
        "id": job_id,
        "created_at": moment,
        "updated_at": moment,
        "namespace": body.get("namespace") or "default",
        "description": body.get("description"),
        "project": body.get("project"),
        "ownership": body.get("ownership"),
        "custom_fields": body.get("custom_fields") or {},
        "config": body["config"] if isinstance(body["config"], str) else config,
        "config_snapshot": {
            "base_model": target["base_model"],
            "max_seq_length": config["max_seq_length"],
            "precision": config.get("training_precision") or target["precision"],
            "prompt_template": config.get("prompt_template"),
            "training_option": option,
        },
        "dataset": dataset,
        "dataset_parameters": body.get("dataset_parameters"),
        "hyperparameters": chosen,
        "integrations": body.get("integrations"),
        "output_model": _output_model(platform, body.get("output_model"), job_id),
        "status": "created",
        "status_details": first_status(moment),
        "warnings": [
            {
                "message": f"{name} has no effect",
                "explanation": "The models of this platform train without it.",
            }
            for name in hyperparameters.UNUSED
            if chosen.get(name)
        ],
        INTERNAL: {"repo": repo, "num_parameters": target["num_parameters"]},
    }


def _output_model(platform: Platform, sent: str | None, job_id: str) -> str | None:
    """Return the full name of the output model, which gets the job's id as version unless it has one."""
    if sent is None:
        return None
    name, _, version = sent.partition("@")
    name = name if "/" in name else key_of("default", name)
    revision = version or job_id
    if platform.datastore.exists("model", name, revision):
        raise api_error(409, f"model '{name}@{revision}' already exists in the Data Store")
    return f"{name}@{revision}"


def _register_model(platform: Platform, job: Document) -> None:
    """Enter the output model into the Entity Store, its files still to come; answer 409 when it is there already."""
    namespace, _, name = job["output_model"].partition("/")
    snapshot, finetuning = job["config_snapshot"], job["hyperparameters"]["finetuning_type"]
    model = new_document(
        MODELS,
        {
            "name": name,
            "namespace": namespace,
            "project": job["project"],
            "base_model": snapshot["base_model"],
            "spec": {
                "num_parameters": job[INTERNAL]["num_parameters"],
                "context_size": snapshot["max_seq_length"],
                "num_virtual_tokens": 0,
                "is_chat": True,
            },
            "artifact": {
                "status": "created",
                "files_url": f"hf://{job['output_model']}",
                "backend_engine": "nemo",
                "precision": snapshot["precision"],
                "tensor_parallelism": snapshot["training_option"].get("tensor_parallel_size") or 1,
            },
            "peft": {"finetuning_type": "lora"} if finetuning == "lora" else None,
        },
    )
    try:
        platform.store.insert(MODELS.kind, job["output_model"], model)
    except AlreadyExists:
        raise api_error(409, f"model '{name}' already exists in namespace {namespace}") from None
