"""The shapes in which loggers keep a chat completion, brought to the one of the OpenAI API.

What already has that shape is returned as it is, after a look or two; nothing of the caller's is changed.
"""

from typing import Any

import orjson

from include.flywheel.chat import Unusable
from include.flywheel.chunks import CHUNK, chunks_of_events, reassembled
from include.flywheel.legacy import modern_choice, modern_message, modern_messages, modern_tools


def plain_request(logged: object) -> Any:
    """Return a logged request with messages, tools and tool_choice.

    Understood are also a request that is logged as JSON text, and the functions of the API before tools.
    """
    request = _parsed(logged) if isinstance(logged, str) else logged
    if not isinstance(request, dict):
        return request
    changes: dict[str, Any] = {}
    messages = request.get("messages")
    modern = modern_messages(messages)
    if modern is not messages:
        changes["messages"] = modern
    if isinstance(request.get("tool_choice"), dict):
        changes["tool_choice"] = modern_choice(request["tool_choice"])
    if "functions" in request or "function_call" in request:
        old = {key: request[key] for key in ("functions", "function_call") if request.get(key) is not None}
        request = {key: value for key, value in request.items() if key not in ("functions", "function_call")}
        if "functions" in old and not request.get("tools"):
            changes["tools"] = modern_tools(old["functions"])
        if "function_call" in old and request.get("tool_choice") is None:
            changes["tool_choice"] = modern_choice(old["function_call"])
    return {**request, **changes} if changes else request


def plain_response(logged: object) -> Any:
    """Return a logged response as a chat completion with the one choice that is learned from, that of index 0.

    Understood are also a response that is logged as JSON text, the chunks of a stream (a list, `{"chunks": [...]}`, a
    single chunk, the text of its events), and a function_call of the API before tools.

    Raises Unusable (`incomplete_stream`) when a stream did not end.
    """
    response = logged
    if isinstance(response, str):
        response = chunks_of_events(response) if _is_stream(response) else _parsed(response)
    if isinstance(response, dict) and isinstance(response.get("chunks"), list) and "choices" not in response:
        response = response["chunks"]
    if isinstance(response, list):
        response = _of_list(response)
    if not isinstance(response, dict):
        return response
    if response.get("object") == CHUNK:
        response = reassembled([response])
    choices = response.get("choices")
    if not isinstance(choices, list) or not choices:
        return response
    choice = choices[0] if len(choices) == 1 else _first(choices)
    message = choice.get("message") if isinstance(choice, dict) else None
    if isinstance(message, dict) and message.get("function_call"):
        choice = {**choice, "message": modern_message(message, "call_0")}
    elif len(choices) == 1:
        return response
    return {**response, "choices": [choice]}


def _is_stream(text: str) -> bool:
    return text.lstrip().startswith(("data:", "event:", "id:", "retry:", ":"))


def _parsed(text: str) -> object:
    """Return what JSON text says, once; other text stays as it is."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


def _of_list(logged: list[Any]) -> object:
    """Return the completion that a list holds: of chunks, of their JSON texts or events, or of one whole completion."""
    chunks: list[Any] = []
    for chunk in logged:
        if isinstance(chunk, str):
            chunks += chunks_of_events(chunk) if _is_stream(chunk) else [_parsed(chunk)]
        else:
            chunks.append(chunk)
    if not chunks:
        raise Unusable("no_answer")
    if len(chunks) == 1 and isinstance(chunks[0], dict) and not _has_delta(chunks[0]):
        return chunks[0]
    return reassembled(chunks)


def _has_delta(completion: dict[str, Any]) -> bool:
    choices = completion.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    return isinstance(choice, dict) and "delta" in choice


def _first(choices: list[Any]) -> Any:
    """Return the choice with index 0, wherever it stands; the first one where none says its index."""
    named = (c for c in choices if isinstance(c, dict) and c.get("index") == 0)
    return next(named, choices[0])
