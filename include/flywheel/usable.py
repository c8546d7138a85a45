"""One exported record: usable, and then what is kept of it, or the reason why it is not."""

from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

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
from include.flywheel.privacy.metadata import request_parameters, response_facts
from include.flywheel.records import digest, epoch_seconds
from include.flywheel.tokens import estimate_tokens

if TYPE_CHECKING:
    from include.flywheel.privacy.redactor import Redactor


class Usable(NamedTuple):
    """A usable record: its training row, its index entry, what tells its conversation, how much personal data it held."""

    row: bytes
    entry: dict[str, Any]
    origin: Origin
    found: Counter[str]


def usable_record(text: bytes, parse_arguments: bool, redactor: "Redactor | None" = None) -> Usable:
    """Return what is kept of a record, given as its line in the export; raise Unusable with the reason.

    With a redactor in mode `replace` nothing personal that it finds is in the row and the entry; the origin is as logged.
    """
    try:
        record = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise Unusable("not_json") from None
    request, response = record.get("request"), record.get("response")
    messages = messages_of(request)
    assert isinstance(request, dict)
    timestamp = epoch_seconds(record.get("timestamp"))
    if timestamp is None:
        raise Unusable("bad_timestamp")
    answer = answer_of(response, parse_arguments=parse_arguments)
    assert isinstance(response, dict)
    if _ends_with(messages, answer, parse_arguments):
        raise Unusable("answer_in_prompt")
    tools = tools_of(request)
    if answer.tools and not tools:
        raise Unusable("no_tools_offered")
    shown = with_argument_objects(messages) if parse_arguments else messages
    row, tools_at = training_row(shown, answer, tools)
    found: Counter[str] = Counter()
    asked, answered = _without(request, "messages", "tools"), _without(response, "choices")
    if redactor is not None:
        shown, message, found = redactor.apply(shown, answer.message)
        answer = Answer(message, answer.tools)
        if redactor.replaces:
            row, tools_at = training_row(shown, answer, tools)
            asked, answered = request_parameters(asked), response_facts(answered)
    choice = _written(request.get("tool_choice")) if "tool_choice" in request else b""
    entry = {
        # What the model was shown and what it answered: equal ids are duplicates, in every run.
        "id": digest(row + choice).hex(),
        "timestamp": int(timestamp) if timestamp.is_integer() else timestamp,
        "tools": answer.tools,
        "tools_at": tools_at,
        "prompt_tokens": estimate_tokens(len(row) - len(orjson.dumps(answer.message))),
        "request": orjson.Fragment(_written(asked)),
        "response": orjson.Fragment(_written(answered)),
        "finish_reason": orjson.Fragment(_written(response["choices"][0].get("finish_reason"))),
    }
    return Usable(row, entry, origin_of(request), found)


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
