"""What a status means, and when to stop waiting. Pure: ``now`` is an argument.

Sensors and the trigger ask the same functions: ``nemo_provider.observations`` turns the platform's answer into an
`Observation`, `lost_poll` an error into a `LostPoll`, and `decide` these and the clock into the one event that ends the
wait, or into None.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from nemo_provider.errors import (
    NemoConfigurationError,
    NemoError,
    NemoJobFailedError,
    NemoJobTimeoutError,
    NemoNotFoundError,
    NemoOutOfGpusError,
    NemoUnavailableError,
)
from nemo_provider.reading import mapping

#: Consecutive polls that may be lost. A service that restarts is away for a poll or two.
FORGIVEN_POLLS = 3
#: The platform's words for a cluster that is too small or too full.
NO_GPUS = re.compile(r"NotEnoughResources|(insufficient|not enough).{0,80}gpu", re.IGNORECASE)

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
    MISCONFIGURED = "misconfigured"


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
    """Hold why a poll brought no observation: no answer, a refusal, a job that is not there.

    ``final`` if the next poll can only be lost in the same way.
    """

    kind: str
    name: str
    problem: str
    final: bool = False


Poll = Observation | LostPoll


def decide(poll: Poll, *, now: float, end_time: float, lost_polls: int) -> Event | None:
    """Return the event that ends the wait, or None to go on waiting.

    ``now`` and ``end_time`` are seconds since the epoch, so that a deadline outlives the process that waits.
    ``lost_polls`` counts the consecutive lost polls, this one included.
    """
    if isinstance(poll, LostPoll):
        if poll.final:
            return _event(poll, Outcome.MISCONFIGURED, "unknown", poll.problem)
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
    if outcome is Outcome.MISCONFIGURED:
        raise NemoConfigurationError(
            f"Cannot ask for {what}: {reason}. It goes on by itself; clear this task to wait for it again"
        )
    error = NemoOutOfGpusError if NO_GPUS.search(reason) else NemoJobFailedError
    raise error(
        f"{what} {'was cancelled' if outcome is Outcome.CANCELLED else 'failed'}: {reason}. Waiting again cannot help: "
        "clear the task that submitted it to run it anew"
    )


def lost_poll(kind: str, name: str, error: NemoError) -> LostPoll:
    """Return what a failed poll means for the wait: nothing final yet, unless a person must mend the configuration.

    A refused credential is forgiven like the rest: gateways restart and tokens are changed under way, and a training
    of hours is not to be left alone for one 401. A wrong one is refused again, and its error is the wait's.
    """
    if isinstance(error, NemoNotFoundError):
        return LostPoll(kind, name, f"the platform does not know it ({error.detail})")
    return LostPoll(kind, name, str(error), final=isinstance(error, NemoConfigurationError))


def word(status: Any) -> str:
    """Return a status in lower case, ``unknown`` for none; documents print upper case, the wire lower case."""
    return status.lower() if isinstance(status, str) and status else "unknown"


def is_active(status: Any) -> bool:
    """Say whether a job is still worth attaching to. An unknown status is: the wait will tell."""
    return word(status) not in {"completed", "failed", "cancelled", "cancelling"}


def is_leaving(deployment: dict[str, Any]) -> bool:
    """Say whether a deployment was deleted and is on its way out."""
    return word(mapping(deployment.get("status_details")).get("status")) in {"cancelling", "deleting"}


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
