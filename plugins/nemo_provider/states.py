"""What a status means, and when to stop waiting. Pure: ``now`` is an argument, bodies come in as dictionaries.

Sensors and the trigger ask the same two functions: ``observe_…`` turns the platform's answer into an `Observation`,
`decide` turns observations and the clock into the one event that ends the wait, or into None.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from nemo_provider.errors import (
    NemoError,
    NemoJobFailedError,
    NemoJobTimeoutError,
    NemoNotFoundError,
    NemoOutOfGpusError,
    NemoUnavailableError,
)

#: Consecutive polls that may be lost. A service that restarts is away for a poll or two.
FORGIVEN_POLLS = 3
#: The platform's words for a cluster that is too small or too full.
_NO_GPUS = re.compile(r"NotEnoughResources|(insufficient|not enough).{0,80}gpu", re.IGNORECASE)

#: Longest reason in an event, characters: events are stored in Airflow's database.
_MAX_REASON = 2000

Event = dict[str, Any]


class Outcome(StrEnum):
    """Say how a wait stands. All but WAITING end it."""

    WAITING = "waiting"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed_out"
    LOST = "lost"


@dataclass(frozen=True)
class Observation:
    """Hold what one poll found. ``details`` are small facts for logs and XCom, ``reason`` the platform's words."""

    kind: str
    name: str
    status: str
    outcome: Outcome
    reason: str | None = None
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def progress(self) -> str:
        """Return one line for the log; it changes when something worth reading has changed."""
        facts = [f"{self.kind} {self.name}: {self.status}"]
        done = self.details.get("percentage_done", self.details.get("progress"))
        if done is not None:
            facts.append(f"{done:.0f} %")
        if (epochs := self.details.get("epochs_completed")) is not None:
            facts.append(f"{epochs} epochs")
        losses = {name: self.details.get(name) for name in ("train_loss", "val_loss")}
        facts += [f"{name} {loss:.4g}" for name, loss in losses.items() if loss is not None]
        if (samples := self.details.get("samples_processed")) is not None:
            facts.append(f"{samples} samples")
        if step := self.details.get("step"):
            facts.append(str(step))
        return ", ".join(facts)


@dataclass(frozen=True)
class LostPoll:
    """Hold why a poll brought no observation: no answer, a refusal, a job that is not there."""

    kind: str
    name: str
    problem: str


Poll = Observation | LostPoll


def decide(poll: Poll, *, now: float, end_time: float, lost_polls: int) -> Event | None:
    """Return the event that ends the wait, or None to go on waiting.

    ``now`` and ``end_time`` are seconds since the epoch, so that a deadline outlives the process that waits.
    ``lost_polls`` counts the consecutive lost polls, this one included.
    """
    if isinstance(poll, LostPoll):
        if lost_polls > FORGIVEN_POLLS:
            return _event(poll, Outcome.LOST, "unknown", poll.problem)
        if now >= end_time:
            return _event(poll, Outcome.TIMED_OUT, "unknown", poll.problem)
        return None
    if poll.outcome is not Outcome.WAITING:
        return _event(poll, poll.outcome, poll.status, poll.reason, poll.details)
    if now >= end_time:
        return _event(poll, Outcome.TIMED_OUT, poll.status, poll.reason, poll.details)
    return None


def result_of(event: Event) -> dict[str, Any]:
    """Return the details of a wait that ended well; raise the error that another end means."""
    outcome = Outcome(event["outcome"])
    if outcome is Outcome.SUCCEEDED:
        return event["details"]
    what, status, reason = (
        f"{event['kind']} {event['name']}",
        event["status"],
        event["reason"] or "no reason given",
    )
    if outcome is Outcome.TIMED_OUT:
        raise NemoJobTimeoutError(
            f"Gave up waiting for {what}, which is {status} ({reason}). Jobs that nobody waits for are cancelled; a "
            "longer timeout waits longer"
        )
    if outcome is Outcome.LOST:
        raise NemoUnavailableError(
            f"Lost sight of {what}: {FORGIVEN_POLLS + 1} polls in a row failed, the last with: {reason}. It goes on "
            "by itself; a retry of this task waits for it again"
        )
    error = NemoOutOfGpusError if _NO_GPUS.search(reason) else NemoJobFailedError
    raise error(
        f"{what} {'was cancelled' if outcome is Outcome.CANCELLED else 'failed'}: {reason}. Waiting again cannot help: "
        "clear the task that submitted it to run it anew"
    )


def lost_poll(kind: str, name: str, error: NemoError) -> LostPoll:
    """Return what a failed poll means for the wait: nothing final yet, whatever the error."""
    if isinstance(error, NemoNotFoundError):
        return LostPoll(kind, name, f"the platform does not know it ({error.detail})")
    return LostPoll(kind, name, str(error))


def word(status: Any) -> str:
    """Return a status in lower case, ``unknown`` for none; documents print upper case, the wire lower case."""
    return str(status or "unknown").lower()


