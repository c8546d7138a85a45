"""What to ask the platform to learn how a thing is, for each kind of thing. No I/O here: the hook does the asking."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from typing import Any, Literal, NamedTuple

from nemo_provider import states
from nemo_provider.errors import NemoNotFoundError
from nemo_provider.hooks import endpoints
from nemo_provider.hooks.endpoints import Endpoint
from nemo_provider.states import Observation

#: ``deployment_gone`` waits for a deleted deployment to disappear; ``model`` for a model to be listed on the NIM.
Kind = Literal["customization", "evaluation", "deployment", "deployment_gone", "model"]

#: How to stop what is being waited for. A deployment is not in it: it belongs to the task that made it.
CANCEL: dict[str, Endpoint] = {
    "customization": endpoints.CANCEL_CUSTOMIZATION_JOB,
    "evaluation": endpoints.CANCEL_EVALUATION_JOB,
}


class Question(NamedTuple):
    """Hold one call. With ``missing_ok`` a 404 is an answer, None."""

    endpoint: Endpoint
    path: dict[str, str]
    missing_ok: bool = False

    def answer(self, ask: Callable[[Question], Any]) -> Any:
        """Return what ``ask`` returns."""
        try:
            return ask(self)
        except NemoNotFoundError:
            if self.missing_ok:
                return None
            raise

    async def aanswer(self, ask: Callable[[Question], Awaitable[Any]]) -> Any:
        """Return what ``ask`` returns, awaited."""
        try:
            return await ask(self)
        except NemoNotFoundError:
            if self.missing_ok:
                return None
            raise


Questions = Generator[Question, Any, Observation]


def poll(kind: Kind, name: str) -> Questions:
    """Yield the questions for one poll, take their answers, return what they mean.

    ``name`` is a job id, ``namespace/name`` of a deployment, or the id of a model on the NIM.
    """
    return _POLLS[kind](name)


def split_name(reference: str) -> dict[str, str]:
    """Return the two parts of ``namespace/name``, as path parameters."""
    namespace, _, name = reference.partition("/")
    if not namespace or not name:
        raise ValueError(f"{reference!r} is not of the form namespace/name")
    return {"namespace": namespace, "name": name}


def _customization(name: str) -> Questions:
    job = yield Question(endpoints.GET_CUSTOMIZATION_JOB, {"id": name})
    model = None
    if states.word(job.get("status")) == "completed" and job.get("output_model"):
        path = split_name(job["output_model"])
        model = yield Question(endpoints.GET_MODEL, path, missing_ok=True)
    return states.observe_customization(name, job, model)


def _evaluation(name: str) -> Questions:
    return states.observe_evaluation(name, (yield Question(endpoints.GET_EVALUATION_JOB, {"id": name})))


def _deployment(name: str) -> Questions:
    return states.observe_deployment(name, (yield Question(endpoints.GET_DEPLOYMENT, split_name(name))))


def _deployment_gone(name: str) -> Questions:
    question = Question(endpoints.GET_DEPLOYMENT, split_name(name), missing_ok=True)
    return states.observe_deployment_gone(name, (yield question))


def _model(name: str) -> Questions:
    return states.observe_model(name, (yield Question(endpoints.LIST_NIM_MODELS, {})))


_POLLS: dict[str, Callable[[str], Questions]] = {
    "customization": _customization,
    "evaluation": _evaluation,
    "deployment": _deployment,
    "deployment_gone": _deployment_gone,
    "model": _model,
}
