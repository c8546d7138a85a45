"""Follow one wait from poll to poll, on a worker or in the triggerer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from nemo_provider.errors import NemoError
from nemo_provider.hooks.base import NemoHttpHook
from nemo_provider.polls import Kind
from nemo_provider.states import Event, LostPoll, Poll, decide, lost_poll


@dataclass
class Watch:
    """Remember what a wait has to: how many polls in a row were lost, and what was last known.

    ``end_time`` is when to stop waiting, seconds since the epoch; ``log`` gets one line per change and per lost poll.
    """

    end_time: float
    log: Any
    _lost: int = field(default=0, init=False)
    _details: dict[str, Any] = field(default_factory=dict, init=False)
    _progress: str = field(default="", init=False)

    def take(self, poll: Poll, now: float) -> Event | None:
        """Take one poll; return the event that ends the wait, or None to go on waiting.

        An event of a lost poll carries the details of the last one that was not.
        """
        if isinstance(poll, LostPoll):
            self._lost += 1
            self.log.warning("Lost poll %d: %s", self._lost, poll.problem)
        else:
            self._lost, self._details = 0, poll.details
            if poll.progress != self._progress:
                self._progress = poll.progress
                self.log.info(self._progress)
        event = decide(poll, now=now, end_time=self.end_time, lost_polls=self._lost)
        return event and {**event, "details": event["details"] or self._details}


def look(hook: NemoHttpHook, kind: Kind, name: str) -> Poll:
    """Ask once how a thing is; an error of the platform or the way to it makes a lost poll."""
    try:
        return hook.poll(kind, name)
    except NemoError as error:
        return lost_poll(kind, name, error)


async def alook(hook: NemoHttpHook, kind: Kind, name: str) -> Poll:
    """Ask the same from an event loop."""
    try:
        return await hook.apoll(kind, name)
    except NemoError as error:
        return lost_poll(kind, name, error)
