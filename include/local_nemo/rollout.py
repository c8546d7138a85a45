"""What happens to a deployment behind its API: it waits for GPUs, pulls its image, serves, and is torn down.

A stored deployment is `{"uid", "gpus", "model", "deleting", "answer"}`; `answer` is what goes over the
wire. The uid tells a deployment from a later one of the same name.
"""

import logging
import threading
from functools import partial

from include.local_nemo.cluster import NotEnoughResources
from include.local_nemo.platform import Platform
from include.local_nemo.store import Absent
from include.local_nemo.wire import Document, go_time

log = logging.getLogger(__name__)

KIND = "model_deployment"


def start(platform: Platform, deployment: Document) -> None:
    """Begin to bring a stored deployment up."""
    uid, key = deployment["uid"], key_of(deployment)
    platform.jobs.start(uid, partial(_bring_up, platform, key, uid))


def remove(platform: Platform, deployment: Document) -> None:
    """Begin to tear a deployment down; without a teardown time it is gone when this returns."""
    uid, key = deployment["uid"], key_of(deployment)
    if not platform.settings.teardown:
        _forget(platform, key, uid)
        return

    def mark(doc: Document) -> None:
        doc["deleting"] = True
        _set_status(doc, "cancelling", "Model deployment is being deleted")

    platform.store.update(KIND, key, mark)
    platform.jobs.cancel(uid)
    platform.jobs.start(f"{uid} teardown", partial(_take_down, platform, key, uid))


def resume(platform: Platform) -> None:
    """Hold the GPUs of what was up, then go on with what was on its way up or down."""
    for deployment in platform.store.all(KIND):
        if deployment["deleting"] or _status(deployment) == "ready":
            platform.cluster.adopt(deployment["uid"], deployment["gpus"])
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
    deployment = platform.store.get(KIND, key)
    if deployment is None or deployment["uid"] != uid:
        return
    try:
        if not platform.cluster.acquire(uid, deployment["gpus"], cancelled):
            return
    except NotEnoughResources as error:
        _finish(platform, key, uid, "failed", str(error))
        return
    if cancelled.wait(platform.settings.image_pull):
        return
    reason = platform.faults.job_failure("deployment", key)
    model = deployment["model"]
    if reason is None and model and platform.student_for(model) is None:
        reason = f"Image pull failed: nothing is known here by the name {model}"
    if reason is None:
        rolled_out = "modeldeployment-" + key.replace("/", "-").replace(".", "-")
        _finish(platform, key, uid, "ready", f'Deployment "{rolled_out}" successfully rolled out.')
    else:
        platform.cluster.release(uid)
        _finish(platform, key, uid, "failed", reason)


def _finish(platform: Platform, key: str, uid: str, status: str, description: str) -> None:
    def settle(doc: Document) -> None:
        if doc["uid"] == uid and not doc["deleting"]:
            _set_status(doc, status, description)
            doc["answer"]["deployed"] = status == "ready"

    try:
        platform.store.update(KIND, key, settle)
    except Absent:
        log.info("Deployment %s was deleted before it was %s", key, status)


def _take_down(platform: Platform, key: str, uid: str, cancelled: threading.Event) -> None:
    if not cancelled.wait(platform.settings.teardown):
        _forget(platform, key, uid)


def _forget(platform: Platform, key: str, uid: str) -> None:
    platform.store.delete(KIND, key)
    # Cancelled before its GPUs are freed: a deployment that still waits for them cannot get them afterwards.
    platform.jobs.cancel(uid)
    platform.cluster.release(uid)


def _status(deployment: Document) -> str:
    return str(deployment["answer"]["status_details"]["status"])


def _set_status(deployment: Document, status: str, description: str) -> None:
    deployment["answer"]["status_details"] = {"status": status, "description": description}
    deployment["answer"]["updated_at"] = go_time()
    deployment["answer"]["deployed"] = False
