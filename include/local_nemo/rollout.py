"""What happens to a deployment behind its API: it waits for GPUs, pulls its image, serves, and is torn down.

A stored deployment is `{"uid", "gpus", "model", "holds", "deleting", "answer"}`; `answer` is what goes over the
wire, and `holds` tells whether it has its GPUs. The uid tells a deployment from a later one of the same name.
"""

import logging
import threading
from collections.abc import Callable
from functools import partial

from include.local_nemo.cluster import NotEnoughResources
from include.local_nemo.platform import Platform
from include.local_nemo.store import Absent
from include.local_nemo.wire import Document, go_time

log = logging.getLogger(__name__)

KIND = "model_deployment"


class Replaced(Exception):  # noqa: N818
    """The deployment is not there any more, or another one has its name."""


def pending(uid: str, answer: Document, model: str | None, gpus: int, description: str) -> Document:
    """Return a deployment, to be stored and then started, that has nothing yet."""
    answer |= {
        "deployed": False,
        "url": "",
        "status_details": {"status": "pending", "description": description},
    }
    return {
        "uid": uid,
        "gpus": gpus,
        "model": model,
        "holds": False,
        "deleting": False,
        "answer": answer,
    }


def start(platform: Platform, deployment: Document) -> None:
    """Begin to bring a stored deployment up."""
    uid, key = deployment["uid"], key_of(deployment)
    platform.jobs.start(uid, partial(_bring_up, platform, key, uid))


def replace(platform: Platform, old_uid: str, deployment: Document) -> None:
    """Free what the old deployment of this name has, and begin to bring the new one up."""
    _release(platform, old_uid)
    start(platform, deployment)


def remove(platform: Platform, deployment: Document) -> None:
    """Begin to tear a deployment down; without a teardown time it is gone when this returns."""
    uid, key = deployment["uid"], key_of(deployment)
    if not platform.settings.teardown:
        _forget(platform, key)
        return

    def mark(doc: Document) -> None:
        doc["deleting"] = True
        _set_status(doc, "cancelling", "Model deployment is being deleted")

    try:
        _update(platform, key, uid, mark)
    except Replaced:
        return
    platform.jobs.cancel(uid)
    platform.jobs.start(f"{uid} teardown", partial(_take_down, platform, key))


def adopt(platform: Platform) -> None:
    """Hold the GPUs that deployments had before a restart."""
    for deployment in platform.store.all(KIND):
        if deployment["holds"]:
            platform.cluster.adopt(deployment["uid"], deployment["gpus"])


def resume(platform: Platform) -> None:
    """Go on with what was on its way up or down."""
    for deployment in platform.store.all(KIND):
        if deployment["deleting"]:
            remove(platform, deployment)
        elif _status(deployment) == "pending":
            start(platform, deployment)


def ready_models(platform: Platform) -> dict[str, Document]:
    """Return the deployments that serve now, as on the wire, by the name of their model."""
    return {d["model"]: d["answer"] for d in platform.store.all(KIND) if _status(d) == "ready" and d["model"]}


def key_of(deployment: Document) -> str:
    """Return `<namespace>/<name>`."""
    return f"{deployment['answer']['namespace']}/{deployment['answer']['name']}"


def _bring_up(platform: Platform, key: str, uid: str, cancelled: threading.Event) -> None:
    try:
        _roll_out(platform, key, uid, cancelled)
    except Replaced:
        platform.cluster.release(uid)
        log.info("Deployment %s was deleted or replaced before it was up", key)


def _roll_out(platform: Platform, key: str, uid: str, cancelled: threading.Event) -> None:
    deployment = _update(platform, key, uid, lambda doc: None)
    try:
        if not platform.cluster.acquire(uid, deployment["gpus"], cancelled):
            return
    except NotEnoughResources as error:
        _settle(platform, key, uid, "failed", str(error))
        return
    _update(platform, key, uid, lambda doc: doc.update(holds=True))
    if cancelled.wait(platform.settings.image_pull):
        return
    reason = platform.faults.job_failure("deployment", key)
    model = deployment["model"]
    if reason is None and model and platform.student_for(model) is None:
        reason = f"Image pull failed: nothing is known here by the name {model}"
    if reason is None:
        rolled_out = "modeldeployment-" + key.replace("/", "-").replace(".", "-")
        _settle(platform, key, uid, "ready", f'Deployment "{rolled_out}" successfully rolled out.')
    else:
        platform.cluster.release(uid)
        _settle(platform, key, uid, "failed", reason)


def _settle(platform: Platform, key: str, uid: str, status: str, description: str) -> None:
    def settle(doc: Document) -> None:
        doc["holds"] = status == "ready"
        if not doc["deleting"]:
            _set_status(doc, status, description)
            doc["answer"]["deployed"] = status == "ready"

    _update(platform, key, uid, settle)


def _update(platform: Platform, key: str, uid: str, change: Callable[[Document], None]) -> Document:
    """Change this very deployment and return it; raise `Replaced`."""

    def step(doc: Document) -> None:
        if doc["uid"] != uid:
            raise Replaced
        change(doc)

    try:
        return platform.store.update(KIND, key, step)
    except Absent:
        raise Replaced from None


def _take_down(platform: Platform, key: str, cancelled: threading.Event) -> None:
    if not cancelled.wait(platform.settings.teardown):
        _forget(platform, key)


def _forget(platform: Platform, key: str) -> None:
    deployment = platform.store.delete(KIND, key)
    if deployment is not None:
        _release(platform, deployment["uid"])


def _release(platform: Platform, uid: str) -> None:
    # Cancelled before its GPUs are freed: a deployment that still waits for them cannot get them afterwards.
    platform.jobs.cancel(uid)
    platform.cluster.release(uid)


def _status(deployment: Document) -> str:
    return str(deployment["answer"]["status_details"]["status"])


def _set_status(deployment: Document, status: str, description: str) -> None:
    deployment["answer"]["status_details"] = {"status": status, "description": description}
    deployment["answer"]["updated_at"] = go_time()
    deployment["answer"]["deployed"] = False
