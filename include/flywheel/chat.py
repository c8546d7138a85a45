"""Chat messages as they are found in logs, read without changing the caller's objects."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

Message = dict[str, Any]

#: Whose turn a message can be, in the OpenAI API; templates of models know no others.
ROLES = frozenset({"system", "developer", "user", "assistant", "tool", "function"})

#: Parts of a message's content that are text, in the Chat Completions and the Responses API.
_TEXT_PARTS = ("text", "input_text", "output_text", "refusal")

#: The JSON parser rounds whole numbers that do not fit 64 bits, and says nothing: they come out as floats from here on.
_ROUNDED = 2.0**63

#: The JSON writer gives up at 254 levels, and a row has a few above the arguments.
_MOST_LEVELS = 240

#: Arguments of fewer characters are remembered as objects.
_SHORT = 1000


class Unusable(Exception):  # noqa: N818 - not an error of the program: a verdict on one record
    """A record cannot be used; `reason` is one of `curate.REASONS`."""

    def __init__(self, reason: str):
        self.reason = reason
        super().__init__(reason)


class Answer(NamedTuple):
    """What the production model answered: the message to learn, and the tools it called, in order."""

    message: Message
    tools: list[str]


def text_of(content: object) -> str:
    """Return the text of a message's content: a string, a list of parts, or nothing."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        texts = [p if isinstance(p, str) else p.get("text") for p in content if isinstance(p, str | dict)]
        return "\n".join(text for text in texts if isinstance(text, str))
    return ""


def arguments_object(arguments: object) -> dict[str, Any]:
    """Return a tool call's arguments as an object; nothing at all is an empty one.

    Raises Unusable: `bad_tool_arguments` when they are neither an object nor the JSON text of one,
    `number_too_large` when reading them has changed a number, `too_deep`.
    """
    if arguments is None or arguments == "":
        return {}
    if isinstance(arguments, str):
        return _object_of_short(arguments) if len(arguments) < _SHORT else _object_of(arguments)
    return _checked(arguments)


def _object_of(text: str) -> dict[str, Any]:
    try:
        return _checked(orjson.loads(text))
    except orjson.JSONDecodeError:
        raise Unusable("bad_tool_arguments") from None


#: A call stands in the prompts of all later turns of its conversation. Nobody changes what is returned.
_object_of_short = lru_cache(maxsize=4096)(_object_of)


def _checked(arguments: object) -> dict[str, Any]:
    if not isinstance(arguments, dict):
        raise Unusable("bad_tool_arguments")
    _check(arguments, 0)
    return arguments


def _check(value: object, level: int) -> None:
    if level > _MOST_LEVELS:
        raise Unusable("too_deep")
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            _check(inner, level + 1)
    elif isinstance(value, float) and abs(value) >= _ROUNDED:
        raise Unusable("number_too_large")


def arguments_text(arguments: object) -> str:
    """Return a tool call's arguments as JSON text, the form of the OpenAI API."""
    return arguments if isinstance(arguments, str) else orjson.dumps(arguments or {}).decode()


def answer_of(response: object, *, parse_arguments: bool) -> Answer:
    """Return what a logged chat completion answered (its first choice).

    The message is new and holds only what a model can learn: role, content, tool calls without their
    random ids. Raises Unusable with the reason when there is nothing to learn.
    """
    choices = response.get("choices") if isinstance(response, dict) else None
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(choice, dict) or not isinstance(message, dict):
        raise Unusable("no_answer")
    if choice.get("finish_reason") in ("length", "content_filter"):
        raise Unusable("truncated_answer")
    text = text_of(message.get("content"))
    calls = message.get("tool_calls") or []
    if not isinstance(calls, list):
        raise Unusable("malformed_tool_call")
    if not calls:
        if not text.strip():
            raise Unusable("refusal" if _refuses(message) else "no_answer")
        return Answer({"role": "assistant", "content": text}, [])
    learned = [_learned_call(call, parse_arguments) for call in calls]
    names = [call["function"]["name"] for call in learned]
    return Answer({"role": "assistant", "content": text, "tool_calls": learned}, names)


