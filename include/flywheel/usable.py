"""One logged record: usable, and then what is kept of it, or the reason why it is not."""

import hashlib
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from include.flywheel.chat import (
    Answer,
    Message,
    Unusable,
    answer_of,
    arguments_text,
    messages_of,
    text_of,
    tools_of,
    with_argument_objects,
)
from include.flywheel.conversations import given_key, origin_of
from include.flywheel.privacy.metadata import nameless, request_parameters, response_facts
from include.flywheel.records import ID_BYTES, digest, epoch_seconds
from include.flywheel.shapes import plain_request, plain_response
from include.flywheel.tokens import estimate_tokens

if TYPE_CHECKING:
    from include.flywheel.privacy.redactor import Redactor


class Usable(NamedTuple):
    """A usable record: its training row, its index entry, the words of its turn, how much personal data it held."""

    row: bytes
    entry: dict[str, Any]
    turn: str
    personal: Counter[str]


class RecordReader:
    """Turns logged records into training rows; remembers the last list of tools, which is mostly the next one too.

    With a redactor in mode `replace` nothing personal that it finds is in rows and entries. What tells conversations apart
    and how alike they are are hashes of what was logged: they do not depend on the mode.
    """

    def __init__(self, *, parse_arguments: bool, redactor: "Redactor | None" = None) -> None:
        self._parse_arguments, self._redactor = parse_arguments, redactor
        self._tools = b"null"
        self._tools_digest = digest(self._tools)

    def read(self, record: dict[str, Any] | None) -> Usable:
        """Return what is kept of a record; None is one that is no proper JSON. Raises Unusable with the reason."""
        if record is None:
            raise Unusable("not_json")
        request = plain_request(record.get("request"))
        messages = messages_of(request)
        assert isinstance(request, dict)
        timestamp = epoch_seconds(record.get("timestamp"))
        if timestamp is None:
            raise Unusable("bad_timestamp")
        response = plain_response(record.get("response"))
        answer = answer_of(response, parse_arguments=self._parse_arguments)
        assert isinstance(response, dict)
        if self._ends_with(messages, answer):
            raise Unusable("answer_in_prompt")
        tools, tools_digest = self._offered(request)
        if answer.tools and tools is None:
            raise Unusable("no_tools_offered")
        shown = with_argument_objects(messages) if self._parse_arguments else messages
        asked, told = _without(request, "messages", "tools"), _without(response, "choices")
        learned, personal = answer.message, Counter[str]()
        if self._redactor is not None:
            shown, learned, personal = self._redactor.apply(shown, learned)
        prompt, answered = _written(shown), _written(learned)
        origin = origin_of(request)
        conversation = origin.given
        if self._redactor is not None and self._redactor.replaces:
            asked, told = request_parameters(asked), response_facts(told)
            conversation = nameless(conversation) if conversation is not None else None
        row, tools_at = _joined(prompt, answered, tools)
        choice = _written(request["tool_choice"]) if "tool_choice" in request else b""
        said = hashlib.sha256(prompt)
        whole = said.copy()
        whole.update(b"\n".join((b"", tools_digest, choice)))
        prompt_id = whole.digest()[:ID_BYTES]
        entry = {
            # What the model was shown and what it answered: equal ids are duplicates, in every run.
            "id": digest(prompt_id + answered).hex(),
            "prompt": prompt_id[:8].hex(),
            # The messages alone, as who is shown no tools sees them.
            "said": said.digest()[:8].hex(),
            # The order of arguments says nothing: answers that differ only there are the same.
            "answer": digest(orjson.dumps(learned, option=orjson.OPT_SORT_KEYS))[:8].hex(),
            "timestamp": int(timestamp) if timestamp.is_integer() else timestamp,
            "given": f"{given_key(origin.given):016x}" if origin.given is not None else None,
            "opening": origin.opening,
            "conversation_id": conversation,
            "tools": answer.tools,
            "tools_at": tools_at,
            "messages": len(messages),
            "prompt_tokens": estimate_tokens(len(row) - len(answered)),
            "answer_tokens": estimate_tokens(len(answered)),
            "request": orjson.Fragment(_written(asked)),
            "response": orjson.Fragment(_written(told)),
            "finish_reason": orjson.Fragment(_written(response["choices"][0].get("finish_reason"))),
        }
        return Usable(row, entry, _turn(messages, answer), personal)

    def _offered(self, request: dict[str, Any]) -> tuple[bytes | None, bytes]:
        """Return the offered tools as JSON (None for none) with their digest; raise Unusable (`malformed_tools`)."""
        written = _written(request.get("tools") or None)
        if written != self._tools:
            tools_of(request)
            self._tools, self._tools_digest = written, digest(written)
        return (None if written == b"null" else written), self._tools_digest

    def _ends_with(self, messages: list[Message], answer: Answer) -> bool:
        """Tell whether the last message is the answer: some loggers append it to the list they keep as the request."""
        if messages[-1]["role"] != "assistant":
            return False
        logged = {"choices": [{"message": messages[-1]}]}
        try:
            return answer_of(logged, parse_arguments=self._parse_arguments) == answer
        except Unusable:
            return False


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


def _joined(prompt: bytes, answer: bytes, tools: bytes | None) -> tuple[bytes, int]:
    """Return one training row of a list of messages, an answer and tools, and where its tools begin.

    They can be cut off without parsing: `row[:tools_at] + b"}"` is the row without tools; `tools_at` is 0 when it has
    none.
    """
    messages = b'{"messages":' + prompt[:-1] + b"," + answer + b"]"
    if tools is None:
        return messages + b"}", 0
    return b"".join((messages, b',"tools":', tools, b"}")), len(messages)


def _turn(messages: list[Message], answer: Answer) -> str:
    """Return what came since the model last spoke, and its answer: over all records of a conversation, all of it.

    System messages are left out. They are the same for a whole workload, or say nothing of this turn.
    """
    said: list[str] = []
    for message in reversed(messages):
        if message["role"] == "assistant":
            break
        if message["role"] not in ("system", "developer"):
            said.append(text_of(message.get("content")))
    calls = [call["function"] for call in answer.message.get("tool_calls", ())]
    called = [f"{call['name']} {arguments_text(call['arguments'])}" for call in calls]
    return "\n".join([*said, answer.message["content"], *called])
