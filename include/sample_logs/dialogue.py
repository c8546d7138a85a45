"""A conversation under construction, and the model's steps in it that end up in the log."""

import datetime
import json
import random
from dataclasses import dataclass, field
from typing import Any

from include.sample_logs.customers import MONTHS, Customer
from include.sample_logs.wording import Voice, expand

_ALPHABET = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

Call = tuple[str, dict[str, Any], Any]
"""A tool call with its outcome: name, arguments, what the tool answers (JSON)."""


@dataclass(frozen=True)
class Step:
    """One answer of the model: how many messages it had seen, when it was asked, and what it said."""

    seen: int
    timestamp: int
    message: dict[str, Any]


@dataclass
class Dialogue:
    """A conversation between one caller and the desk; the clock runs with every message."""

    rng: random.Random
    customer: Customer
    voice: Voice
    phase: int
    start: int
    messages: list[dict[str, Any]] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    known: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.clock = self.start

    @property
    def today(self) -> datetime.date:
        """The day the conversation takes place, UTC."""
        return datetime.datetime.fromtimestamp(self.start, datetime.UTC).date()

    def chance(self, percent: int) -> bool:
        """Return True in `percent` of a hundred cases."""
        return self.rng.randrange(100) < percent

    def spoken(self, day: datetime.date) -> str:
        """Say `day` as this caller might: half the time ISO, else with the month's name."""
        month = MONTHS[day.month - 1]
        return self.rng.choice([day.isoformat(), day.isoformat(), f"{day.day} {month}", f"{month} {day.day}"])

    def user(self, pattern: str, **slots: object) -> str:
        """Let the caller say one wording of `pattern`; return what was said."""
        text = self.voice.say(pattern, **slots)
        self.clock += self.rng.randrange(8, 55)
        self.messages.append({"role": "user", "content": text})
        return text

    def agent(self, pattern: str, **slots: object) -> None:
        """Let the model answer in words."""
        self._answer({"role": "assistant", "content": expand(self.rng, pattern, **slots)})

    def call(self, name: str, arguments: dict[str, Any], result: Any) -> None:
        """Let the model call one tool, and the tool answer `result`."""
        self.calls([(name, arguments, result)])

    def calls(self, calls: list[Call]) -> None:
        """Let the model call several tools in one answer, and the tools answer in the same order."""
        made = [
            {
                "id": "call_" + "".join(self.rng.choice(_ALPHABET) for _ in range(16)),
                "type": "function",
                "function": {"name": name, "arguments": json.dumps(arguments, ensure_ascii=False)},
            }
            for name, arguments, _ in calls
        ]
        self._answer({"role": "assistant", "content": None, "tool_calls": made})
        for one, (name, _, result) in zip(made, calls, strict=True):
            content = json.dumps(result, ensure_ascii=False)
            self.messages.append(
                {"role": "tool", "tool_call_id": one["id"], "name": name, "content": content}
            )

    def _answer(self, message: dict[str, Any]) -> None:
        self.clock += self.rng.randrange(2, 7)
        self.steps.append(Step(len(self.messages), self.clock, message))
        self.messages.append(message)
