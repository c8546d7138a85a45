"""How to stop a job, on every release of the platform."""

from __future__ import annotations

from enum import StrEnum

from nemo_provider.errors import NemoApiError, NemoNotFoundError
from nemo_provider.hooks import endpoints
from nemo_provider.hooks.endpoints import Endpoint
from nemo_provider.questions import Question, Questions, document
from nemo_provider.states import is_active

#: How to stop what is being waited for. A deployment is not in it: it belongs to the task that made it.
CANCEL: dict[str, Endpoint] = {
    "customization": endpoints.CANCEL_CUSTOMIZATION_JOB,
    "evaluation": endpoints.CANCEL_EVALUATION_JOB,
}


class Stopped(StrEnum):
    """Say what was done about a job."""

    CANCELLED = "cancelled"
    DELETED = "deleted"
    #: It had ended before, or the platform does not know it.
    NOTHING = "nothing"


def cancel(kind: str, job_id: str) -> Questions[Stopped]:
    """Yield the questions that stop a job, return what was done."""
    try:
        yield Question(CANCEL[kind], {"id": job_id})
    except NemoApiError as error:
        # A job that has ended is answered with 400 or 409, depending on the release.
        if error.status in (400, 409):
            return Stopped.NOTHING
        if error.status not in (404, 405) or (error.status == 405 and kind != "evaluation"):
            raise
    else:
        return Stopped.CANCELLED
    return (yield from _delete_evaluation(job_id)) if kind == "evaluation" else Stopped.NOTHING


def _delete_evaluation(job_id: str) -> Questions[Stopped]:
    # Release 25.4 cannot cancel an evaluation. Its 404 or 405 is about the path and says nothing of the job, which goes
    # on until it is deleted.
    path = {"id": job_id}
    try:
        job = yield from document(endpoints.GET_EVALUATION_JOB, path)
        if not is_active(job.get("status")):
            return Stopped.NOTHING
        yield Question(endpoints.DELETE_EVALUATION_JOB, path)
    except NemoNotFoundError:
        return Stopped.NOTHING
    return Stopped.DELETED
