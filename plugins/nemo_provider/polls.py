"""What to ask the platform to learn how a thing is, for each kind of thing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from nemo_provider import observations
from nemo_provider.errors import NemoNotFoundError
from nemo_provider.hooks import endpoints
from nemo_provider.questions import Questions, document
from nemo_provider.reading import text
from nemo_provider.states import Observation, word

#: ``deployment_gone`` waits for a deleted deployment to disappear; ``model`` for a model to be listed on the NIM.
Kind = Literal["customization", "evaluation", "deployment", "deployment_gone", "model"]


def poll(kind: Kind, name: str) -> Questions[Observation]:
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


def _customization(name: str) -> Questions[Observation]:
    job, model = (yield from document(endpoints.GET_CUSTOMIZATION_JOB, {"id": name})), None
    output_model = text(job.get("output_model"))
    if word(job.get("status")) == "completed" and output_model:
        # A name without namespace is read as the platform reads it.
        reference = output_model if "/" in output_model else f"default/{output_model}"
        namespace, _, model_name = reference.partition("/")
        try:
            model = yield from document(endpoints.GET_MODEL, {"namespace": namespace, "name": model_name})
        except NemoNotFoundError:
            model = None
    return observations.observe_customization(name, job, model)


def _evaluation(name: str) -> Questions[Observation]:
    job = yield from document(endpoints.GET_EVALUATION_JOB, {"id": name})
    return observations.observe_evaluation(name, job)


def _deployment(name: str) -> Questions[Observation]:
    deployment = yield from document(endpoints.GET_DEPLOYMENT, split_name(name))
    return observations.observe_deployment(name, deployment)


def _deployment_gone(name: str) -> Questions[Observation]:
    try:
        deployment = yield from document(endpoints.GET_DEPLOYMENT, split_name(name))
    except NemoNotFoundError:
        return observations.observe_deployment_gone(name, None)
    return observations.observe_deployment_gone(name, deployment)


def _model(name: str) -> Questions[Observation]:
    listing = yield from document(endpoints.LIST_NIM_MODELS, {})
    return observations.observe_model(name, listing)


_POLLS: dict[str, Callable[[str], Questions[Observation]]] = {
    "customization": _customization,
    "evaluation": _evaluation,
    "deployment": _deployment,
    "deployment_gone": _deployment_gone,
    "model": _model,
}
