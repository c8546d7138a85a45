"""An answer that was streamed and logged in chunks, put together again."""

import math
from typing import Any

import orjson

from include.flywheel.chat import Message, Unusable, text_of

CHUNK = "chat.completion.chunk"

#: How a stream of server-sent events says that it is over.
_DONE = "[DONE]"


def chunks_of_events(text: str) -> list[Any]:
    """Return the chunks in the text of a stream, a JSON object for each line `data: {...}`.

    Raises Unusable (`incomplete_stream`) when one is no JSON.
    """
    chunks = []
    # Not splitlines: JSON may have other line separators in its texts.
    for line in text.replace("\r", "\n").split("\n"):
        name, _, data = line.partition(":")
        data = data.strip()
        if name.strip() != "data" or not data:
            continue
        if data == _DONE:
            break
        try:
            chunks.append(orjson.loads(data))
        except orjson.JSONDecodeError:
            raise Unusable("incomplete_stream") from None
    return chunks


def reassembled(chunks: list[Any]) -> dict[str, Any]:
    """Return the chat completion that was streamed in these chunks: what choice 0 said, and the usage that came last.

    Reasoning is left out, as it is of answers that were not streamed. Raises Unusable: `incomplete_stream` when no
    finish_reason came or a chunk is none, `malformed_tool_call` when a part of a call is none.
    """
    completion: dict[str, Any] = {}
    answer = _Answer()
    for chunk in chunks:
        choices = chunk.get("choices") or [] if isinstance(chunk, dict) else None
        if not isinstance(choices, list):
            raise Unusable("incomplete_stream")
        completion = {**chunk, **completion}
        if chunk.get("usage") is not None:
            completion["usage"] = chunk["usage"]
        for choice in choices:
            if isinstance(choice, dict) and (choice.get("index") or 0) == 0:
                answer.take(choice)
    if answer.finish_reason is None:
        raise Unusable("incomplete_stream")
    completion["object"] = "chat.completion"
    completion["choices"] = [{"index": 0, "finish_reason": answer.finish_reason, "message": answer.message()}]
    return completion


class _Answer:
    """What choice 0 has said so far."""

    def __init__(self) -> None:
        self.finish_reason: Any = None
        self._content: list[str] = []
        self._refusal: list[str] = []
        self._calls: dict[Any, _Call] = {}
        self._function_call = _Call()

    def take(self, choice: dict[str, Any]) -> None:
        """Add one delta."""
        if choice.get("finish_reason") is not None:
            self.finish_reason = choice["finish_reason"]
        delta = choice.get("delta")
        if not isinstance(delta, dict):
            return
        self._content.append(text_of(delta.get("content")))
        self._refusal.append(text_of(delta.get("refusal")))
        calls = delta.get("tool_calls") or []
        if not isinstance(calls, list):
            raise Unusable("malformed_tool_call")
        for part in calls:
            self._call_of(part).take(part.get("function"))
        if delta.get("function_call"):
            self._function_call.take(delta["function_call"])

    def _call_of(self, part: object) -> "_Call":
        """Return the call that a part goes on with: that of its index or else its id; without both, the last one."""
        if not isinstance(part, dict):
            raise Unusable("malformed_tool_call")
        key = part.get("index")
        if key is None:
            key = part.get("id") or next(reversed(self._calls), 0)
        if not isinstance(key, int | str):
            raise Unusable("malformed_tool_call")
        return self._calls.setdefault(key, _Call(part.get("id")))

    def message(self) -> Message:
        """Return the message, its calls in the order of their indexes, or in which they began."""
        message: Message = {"role": "assistant", "content": "".join(self._content) or None}
        if any(self._refusal):
            message["refusal"] = "".join(self._refusal)
        if self._calls:
            message["tool_calls"] = [
                {"id": call.call_id, "type": "function", "function": call.function()}
                for _, call in sorted(self._calls.items(), key=_place)
            ]
        if self._function_call.name:
            message["function_call"] = self._function_call.function()
        return message


class _Call:
    """A call whose name and arguments come in fragments."""

    def __init__(self, call_id: object = None) -> None:
        self.call_id = call_id
        self.name = ""
        self._arguments: list[str] = []
        self._object: dict[str, Any] | None = None

    def take(self, function: object) -> None:
        """Add a fragment; arguments may also come at once, as an object."""
        if not isinstance(function, dict):
            raise Unusable("malformed_tool_call")
        name, arguments = function.get("name") or "", function.get("arguments") or ""
        if isinstance(arguments, dict):
            self._object = arguments
        elif isinstance(arguments, str):
            self._arguments.append(arguments)
        if not isinstance(name, str) or not isinstance(arguments, str | dict):
            raise Unusable("malformed_tool_call")
        self.name += name

    def function(self) -> dict[str, Any]:
        """Return the called function in the form of the API."""
        arguments = self._object if self._object is not None else "".join(self._arguments)
        return {"name": self.name, "arguments": arguments}


def _place(item: tuple[Any, _Call]) -> float:
    return item[0] if isinstance(item[0], int) else math.inf
