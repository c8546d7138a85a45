"""Answers of the inference API in OpenAI's shapes, whole or as a stream of server-sent events."""

import re
import secrets
from collections.abc import Iterator
from typing import TYPE_CHECKING

import orjson

from include.local_nemo.wire import Document

if TYPE_CHECKING:
    from include.local_nemo.students import Answer

_PIECE = re.compile(r"\s*\S+\s*")


def tool_calls_of(answer: "Answer") -> list[Document]:
    """Return the tool calls of an answer as on the wire: fresh ids, arguments as a JSON string."""
    return [
        {
            "id": f"chatcmpl-tool-{secrets.token_hex(16)}",
            "type": "function",
            "function": {
                "name": call["name"],
                "arguments": orjson.dumps(call["arguments"], option=orjson.OPT_NON_STR_KEYS).decode(),
            },
        }
        for call in answer.tool_calls
    ]


def chat_choice(index: int, answer: "Answer", finish_reason: str) -> Document:
    """Return one choice of a chat completion."""
    calls = tool_calls_of(answer)
    message: Document = {"role": "assistant", "content": answer.content, "tool_calls": calls}
    if not calls:
        del message["tool_calls"]
    return {"index": index, "message": message, "logprobs": None, "finish_reason": finish_reason}


def completion(kind: str, model: str, created: int, choices: list[Document], usage: Document) -> Document:
    """Return a whole answer; `kind` is `chat.completion` or `text_completion`."""
    return {
        "id": _new_id(kind),
        "object": kind,
        "created": created,
        "model": model,
        "system_fingerprint": None,
        "choices": choices,
        "usage": usage,
    }


def _new_id(kind: str) -> str:
    return f"{'chatcmpl' if kind.startswith('chat') else 'cmpl'}-{secrets.token_hex(16)}"


def stream(answer: Document, include_usage: bool) -> Iterator[bytes]:
    """Yield a whole answer as server-sent events, ended by `data: [DONE]`."""
    chat = answer["object"] == "chat.completion"
    head = {name: answer[name] for name in ("id", "created", "model", "system_fingerprint")}
    head["object"] = "chat.completion.chunk" if chat else "text_completion"
    for choice in answer["choices"]:
        for piece in _chat_pieces(choice) if chat else _text_pieces(choice):
            yield _event({**head, "choices": [{"index": choice["index"], "logprobs": None, **piece}]})
    if include_usage:
        yield _event({**head, "choices": [], "usage": answer["usage"]})
    yield b"data: [DONE]\n\n"


def _chat_pieces(choice: Document) -> Iterator[Document]:
    message = choice["message"]
    yield {"delta": {"role": "assistant", "content": ""}, "finish_reason": None}
    for piece in _PIECE.findall(message["content"] or ""):
        yield {"delta": {"content": piece}, "finish_reason": None}
    for number, call in enumerate(message.get("tool_calls", ())):
        opened = {**call, "index": number, "function": {"name": call["function"]["name"], "arguments": ""}}
        yield {"delta": {"tool_calls": [opened]}, "finish_reason": None}
        written = {"index": number, "function": {"arguments": call["function"]["arguments"]}}
        yield {"delta": {"tool_calls": [written]}, "finish_reason": None}
    yield {"delta": {}, "finish_reason": choice["finish_reason"]}


def _text_pieces(choice: Document) -> Iterator[Document]:
    for piece in _PIECE.findall(choice["text"]):
        yield {"text": piece, "finish_reason": None}
    yield {"text": "", "finish_reason": choice["finish_reason"]}


def _event(chunk: Document) -> bytes:
    return b"data: " + orjson.dumps(chunk) + b"\n\n"
