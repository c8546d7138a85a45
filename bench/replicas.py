"""Large logs made of small ones: every replica of a record has its own ids, words and numbers."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import orjson

Record = dict[str, Any]

#: Where a replica puts its own three letters or digits: characters of the private use area, three bytes each in UTF-8.
_LETTERS, _DIGITS = "\ue000", "\ue001"
_LETTER_BYTES, _DIGIT_BYTES = _LETTERS.encode(), _DIGITS.encode()

#: The last three letters of every longer word, but not of JSON's `false`, nor of what follows a backslash.
_WORD = re.compile(r"(?<![A-Za-z\\])(?!false\b)([A-Za-z]{2,})[A-Za-z]{3}(?![A-Za-z])")
#: The last three digits of every longer number; the first one stays, so a number stays a number.
_NUMBER = re.compile(r"(\d+)\d{3}(?!\d)")

#: Replicas of one record are logged this many seconds apart.
_APART = 17


@dataclass(frozen=True)
class Template:
    """A record whose text is fixed but for the marks, and its time in epoch seconds."""

    timestamp: int
    text: bytes

    @classmethod
    def of(cls, record: Record) -> Self:
        """Mark what differs between replicas: ids, the words and numbers of messages, but neither system message nor tools."""
        request, response = record["request"], record["response"]
        metadata = request.get("metadata")
        if isinstance(metadata, dict) and isinstance(metadata.get("conversation_id"), str):
            metadata = {**metadata, "conversation_id": f"{metadata['conversation_id']}-{_LETTERS}"}
        choices = [
            {**choice, "message": _marked_message(choice["message"])} for choice in response["choices"]
        ]
        marked = {
            "client_id": record["client_id"],
            "workload_id": record["workload_id"],
            "request": {
                **request,
                "messages": [_marked_message(message) for message in request["messages"]],
                **({"metadata": metadata} if metadata else {}),
            },
            "response": {**response, "id": f"{response.get('id')}-{_LETTERS}", "choices": choices},
        }
        return cls(int(record["timestamp"]), orjson.dumps(marked))

    def replica(self, number: int) -> bytes:
        """Return one line of a log, without its line break; the first 17,576 numbers have words of their own."""
        # 7919 and 389 are coprime to what they are taken modulo: near numbers look different.
        letters, digits = number * 7919 % 26**3, number * 389 % 1000
        word = bytes(97 + letters // 26**power % 26 for power in range(3))
        text = self.text.replace(_LETTER_BYTES, word).replace(_DIGIT_BYTES, b"%03d" % digits)
        return b'{"timestamp":%d,' % (self.timestamp + number * _APART) + text[1:]


def replicas(templates: Sequence[Template], count: int) -> Iterator[bytes]:
    """Yield `count` lines in the order of the templates, taking each equally often, or every n-th once."""
    for index in range(count):
        which = index * len(templates) // count
        first = -(-which * count // len(templates))
        yield templates[which].replica(index - first)


def _marked_message(message: Record) -> Record:
    if message["role"] == "system":
        return message
    marked = dict(message)
    if isinstance(message.get("content"), str):
        marked["content"] = _numbers(_WORD.sub(rf"\1{_LETTERS}", message["content"]))
    if isinstance(message.get("tool_call_id"), str):
        marked["tool_call_id"] = _call_id(message["tool_call_id"])
    if message.get("tool_calls"):
        marked["tool_calls"] = [_marked_call(call) for call in message["tool_calls"]]
    return marked


def _marked_call(call: Record) -> Record:
    function = call["function"]
    arguments = function["arguments"]
    if isinstance(arguments, str):
        arguments = _numbers(arguments)
    return {
        **call,
        "id": _call_id(str(call.get("id"))),
        "function": {**function, "arguments": arguments},
    }


def _call_id(name: str) -> str:
    return name[:-3] + _LETTERS


def _numbers(text: str) -> str:
    return _NUMBER.sub(rf"\1{_DIGITS}", text)
