"""How the calls of an evaluation went, and what their answers hold."""

from collections.abc import Mapping
from typing import Any

ENOUGH_TO_GIVE_UP = 10
"""So many calls that cannot succeed, and none that did: the rest would only take time."""


class EvaluationFailed(Exception):  # noqa: N818
    """The evaluation cannot give results; the text is the reason as the job reports it."""


class Calls:
    """Count the calls to one endpoint and notice when going on is pointless."""

    def __init__(self, who: str) -> None:
        self.who = who
        self.answered = 0
        self.failed = 0
        self.first_reason = ""
        self._hopeless = 0

    def failure(self, reason: str, *, hopeless: bool = False) -> None:
        """Count a call that got no answer."""
        self.failed += 1
        self._hopeless += hopeless
        self.first_reason = self.first_reason or reason

    def check(self, *, finished: bool) -> None:
        """Raise EvaluationFailed when no call succeeded: at the end, or earlier when none can."""
        if not self.answered and self.failed and (finished or self._hopeless >= ENOUGH_TO_GIVE_UP):
            raise EvaluationFailed(f"{self.who} answered none of {self.failed} requests: {self.first_reason}")


def output_text(answer: Mapping[str, Any]) -> str:
    """Return the text of a chat completion or completion, empty when it has none."""
    choice = answer["choices"][0]
    message = choice.get("message")
    text = message.get("content") if isinstance(message, dict) else choice.get("text")
    return text if isinstance(text, str) else ""


def tool_calls(sample: Mapping[str, Any]) -> object:
    """Return the tool calls of a sample that has a response, in whatever form the model gave them."""
    message = sample["response"]["choices"][0].get("message")
    return message.get("tool_calls") if isinstance(message, dict) else None
