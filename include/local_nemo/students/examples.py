"""In-context examples: worked answers that a system message carries in `<example>` blocks."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson

from include.local_nemo.students.conversation import (
    Call,
    Conversation,
    Turn,
    read_arguments,
    read_calls,
    spoken_turn,
    tool_turn,
)

EXAMPLE_CACHE = 512

_EXAMPLE = re.compile(r"<example>(.*?)</example>", re.DOTALL)
_CONVERSATION = re.compile(r"<conversation>\n?(.*?)\n?</conversation>", re.DOTALL)
_ANSWER = re.compile(r"<answer>\s*(.*?)\s*</answer>", re.DOTALL)
_LINE = re.compile(
    r"(user|assistant \(tool call\)|assistant|tool|system)(?: \(([^)\n]*)\))?: ?(.*)", re.DOTALL
)
_CALL = re.compile(r"([^\s{]+)\s*(\{.*\})?\s*\Z", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Example:
    """One worked answer: the conversation before it, and the tool calls or the text that answered it."""

    conversation: Conversation
    calls: tuple[Call, ...]
    text: str


def read_examples(system: str) -> list[Example]:
    """Read the example blocks of a system text; blocks without an answer are left out."""
    if "<example>" not in system:
        return []
    found = (_read_example(block) for block in _EXAMPLE.findall(system))
    return [example for example in found if example is not None]


@lru_cache(maxsize=EXAMPLE_CACHE)
def _read_example(block: str) -> Example | None:
    answer = _ANSWER.search(block)
    if answer is None:
        return None
    conversation = _CONVERSATION.search(block)
    turns = _read_turns(conversation.group(1) if conversation else "")
    calls = calls_in(answer.group(1))
    return Example(Conversation(turns), calls, "" if calls else answer.group(1))


def _read_turns(text: str) -> list[Turn]:
    messages: list[tuple[str, str, str]] = []
    for line in text.split("\n"):
        match = _LINE.match(line)
        if match:
            messages.append((match.group(1), match.group(2) or "", match.group(3)))
        elif messages:
            role, named, before = messages[-1]
            messages[-1] = (role, named, f"{before}\n{line}")
    turns: list[Turn] = []
    last_called = ""
    for role, named, body in messages:
        if role == "assistant (tool call)":
            call = _CALL.match(body.strip())
            if call is not None:
                last_called = call.group(1)
                turns.append(
                    spoken_turn("assistant", "", (Call(last_called, read_arguments(call.group(2))),))
                )
        elif role == "tool":
            turns.append(tool_turn(body, named or last_called))
        elif role != "system":
            turns.append(spoken_turn(role, body))
    return turns


def calls_in(text: str) -> tuple[Call, ...]:
    """Read tool calls written as JSON: `{"tool_calls": [{"name", "arguments"}]}`, or such a list alone."""
    try:
        written: Any = orjson.loads(text)
    except orjson.JSONDecodeError:
        return ()
    if isinstance(written, dict) and "tool_calls" not in written and "name" in written:
        written = [written]
    return read_calls(
        {"tool_calls": written} if isinstance(written, list) else written if isinstance(written, dict) else {}
    )
