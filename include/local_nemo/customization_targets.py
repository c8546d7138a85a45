"""Customization targets: the base models that can be trained."""

import threading
from contextlib import suppress
from functools import partial
from typing import Any, Literal

from fastapi import APIRouter
from pydantic import Field

from include.local_nemo import resources
from include.local_nemo.parts import Entity, Precision
from include.local_nemo.platform import Platform
from include.local_nemo.resources import OWNED, Resource, key_of
from include.local_nemo.store import Absent, AlreadyExists
from include.local_nemo.wire import Document, now

KIND = "customization target"
STAGES = ("created", "pending", "downloading", "ready")
"""The statuses of a target, which never goes back."""
SEEDED = "seeded target"

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
    model_type: Literal["nemo", "hf", "hf-lora"] | None = None
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
    owned=OWNED | {"status"},
    complete=_complete,
)


def router(platform: Platform) -> APIRouter:
    """Return the routes below `/v1/customization/targets`; a new target is downloaded before it is ready."""
    return resources.router(platform, TARGETS, created=partial(_download, platform))


def resume(platform: Platform) -> None:
    """Make the targets that every platform has, unless they were there before, and go on with downloads."""
    for spec in platform.students.values():
        if spec.kind == "student":
            _seed(platform, spec.name, OWN_VERSION, spec.num_parameters)
    for name in platform.settings.models:
        student = platform.student_for(name)
        if student is not None and student.kind == "student":
            _seed(platform, name, MAPPED_VERSION, student.num_parameters)
    for target in platform.store.all(KIND):
        if target["status"] != "ready":
            _download(platform, target)


def _download(platform: Platform, target: Document) -> Document:
    """Begin to download a target; without a download time it is ready when this returns."""
    seconds = platform.settings.download
    if not seconds:
        return _advance(platform, target, "ready")

    def download(cancelled: threading.Event) -> None:
        with suppress(Absent):  # deleted meanwhile
            for status in STAGES[1:]:
                _advance(platform, target, status)
                if cancelled.wait(seconds / 2 if status != "ready" else 0):
                    return

    platform.jobs.start(target["id"], download)
    return target


def _advance(platform: Platform, target: Document, status: str) -> Document:
    """Take this very target on to a status and return it; raise `Absent` when it is not there any more."""

    def change(doc: Document) -> None:
        if doc["id"] != target["id"]:
            raise Absent(target["id"])
        if STAGES.index(doc["status"]) < STAGES.index(status):
            doc.update(status=status, updated_at=now())

    return platform.store.update(KIND, TARGETS.key_of(target), change)


def _seed(platform: Platform, model: str, version: str, num_parameters: int) -> None:
    namespace, _, name = model.rpartition("/")
    body = {
        "name": f"{name}@{version}",
        "namespace": namespace or "default",
        "base_model": model,
        "num_parameters": num_parameters,
        "precision": "bf16-mixed",
    }
    target = {**resources.new_document(TARGETS, body), "status": "ready"}
    key = key_of(target["namespace"], target["name"])
    with suppress(AlreadyExists), platform.store.together():
        # Once for all: a target that somebody has deleted does not come back with the next start.
        platform.store.insert(SEEDED, key, {})
        platform.store.insert(KIND, key, target)
