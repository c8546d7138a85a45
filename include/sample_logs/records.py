"""Turn conversations into log records, one per answer of the model, as a gateway writes them."""

import json
from collections.abc import Iterator
from typing import Any

from include.sample_logs.dialogue import Dialogue
from include.sample_logs.tools import toolset

CLIENT_ID = "acme-telecom"
DESK = "support.desk"
FAQ = "support.faq"
INCUMBENT = "incumbent-large"
_TOOLSETS = tuple(toolset(phase) for phase in range(3))

Record = dict[str, Any]


def desk_records(dialogue: Dialogue) -> Iterator[Record]:
    """Yield the records of one conversation of the desk, oldest first.

    Every answer with tool calls is logged. Of the answers in words only one in fourteen is: the others come
    from a workload of their own. One conversation in six has no `metadata`; one record in fifty has its
    arguments as objects.
    """
    rng = dialogue.rng
    conversation = f"{rng.getrandbits(48):012x}"
    metadata = {} if dialogue.chance(16) else {"metadata": {"conversation_id": conversation}}
    for turn, step in enumerate(dialogue.steps):
        message = step.message
        if "tool_calls" not in message and not dialogue.chance(7):
            continue
        if "tool_calls" in message and dialogue.chance(2):
            message = message | {
                "tool_calls": [_with_object_arguments(call) for call in message["tool_calls"]]
            }
        request: Record = {
            "model": INCUMBENT,
            "messages": dialogue.messages[: step.seen],
            "tools": _TOOLSETS[dialogue.phase],
            "tool_choice": "auto",
            "temperature": 0.1,
        }
        yield make_record(DESK, step.timestamp, f"{conversation}-{turn}", request | metadata, message)


def make_record(workload: str, timestamp: int, name: str, request: Record, message: Record) -> Record:
    """Wrap a request and the model's `message` into one log record; `name` tells its response id."""
    read = len(json.dumps(request["messages"])) + len(json.dumps(request.get("tools", "")))
    written = len(json.dumps(message))
    usage = {"prompt_tokens": read // 4, "completion_tokens": written // 4}
    return {
        "timestamp": timestamp,
        "client_id": CLIENT_ID,
        "workload_id": workload,
        "request": request,
        "response": {
            "id": f"chatcmpl-{name}",
            "object": "chat.completion",
            "created": timestamp,
            "model": INCUMBENT,
            "choices": [
                {
                    "index": 0,
                    "finish_reason": "tool_calls" if "tool_calls" in message else "stop",
                    "message": message,
                }
            ],
            "usage": usage | {"total_tokens": sum(usage.values())},
        },
    }


def _with_object_arguments(call: Record) -> Record:
    function = call["function"]
    return call | {"function": function | {"arguments": json.loads(function["arguments"])}}
