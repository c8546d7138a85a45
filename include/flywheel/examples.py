"""One record as an example: its turns, its answer, and how they are written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from include.flywheel.chat import arguments_text, text_of
from include.flywheel.tokens import TokenCounter

_CUT = "[…]"

#: What is embedded of a conversation, in bytes: by the estimate of `tokens` within the 512 tokens that the smallest of
#: the usual embedding models take. One turn takes at most half: a tool's long output would hide what it was called for.
END_BYTES = 1600
TURN_BYTES = 800


@dataclass(frozen=True)
class Example:
    """One training record as an example: its turns, one text each, and the right answer."""

    id: str
    turns: tuple[str, ...]
    answer: str

    @classmethod
    def of(cls, record_id: str, messages: Sequence[Mapping[str, Any]]) -> "Example":
        """Make an example of a training row's messages; the last one is the answer."""
        *prompt, answer = messages
        turns = [turn for message in prompt for turn in turns_of(message)]
        return cls(record_id, tuple(turns), _answer(answer))

    def text(self, room: int, counter: TokenCounter) -> str | None:
        """Write the example in at most this size, leaving out the oldest turns; None when none fits."""
        frame = f"<example>\n<conversation>\n</conversation>\n<answer>\n{self.answer}\n</answer>\n</example>"
        left = room - counter.size(frame) - counter.size(_CUT) - 2
        kept: list[str] = []
        for turn in reversed(self.turns):
            size = counter.size(turn) + 1
            if size > left:
                break
            kept.append(turn)
            left -= size
        if not kept:
            return None
        if len(kept) < len(self.turns):
            kept.append(_CUT)
        return frame.replace("<conversation>\n", "<conversation>\n" + "\n".join(reversed(kept)) + "\n", 1)


def turns_of(message: Mapping[str, Any]) -> list[str]:
    """Return what a message says and which tools it calls, a text each; nothing of a system message."""
    role = message.get("role")
    if role in ("system", "developer"):
        return []
    text = text_of(message.get("content"))
    turns = [f"{role}: {text}"] if text.strip() else []
    for call in message.get("tool_calls") or []:
        if is_function(call):
            function = call["function"]
            turns.append(
                f"{role} (tool call): {function['name']} {arguments_text(function.get('arguments'))}"
            )
    return turns


def conversation_end(messages: Sequence[Mapping[str, Any]]) -> str:
    """Return the last turns of a prompt, which the next answer depends on most: what similarity is measured by.

    Without system messages and tools, which all records of a workload share; empty for a prompt without any text. A
    turn that is too long keeps its beginning.
    """
    kept: list[str] = []
    left = END_BYTES
    for message in reversed(messages):
        for turn in reversed(turns_of(message)):
            text = turn.encode()[:TURN_BYTES].decode(errors="ignore")
            left -= len(text.encode()) + 1
            if left < 0:
                return "\n".join(reversed(kept))
            kept.append(text)
    return "\n".join(reversed(kept))


def _answer(message: Mapping[str, Any]) -> str:
    calls = [call["function"] for call in message.get("tool_calls") or []]
    return orjson.dumps({"tool_calls": calls}).decode() if calls else text_of(message.get("content"))


def is_function(thing: Any) -> bool:
    """Return whether this is a tool, or a call of one, with a name."""
    function = thing.get("function") if isinstance(thing, dict) else None
    return isinstance(function, dict) and isinstance(function.get("name"), str)
