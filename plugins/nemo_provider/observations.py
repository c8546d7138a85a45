"""Read how a job, deployment or model is from the platform's answer. Pure; what is not as documented counts as absent."""

from __future__ import annotations

from typing import Any

from nemo_provider.reading import mapping, mappings, number, text
from nemo_provider.states import NO_GPUS, Observation, Outcome, word

_CUSTOMIZATION_NUMBERS = (
    *("percentage_done", "epochs_completed", "steps_completed", "steps_per_epoch", "best_epoch"),
    *("elapsed_time", "samples_processed"),
)
_ENDED = frozenset({"completed", "failed", "cancelled", "ready"})


def observe_customization(name: str, job: dict[str, Any], model: dict[str, Any] | None) -> Observation:
    """Read a customization job, and the model entity of one that is completed.

    ``completed`` is not the end: the adapter is there when its entity says ``upload_completed``. Percentage 100
    is nothing at all: it has been recorded on jobs that ran on and on jobs that failed.
    """
    status, details = word(job.get("status")), mapping(job.get("status_details"))
    logs, output_model = mappings(details.get("status_logs")), text(job.get("output_model"))
    facts = _present(
        job_id=name,
        status=status,
        output_model=output_model,
        **{key: number(details.get(key)) for key in _CUSTOMIZATION_NUMBERS},
        train_loss=_loss(details, "train_loss"),
        val_loss=_loss(details, "val_loss"),
        created_at=text(job.get("created_at")),
        updated_at=text(details.get("updated_at")) or text(job.get("updated_at")),
        step=text(logs[-1].get("message")) if logs and status not in _ENDED else None,
    )
    outcome, reason = _job_outcome(status), None
    if outcome is Outcome.FAILED:
        reason = next((str(log["detail"]) for log in reversed(logs) if log.get("detail")), None)
        if any(NO_GPUS.search(str(log.get("message"))) for log in logs[-1:]):
            reason = f"NotEnoughResources: {reason or 'the cluster has not enough GPUs'}"
    elif outcome is Outcome.SUCCEEDED and output_model:
        artifact = word(mapping(mapping(model).get("artifact")).get("status"))
        if artifact == "upload_failed":
            outcome, reason = Outcome.FAILED, "the trained adapter could not be uploaded (upload_failed)"
        elif artifact != "upload_completed":
            outcome = Outcome.WAITING
            reason = f"the adapter {output_model} is not uploaded yet ({artifact})"
    return Observation("customization", name, status, outcome, reason, facts)


def observe_evaluation(name: str, job: dict[str, Any]) -> Observation:
    """Read an evaluation job. Its progress may be null, or 100 too early: only the status decides."""
    status, details = word(job.get("status")), mapping(job.get("status_details"))
    facts = _present(
        job_id=name,
        status=status,
        progress=number(details.get("progress")),
        samples_processed=number(details.get("samples_processed")),
        created_at=text(job.get("created_at")),
        updated_at=text(job.get("updated_at")),
    )
    return Observation("evaluation", name, status, _job_outcome(status), text(details.get("message")), facts)


def observe_deployment(name: str, deployment: dict[str, Any]) -> Observation:
    """Read a deployment: ``ready`` or ``failed`` end the wait. There is no status ``deployed``."""
    details, config = mapping(deployment.get("status_details")), mapping(deployment.get("config"))
    status, description = word(details.get("status")), text(details.get("description"))
    facts = _present(
        deployment=name,
        status=status,
        description=description,
        model=_model_name(config.get("model")),
        gpus=number(mapping(config.get("nim_deployment")).get("gpu")),
        created_at=text(deployment.get("created_at")),
        step=description if status not in _ENDED else None,
    )
    outcome = Outcome.SUCCEEDED if status == "ready" else _job_outcome(status)
    return Observation("deployment", name, status, outcome, description, facts)


def observe_deployment_gone(name: str, deployment: dict[str, Any] | None) -> Observation:
    """Read a deleted deployment: gone when the platform does not know it any more."""
    if deployment is None:
        return Observation("deployment_gone", name, "gone", Outcome.SUCCEEDED, None, {"deployment": name})
    status = word(mapping(deployment.get("status_details")).get("status"))
    return Observation("deployment_gone", name, status, Outcome.WAITING, "it is still being torn down")


def observe_model(name: str, listing: dict[str, Any]) -> Observation:
    """Read the NIM's list of models. Real ones list an adapter up to half a minute after its upload."""
    entry = next((model for model in mappings(listing.get("data")) if model.get("id") == name), None)
    if entry is None:
        return Observation("model", name, "not listed", Outcome.WAITING, "the NIM does not list it yet")
    facts = _present(
        model=name,
        status="listed",
        base_model=text(entry.get("parent")),
        max_model_len=number(entry.get("max_model_len")),
    )
    return Observation("model", name, "listed", Outcome.SUCCEEDED, None, facts)


def _job_outcome(status: str) -> Outcome:
    # Every other word, known or not, keeps waiting: platforms learn new ones.
    outcomes = {"completed": Outcome.SUCCEEDED, "failed": Outcome.FAILED, "cancelled": Outcome.CANCELLED}
    return outcomes.get(status, Outcome.WAITING)


def _loss(details: dict[str, Any], name: str) -> float | None:
    # The top-level loss is null while a job runs; the series has the last one.
    if (value := number(details.get(name))) is not None:
        return float(value)
    series = mapping(mapping(details.get("metrics")).get("metrics")).get(name)
    last = number(mapping(series[-1]).get("value")) if isinstance(series, list) and series else None
    return None if last is None else float(last)


def _model_name(model: Any) -> str | None:
    # Given by name, or as the entity that the name stands for.
    if entity := mapping(model):
        return (
            "/".join(part for part in (text(entity.get("namespace")), text(entity.get("name"))) if part)
            or None
        )
    return text(model)


def _present(**facts: Any) -> dict[str, Any]:
    return {key: value for key, value in facts.items() if value is not None}