def observe_customization(name: str, job: dict[str, Any], model: dict[str, Any] | None) -> Observation:
    """Read a customization job, and the model entity of one that is completed.

    ``completed`` is not the end: the adapter is there when its entity says ``upload_completed``. Percentage 100
    is nothing at all: it has been recorded on jobs that ran on and on jobs that failed.
    """
    status, details = word(job.get("status")), job.get("status_details") or {}
    logs = [log for log in details.get("status_logs") or [] if isinstance(log, dict)]
    facts = _present(
        job_id=name,
        status=status,
        output_model=job.get("output_model"),
        **{key: details.get(key) for key in _CUSTOMIZATION_FACTS},
        train_loss=_loss(details, "train_loss"),
        val_loss=_loss(details, "val_loss"),
        created_at=job.get("created_at"),
        updated_at=details.get("updated_at") or job.get("updated_at"),
        step=logs[-1].get("message") if logs and status not in _ENDED else None,
    )
    outcome, reason = _job_outcome(status), None
    if outcome is Outcome.FAILED:
        reason = next((str(log["detail"]) for log in reversed(logs) if log.get("detail")), None)
        if any(_NO_GPUS.search(str(log.get("message"))) for log in logs[-1:]):
            reason = f"NotEnoughResources: {reason or 'the cluster has not enough GPUs'}"
    elif outcome is Outcome.SUCCEEDED and job.get("output_model"):
        artifact = word(((model or {}).get("artifact") or {}).get("status"))
        if artifact == "upload_failed":
            outcome, reason = Outcome.FAILED, "the trained adapter could not be uploaded (upload_failed)"
        elif artifact != "upload_completed":
            outcome, reason = (
                Outcome.WAITING,
                f"the adapter {job['output_model']} is not uploaded yet ({artifact})",
            )
    return Observation("customization", name, status, outcome, reason, facts)


def observe_evaluation(name: str, job: dict[str, Any]) -> Observation:
    """Read an evaluation job. Its progress may be null, or 100 too early: only the status decides."""
    status, details = word(job.get("status")), job.get("status_details") or {}
    facts = _present(
        job_id=name,
        status=status,
        progress=details.get("progress"),
        samples_processed=details.get("samples_processed"),
        created_at=job.get("created_at"),
        updated_at=job.get("updated_at"),
    )
    message = details.get("message")
    outcome = _job_outcome(status)
    return Observation("evaluation", name, status, outcome, str(message) if message else None, facts)


def observe_deployment(name: str, deployment: dict[str, Any]) -> Observation:
    """Read a deployment: ``ready`` or ``failed`` end the wait. There is no status ``deployed``."""
    details, config = deployment.get("status_details") or {}, deployment.get("config")
    config = config if isinstance(config, dict) else {}
    status, description = word(details.get("status")), details.get("description")
    facts = _present(
        deployment=name,
        status=status,
        description=description,
        model=config.get("model"),
        gpus=(config.get("nim_deployment") or {}).get("gpu"),
        created_at=deployment.get("created_at"),
        step=description if status not in _ENDED else None,
    )
    outcome = Outcome.SUCCEEDED if status == "ready" else _job_outcome(status)
    return Observation("deployment", name, status, outcome, str(description) if description else None, facts)


def observe_deployment_gone(name: str, deployment: dict[str, Any] | None) -> Observation:
    """Read a deleted deployment: gone when the platform does not know it any more."""
    if deployment is None:
        return Observation("deployment_gone", name, "gone", Outcome.SUCCEEDED, None, {"deployment": name})
    status = word((deployment.get("status_details") or {}).get("status"))
    return Observation("deployment_gone", name, status, Outcome.WAITING, "it is still being torn down")


def observe_model(name: str, listing: dict[str, Any]) -> Observation:
    """Read the NIM's list of models. Real ones list an adapter up to half a minute after its upload."""
    entry = next((model for model in listing.get("data") or [] if model.get("id") == name), None)
    if entry is None:
        return Observation("model", name, "not listed", Outcome.WAITING, "the NIM does not list it yet")
    facts = _present(
        model=name, status="listed", base_model=entry.get("parent"), max_model_len=entry.get("max_model_len")
    )
    return Observation("model", name, "listed", Outcome.SUCCEEDED, None, facts)


_CUSTOMIZATION_FACTS = (
    *("percentage_done", "epochs_completed", "steps_completed", "steps_per_epoch", "best_epoch"),
    *("elapsed_time", "samples_processed"),
)
_ENDED = frozenset({"completed", "failed", "cancelled", "ready"})


def is_active(status: Any) -> bool:
    """Say whether a job is still worth attaching to. An unknown status is: the wait will tell."""
    return word(status) not in {"completed", "failed", "cancelled", "cancelling"}


def is_leaving(deployment: dict[str, Any]) -> bool:
    """Say whether a deployment was deleted and is on its way out."""
    return word((deployment.get("status_details") or {}).get("status")) in {"cancelling", "deleting"}


def _job_outcome(status: str) -> Outcome:
    # Every other word, known or not, keeps waiting: platforms learn new ones.
    outcomes = {"completed": Outcome.SUCCEEDED, "failed": Outcome.FAILED, "cancelled": Outcome.CANCELLED}
    return outcomes.get(status, Outcome.WAITING)


def _loss(details: dict[str, Any], name: str) -> float | None:
    # The top-level loss is null while a job runs; the series has the last one.
    if (value := details.get(name)) is not None:
        return float(value)
    series = ((details.get("metrics") or {}).get("metrics") or {}).get(name) or []
    return float(series[-1]["value"]) if series and series[-1].get("value") is not None else None


def _present(**facts: Any) -> dict[str, Any]:
    return {key: value for key, value in facts.items() if value is not None}


def _event(
    poll: Poll, outcome: Outcome, status: str, reason: str | None, details: dict[str, Any] | None = None
) -> Event:
    return {
        "kind": poll.kind,
        "name": poll.name,
        "outcome": str(outcome),
        "status": status,
        "reason": reason[:_MAX_REASON] if reason else None,
        "details": details or {},
    }
