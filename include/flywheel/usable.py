"""One exported record: usable, and then what is kept of it, or the reason why it is not."""

from typing import Any, NamedTuple

import orjson

from include.flywheel.chat import (
    Answer,
    Unusable,
    answer_of,
    messages_of,
    tools_of,
    with_argument_objects,
)
from include.flywheel.conversations import Origin, origin_of
from include.flywheel.records import digest, epoch_seconds
from include.flywheel.shapes import plain_request, plain_response
from include.flywheel.tokens import estimate_tokens


class Usable(NamedTuple):
    """A usable record: its training row, its index entry, and what tells its conversation."""

    row: bytes
    entry: dict[str, Any]
    origin: Origin


def usable_record(text: bytes, parse_arguments: bool) -> Usable:
    """Return what is kept of a record, given as its line in the export; raise Unusable with the reason."""
    try:
        record = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise Unusable("not_json") from None
    request = plain_request(record.get("request"))
    messages = messages_of(request)
    assert isinstance(request, dict)
    timestamp = epoch_seconds(record.get("timestamp"))
    if timestamp is None:
        raise Unusable("bad_timestamp")
    response = plain_response(record.get("response"))
    answer = answer_of(response, parse_arguments=parse_arguments)
    assert isinstance(response, dict)
    if _ends_with(messages, answer, parse_arguments):
        raise Unusable("answer_in_prompt")
    tools = tools_of(request)
    if answer.tools and not tools:
        raise Unusable("no_tools_offered")
    shown = with_argument_objects(messages) if parse_arguments else messages
    row, tools_at = training_row(shown, answer, tools)
    choice = _written(request.get("tool_choice")) if "tool_choice" in request else b""
    entry = {
        # What the model was shown and what it answered: equal ids are duplicates, in every run.
        "id": digest(row + choice).hex(),
        "timestamp": int(timestamp) if timestamp.is_integer() else timestamp,
        "tools": answer.tools,
        "tools_at": tools_at,
        "prompt_tokens": estimate_tokens(len(row) - len(orjson.dumps(answer.message))),
        "request": orjson.Fragment(_written(_without(request, "messages", "tools"))),
        "response": orjson.Fragment(_written(_without(response, "choices"))),
        "finish_reason": orjson.Fragment(_written(response["choices"][0].get("finish_reason"))),
    }
    return Usable(row, entry, origin_of(request))


def _without(thing: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in thing.items() if key not in keys}


def _written(value: Any) -> bytes:
    """Return a part of a record as JSON; raise Unusable (`too_deep`) if it could not be part of every row made of it.

    What was read from JSON cannot be written again only for its depth. So it is written deeper than it stands in a
    training row or in the index: in eval rows it does.
    """
    try:
        return orjson.dumps([[[value]]])[3:-3]
    except orjson.JSONEncodeError:
        raise Unusable("too_deep") from None


def _ends_with(messages: list[dict[str, Any]], answer: Answer, parse_arguments: bool) -> bool:
    """Tell whether the last message is the answer: some loggers append it to the list they keep as the request."""
    if messages[-1]["role"] != "assistant":
        return False
    try:
        return answer_of({"choices": [{"message": messages[-1]}]}, parse_arguments=parse_arguments) == answer
    except Unusable:
        return False


def training_row(messages: list[dict[str, Any]], answer: Answer, tools: object) -> tuple[bytes, int]:
    """Return one training row, and where its tools begin: they can be cut off without parsing.

    `row[:tools_at] + b"}"` is the row without tools; `tools_at` is 0 when it has none.
    """
    row = b'{"messages":' + _written([*messages, answer.message])
    if tools is None:
        return row + b"}", 0
    return row + b',"tools":' + _written(tools) + b"}", len(row)
