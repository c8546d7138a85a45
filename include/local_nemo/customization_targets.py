"""Customization targets: the base models that can be trained."""

import threading
from typing import Any, Literal

from fastapi import APIRouter
from pydantic import Field

from include.local_nemo import resources
from include.local_nemo.platform import Platform
from include.local_nemo.resources import Entity, Resource, key_of
from include.local_nemo.store import Absent, AlreadyExists
from include.local_nemo.wire import Body, Document, api_error, now

KIND = "customization target"
Precision = Literal["int8", "bf16", "fp16", "fp32", "fp8-mixed", "bf16-mixed"]

OWN_VERSION, MAPPED_VERSION = "1.0", "2.0"
"""Versions in the names of the targets that every platform has: of its own students, and of the names mapped to them."""


class TargetBody(Entity):
    """A base model and where its checkpoint comes from."""

    num_parameters: int = Field(ge=0)
    precision: Precision
    base_model: str | None = None
    enabled: bool | None = None
    hf_endpoint: str | None = None
    model_path: str | None = None
    model_uri: str | None = None
    tokenizer: dict[str, Any] | None = None


def _complete(target: Document) -> Document:
    plain = target["name"].partition("@")[0]
    return {
        **target,
        "base_model": target.get("base_model") or f"{target['namespace']}/{plain}",
        "model_path": target.get("model_path") or target["name"].translate(str.maketrans("/@.", "___")),
    }


TARGETS = Resource(
    KIND,
    "/v1/customization/targets",
    "cust-target",
    TargetBody,
    {"enabled": True, "hf_endpoint": None, "model_uri": None, "status": "created", "custom_fields": {}},
    complete=_complete,
)


def router(platform: Platform) -> APIRouter:
    """Return the routes below `/v1/customization/targets`; a new target is downloaded before it is ready."""
    routes = APIRouter()

    @routes.post(TARGETS.path)
    def create(body: Body) -> Document:
        target = resources.new_document(TARGETS, body)
        target["status"] = "created" if platform.settings.download else "ready"
        key = key_of(target["namespace"], target["name"])
        try:
            platform.store.insert(KIND, key, target)
        except AlreadyExists:
            raise api_error(409, f"{KIND} '{key}' already exists") from None
        if target["status"] == "created":
            _start_download(platform, target)
        return target

    routes.include_router(resources.router(platform, TARGETS))
    return routes


def _start_download(platform: Platform, target: Document) -> None:
    def download(cancelled: threading.Event) -> None:
        try:
            for status in ("pending", "downloading", "ready"):
                _set_status(platform, target, status)
                if cancelled.wait(platform.settings.download / 2 if status != "ready" else 0):
                    return
        except Absent:
            return  # deleted meanwhile

    platform.jobs.start(target["id"], download)


def _set_status(platform: Platform, target: Document, status: str) -> None:
    def change(doc: Document) -> None:
        doc.update(status=status, updated_at=now())

    platform.store.update(KIND, key_of(target["namespace"], target["name"]), change)


def resume(platform: Platform) -> None:
    """Make the targets that every platform has, unless they are there, and go on with downloads."""
    for spec in platform.students.values():
        if spec.kind == "student":
            _seed(platform, spec.name, OWN_VERSION, spec.num_parameters)
    for name in platform.settings.models:
        student = platform.student_for(name)
        if student is not None and student.kind == "student":
            _seed(platform, name, MAPPED_VERSION, student.num_parameters)
    for target in platform.store.all(KIND):
        if target["status"] in ("created", "pending", "downloading"):
            _start_download(platform, target)


def _seed(platform: Platform, model: str, version: str, num_parameters: int) -> None:
    namespace, _, name = model.rpartition("/")
    body = {
        "name": f"{name}@{version}",
        "namespace": namespace or "default",
        "base_model": model,
        "num_parameters": num_parameters,
        "precision": "bf16-mixed",
    }
    target = resources.new_document(TARGETS, body)
    try:
        platform.store.insert(
            KIND, key_of(target["namespace"], target["name"]), {**target, "status": "ready"}
        )
    except AlreadyExists:
        return
