"""Personal data of a record: counted, or replaced by placeholders that are the same in all turns of its conversation."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from include.flywheel.privacy.discovery import Discovery
from include.flywheel.privacy.replacement import Placeholders, Replacement
from include.flywheel.privacy.settings import PrivacyConfig

Message = dict[str, Any]

#: Parts of a message that name no person: ids and the names of functions.
_STRUCTURE = frozenset({"role", "type", "id", "tool_call_id"})


class Redactor:
    """Apply the section `privacy` to one record after the other; in mode `off` there is no need for one."""

    def __init__(self, settings: PrivacyConfig) -> None:
        self.replaces = settings.mode == "replace"
        self._discovery = Discovery(settings)

    def apply(
        self, messages: Sequence[Message], answer: Message
    ) -> tuple[list[Message], Message, Counter[str]]:
        """Return messages and answer with placeholders, and how many values of each kind the record holds.

        In mode `report` messages and answer come back as they are. The objects given are never changed; what holds
        nothing personal may be returned itself. Arguments of tool calls may be objects or JSON text.
        """
        placeholders = Placeholders()
        for message in (*messages, answer):
            for part in _parts(message):
                found = (
                    self._discovery.in_text(part) if isinstance(part, str) else self._discovery.in_value(part)
                )
                for finding in found:
                    placeholders.add(finding)
        if not self.replaces or not placeholders.counts:
            return list(messages), answer, placeholders.counts
        replacement = placeholders.replacement()
        return (
            [_message(message, replacement) for message in messages],
            _message(answer, replacement),
            placeholders.counts,
        )


def _parts(message: Message) -> Iterator[Any]:
    """Yield the texts and objects of a message, content first, then calls: in both forms that an answer is logged in."""
    content = message.get("content")
    yield from content if isinstance(content, list) else [content] if content else []
    calls = message.get("tool_calls")
    for call in calls if isinstance(calls, list) else []:
        yield _function(call).get("arguments")
    if _names_a_person(message):
        yield {"customer_name": message["name"]}
    for key, value in message.items():
        if key == "function_call":
            yield _function({"function": value}).get("arguments")
        elif key not in _STRUCTURE and key not in ("content", "tool_calls", "name") and value:
            yield value


def _function(call: object) -> dict[str, Any]:
    function = call.get("function") if isinstance(call, dict) else None
    return function if isinstance(function, dict) else {}


def _names_a_person(message: Message) -> bool:
    """Tell whether `name` is a participant's; that of a tool's result is the function's."""
    return message.get("role") in ("user", "assistant", "system") and isinstance(message.get("name"), str)


def _message(message: Message, replacement: Replacement) -> Message:
    return {key: _replaced(message, key, value, replacement) for key, value in message.items()}


def _replaced(message: Message, key: str, value: Any, replacement: Replacement) -> Any:
    if key in _STRUCTURE or value is None or (key == "name" and not _names_a_person(message)):
        return value
    if key == "tool_calls" and isinstance(value, list):
        return [_call(call, replacement) for call in value]
    if key == "function_call":
        return _call({"function": value}, replacement)["function"]
    return replacement.value(value)


def _call(call: Any, replacement: Replacement) -> Any:
    function = _function(call)
    if "arguments" not in function:
        return call
    return {**call, "function": {**function, "arguments": replacement.value(function["arguments"])}}