def _refuses(message: Message) -> bool:
    content = message.get("content")
    parts = content if isinstance(content, list) else []
    refusals = [message.get("refusal"), *(part.get("refusal") for part in parts if isinstance(part, dict))]
    return any(isinstance(refusal, str) and refusal.strip() for refusal in refusals)


def _learned_call(call: object, parse_arguments: bool) -> dict[str, Any]:
    function = call.get("function") if isinstance(call, dict) else None
    name = function.get("name") if isinstance(function, dict) else None
    if not isinstance(function, dict) or not isinstance(name, str) or not name:
        raise Unusable("malformed_tool_call")
    arguments = arguments_object(function.get("arguments"))
    shown = arguments if parse_arguments else arguments_text(function.get("arguments"))
    return {"type": "function", "function": {"name": name, "arguments": shown}}


def messages_of(request: object) -> list[Message]:
    """Return a request's messages.

    Raises Unusable: `malformed_request` when they are not a conversation, `not_text` when there is more to see or hear.
    """
    messages = request.get("messages") if isinstance(request, dict) else None
    if not isinstance(messages, list) or not messages:
        raise Unusable("malformed_request")
    only_text = True
    for message in messages:
        if not isinstance(message, dict):
            raise Unusable("malformed_request")
        content = message.get("content")
        # Nearly every message has a text and no calls; there are dozens in a record.
        if not isinstance(content, str):
            only_text &= _is_text_only(content)
        calls = message.get("tool_calls")
        if calls is not None and not (isinstance(calls, list) and all(map(_is_function, calls))):
            raise Unusable("malformed_request")
        role = message.get("role")
        if not isinstance(role, str) or role not in ROLES:
            raise Unusable("malformed_request")
    if not only_text:
        raise Unusable("not_text")
    return messages


def _is_text_only(content: object) -> bool:
    """Return whether a content that is no string is text; raise Unusable (`malformed_request`) when it is no content."""
    if content is None:
        return True
    if not isinstance(content, list) or not all(isinstance(part, str | dict) for part in content):
        raise Unusable("malformed_request")
    # A part without a type is nothing that the API knows, and for the template of the model to read.
    return all(isinstance(part, str) or part.get("type", "text") in _TEXT_PARTS for part in content)


def tools_of(request: Message) -> list[Message] | None:
    """Return the tools that a request offers, None for none; raise Unusable (`malformed_tools`) when they are no functions."""
    tools = request.get("tools") or None
    if tools is not None and not (isinstance(tools, list) and all(map(_is_function, tools))):
        raise Unusable("malformed_tools")
    return tools


def _is_function(thing: object) -> bool:
    function = thing.get("function") if isinstance(thing, dict) else None
    return isinstance(function, dict) and isinstance(function.get("name"), str)


def with_argument_objects(messages: Sequence[Message]) -> list[Message]:
    """Return the messages with the arguments of earlier tool calls as objects, as chat templates expect.

    Arguments that are no JSON object stay as they are: they belong to the prompt, not to the answer.
    """
    # The question is asked here and not in the call: most messages have none, and there are many.
    return [_converted(m, _object_or_same) if m.get("tool_calls") else m for m in messages]


def with_argument_texts(messages: Sequence[Message]) -> list[Message]:
    """Return the messages with the arguments of earlier tool calls as JSON text, as the OpenAI API does."""
    return [_converted(message, arguments_text) for message in messages]


def _object_or_same(arguments: object) -> object:
    try:
        return arguments_object(arguments)
    except Unusable:
        return arguments


def _converted(message: Message, convert: Any) -> Message:
    calls = message.get("tool_calls")
    if not isinstance(calls, list) or not calls:
        return message
    return {**message, "tool_calls": [_converted_call(call, convert) for call in calls]}


def _converted_call(call: object, convert: Any) -> object:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(call, dict) or not isinstance(function, dict):
        return call
    return {**call, "function": {**function, "arguments": convert(function.get("arguments"))}}
