"""What is wrong in real logs: requests logged twice, answers that contradict each other, broken rows."""

import copy
import json
import random
from collections.abc import Callable
from typing import Any

from include.sample_logs.records import Record

_OTHER_ANSWER = {
    "list_invoices": lambda given: given | {"status": "open" if given["status"] == "all" else "all"},
    "grant_credit": lambda given: (
        given | {"reason": "goodwill" if given["reason"] != "goodwill" else "billing_error"}
    ),
    "open_ticket": lambda given: (
        given | {"priority": "normal" if given.get("priority") == "high" else "high"}
    ),
    "send_invoice": lambda given: given | {"channel": "post" if given["channel"] == "email" else "email"},
}
"""Tools whose argument a second model run may well choose differently."""


def repeat(record: Record, rng: random.Random) -> Record:
    """Return the record as a second delivery logs it: the same request and response, up to 3 s later."""
    return record | {"timestamp": record["timestamp"] + rng.randrange(4)}


def contradict(record: Record, rng: random.Random) -> Record | None:
    """Return another defensible answer to the same prompt, seconds later; None where nothing is in doubt."""
    message = record["response"]["choices"][0]["message"]
    calls = message.get("tool_calls", [])
    if len(calls) != 1 or calls[0]["function"]["name"] not in _OTHER_ANSWER:
        return None
    given = calls[0]["function"]["arguments"]
    given = json.loads(given) if isinstance(given, str) else given
    other = copy.deepcopy(record)
    other["timestamp"] += rng.randrange(5, 20)
    other["response"]["created"] = other["timestamp"]
    other["response"]["id"] += "-r"
    function = other["response"]["choices"][0]["message"]["tool_calls"][0]["function"]
    function["arguments"] = json.dumps(_OTHER_ANSWER[function["name"]](given))
    return other


def _cut_off(record: Record) -> str:
    line = json.dumps(record, ensure_ascii=False)
    return line[: len(line) * 2 // 3]


def _without_response(record: Record) -> Record:
    return {key: value for key, value in record.items() if key != "response"}


def _with_message(record: Record, **changed: Any) -> Record:
    choice = record["response"]["choices"][0]
    message = {"role": "assistant", "content": None} | changed
    return record | {"response": record["response"] | {"choices": [choice | {"message": message}]}}


def _with_broken_arguments(record: Record) -> Record:
    call = {
        "id": "call_0",
        "type": "function",
        "function": {"name": "get_account", "arguments": '{"customer_id": "C-1'},
    }
    return _with_message(record, tool_calls=[call])


MALFORMED: dict[str, Callable[[Record], Record | str]] = {
    "cut_off_line": _cut_off,
    "no_response": _without_response,
    "no_choices": lambda record: record | {"response": record["response"] | {"choices": []}},
    "nothing_answered": _with_message,
    "broken_arguments": _with_broken_arguments,
    "empty_messages": lambda record: record | {"request": record["request"] | {"messages": []}},
    "messages_not_a_list": lambda record: (
        record | {"request": record["request"] | {"messages": "see attachment"}}
    ),
    "request_not_an_object": lambda record: (
        record | {"request": json.dumps(record["request"]["messages"][-1])}
    ),
    "bad_timestamp": lambda record: record | {"timestamp": "yesterday"},
}
"""Kinds of broken rows, and how a sound record becomes one. A string is a line that is no JSON."""
