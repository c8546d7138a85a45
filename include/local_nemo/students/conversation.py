"""Chat requests of any shape, read into one plain form that the students learn from.

Nothing here raises on odd input: what has no meaning as a conversation is left out. Turns are cached by their
text, because the requests of one conversation repeat each other's messages.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import orjson

from include.local_nemo.students.values import Leaf, Span, json_leaves, text_spans, words_of

TURN_CACHE = 4096


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call: its name and its arguments as an object."""

    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Turn:
    """One message: who spoke, the words, and every value in it that an argument could be copied from."""

    role: str
    text: str
    calls: tuple[Call, ...] = ()
    source: str = ""
    """The tool that wrote this output, for the role `tool`."""
    words: tuple[str, ...] = ()
    leaves: tuple[Leaf, ...] = ()
    spans: tuple[Span, ...] = ()
    keys: tuple[str, ...] = ()
    """Top-level keys of a JSON object, for the role `tool`."""
    leaves_by_shape: dict[str, list[Leaf]] = field(init=False)
    spans_by_shape: dict[str, list[Span]] = field(init=False)

    def __post_init__(self) -> None:
        leaves: dict[str, list[Leaf]] = {}
        for leaf in self.leaves:
            leaves.setdefault(leaf.shape, []).append(leaf)
        spans: dict[str, list[Span]] = {}
        for span in self.spans:
            spans.setdefault(span.shape, []).append(span)
        object.__setattr__(self, "leaves_by_shape", leaves)
        object.__setattr__(self, "spans_by_shape", spans)


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool on offer: its name, description and JSON schema of the arguments."""

    name: str
    description: str
    schema: dict[str, Any]

    @property
    def properties(self) -> dict[str, Any]:
        """Schemas of the arguments by name; empty where the tool declares none."""
        properties = self.schema.get("properties")
        return properties if isinstance(properties, dict) else {}

    @property
    def required(self) -> list[str]:
        """Names of the arguments that must be given."""
        required = self.schema.get("required")
        return [str(name) for name in required] if isinstance(required, list) else []


@dataclass(slots=True)
class Conversation:
    """What a student sees of one request; the system text stands apart from the turns."""

    turns: list[Turn]
    system: str = ""
    tools: dict[str, Tool] = field(default_factory=dict)
    pending: tuple[Call, ...] = ()
    """Calls already made in the answer that is being written."""


def read_conversation(request: Mapping[str, Any]) -> Conversation:
    """Read the `messages` and `tools` of a chat completion request."""
    messages = request.get("messages")
    turns: list[Turn] = []
    system: list[str] = []
    callers: dict[str, str] = {}
    last_called = ""
    for message in messages if isinstance(messages, list) else []:
        if not isinstance(message, Mapping):
            continue
        role = str(message.get("role") or "user")
        text = text_of(message.get("content"))
        if role in ("system", "developer"):
            system.append(text)
            continue
        calls = read_calls(message)
        for entry, call in zip(_raw_calls(message), calls, strict=False):
            callers[str(entry.get("id"))] = call.name
            last_called = call.name
        if role in ("tool", "function"):
            source = callers.get(str(message.get("tool_call_id"))) or str(message.get("name") or last_called)
            turns.append(tool_turn(text, source))
        else:
            turns.append(spoken_turn("assistant" if role == "assistant" else "user", text, calls))
    return Conversation(turns=turns, system="\n".join(system), tools=read_tools(request.get("tools")))


def text_of(content: Any) -> str:
    """Return the text of a message content: a string, a list of parts, an object or nothing."""
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        parts = []
        for part in content:
            if isinstance(part, str):
                parts.append(part)
            elif isinstance(part, Mapping) and isinstance(part.get("text"), str):
                parts.append(part["text"])
        return "\n".join(parts)
    return json.dumps(content, ensure_ascii=False, default=str)


def _raw_calls(message: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    calls = message.get("tool_calls")
    raw = [entry for entry in calls if isinstance(entry, Mapping)] if isinstance(calls, list) else []
    old_style = message.get("function_call")
    if not raw and isinstance(old_style, Mapping):
        raw = [{"function": old_style}]
    return [entry for entry in raw if _call_name(entry)]


def _call_name(entry: Mapping[str, Any]) -> str:
    function = entry.get("function")
    named = function if isinstance(function, Mapping) else entry
    return str(named.get("name") or "")


def read_calls(message: Mapping[str, Any]) -> tuple[Call, ...]:
    """Read the tool calls of an assistant message; arguments may be an object or a JSON string."""
    calls = []
    for entry in _raw_calls(message):
        function = entry.get("function")
        named = function if isinstance(function, Mapping) else entry
        calls.append(Call(_call_name(entry), read_arguments(named.get("arguments"))))
    return tuple(calls)


def read_arguments(arguments: Any) -> dict[str, Any]:
    """Return arguments as an object; what cannot be read as one is no arguments."""
    if isinstance(arguments, str | bytes):
        try:
            arguments = orjson.loads(arguments)
        except orjson.JSONDecodeError:
            return {}
    return dict(arguments) if isinstance(arguments, Mapping) else {}


def read_tools(tools: Any) -> dict[str, Tool]:
    """Read the tools on offer by name; entries without a name are left out."""
    found: dict[str, Tool] = {}
    for entry in tools if isinstance(tools, list) else []:
        if not isinstance(entry, Mapping):
            continue
        function = entry.get("function")
        body = function if isinstance(function, Mapping) else entry
        name = body.get("name")
        if isinstance(name, str) and name:
            schema = body.get("parameters")
            description = body.get("description")
            found[name] = Tool(
                name,
                description if isinstance(description, str) else "",
                schema if isinstance(schema, dict) else {},
            )
    return found


def spoken_turn(role: str, text: str, calls: tuple[Call, ...] = ()) -> Turn:
    """Build the turn of a user or an assistant."""
    if not calls:
        return _spoken(role, text)
    written = orjson.dumps([[call.name, call.arguments] for call in calls], option=orjson.OPT_NON_STR_KEYS)
    return _calling(role, text, written)


@lru_cache(maxsize=TURN_CACHE)
def _spoken(role: str, text: str) -> Turn:
    return Turn(role, text, words=words_of(text), spans=text_spans(text))


@lru_cache(maxsize=TURN_CACHE)
def _calling(role: str, text: str, written: bytes) -> Turn:
    calls = tuple(Call(name, arguments) for name, arguments in orjson.loads(written))
    leaves: list[Leaf] = []
    for call in calls:
        leaves.extend(json_leaves(call.arguments, f"call:{call.name}"))
    return Turn(role, text, calls, "", words_of(text), tuple(leaves), text_spans(text))


@lru_cache(maxsize=TURN_CACHE)
def tool_turn(text: str, source: str) -> Turn:
    """Build the turn of a tool's output, JSON or plain text."""
    try:
        data = orjson.loads(text)
    except orjson.JSONDecodeError:
        data = None
    if isinstance(data, dict | list):
        keys = tuple(str(key) for key in data)[:12] if isinstance(data, dict) else ("[]",)
        return Turn("tool", text, (), source, (), json_leaves(data, source), (), keys)
    return Turn("tool", text, (), source, words_of(text), json_leaves(text.strip(), source), text_spans(text))


def with_calls(conversation: Conversation, calls: Iterable[Call]) -> Conversation:
    """Return the conversation in the state after `calls` of the answer were written."""
    return Conversation(conversation.turns, conversation.system, conversation.tools, tuple(calls))
