"""What the conversations of the sample are like, judged from the file alone."""

import datetime
import json
import re
from collections import Counter
from itertools import pairwise
from typing import Any

import pytest

from tests.sample_logs.conftest import Record, Sample, answer_of, arguments_of

KINDS: dict[str, Any] = {
    "string": str,
    "number": (int, float),
    "boolean": bool,
    "object": dict,
}


def complaints(value: Any, schema: dict[str, Any], where: str = "arguments") -> list[str]:
    """Return what is wrong with `value` under the part of JSON Schema that the tools use."""
    if not isinstance(value, KINDS[schema["type"]]):
        return [f"{where}: {value!r} is no {schema['type']}"]
    if "enum" in schema and value not in schema["enum"]:
        return [f"{where}: {value!r} is none of {schema['enum']}"]
    if schema.get("format") == "date" and datetime.date.fromisoformat(value).isoformat() != value:
        return [f"{where}: {value!r} is no date"]
    if value == "" or ("minimum" in schema and value < schema["minimum"]):
        return [f"{where}: {value!r} is too little"]
    if schema["type"] != "object":
        return []
    wrong = [f"{where}: {key} is missing" for key in schema["required"] if key not in value]
    for key, part in value.items():
        known = schema["properties"].get(key)
        wrong += complaints(part, known, f"{where}.{key}") if known else [f"{where}: {key} is unknown"]
    return wrong


def calls_of(record: Record) -> list[Record]:
    return answer_of(record).get("tool_calls", [])


def leaves(arguments: dict[str, Any], schema: dict[str, Any]) -> list[Any]:
    """Return the values that the model has to find in the conversation: all but the words of an enum."""
    found = []
    for key, value in arguments.items():
        part = schema["properties"][key]
        if part["type"] == "object":
            found += leaves(value, part)
        elif "enum" not in part:
            found.append(value)
    return found


def test_the_messages_of_a_conversation_are_prefixes_of_each_other(sample: Sample) -> None:
    conversations = sample.conversations()
    assert len(conversations) == sample.summary.conversations["support.desk"]
    for group in conversations:
        for earlier, later in pairwise(group):
            messages = later["request"]["messages"]
            before = earlier["request"]["messages"]
            assert messages[: len(before)] == before
            assert later["request"]["tools"] == earlier["request"]["tools"]


def test_the_next_prompt_holds_the_call_that_was_answered(sample: Sample) -> None:
    followed = 0
    for group in sample.conversations():
        longest = group[-1]["request"]["messages"]
        for record in group:
            at = len(record["request"]["messages"])
            if at < len(longest) and calls_of(record) and "-r" not in record["response"]["id"][-2:]:
                made = [
                    (call["id"], call["function"]["name"], arguments_of(call)) for call in calls_of(record)
                ]
                said = longest[at]["tool_calls"]
                assert [(call["id"], call["function"]["name"], arguments_of(call)) for call in said] == made
                answers = longest[at + 1 : at + 1 + len(made)]
                assert [message.get("tool_call_id") for message in answers] == [call["id"] for call in said]
                followed += 1
    assert followed > 800


def test_every_tool_call_fits_its_schema(sample: Sample) -> None:
    for record in sample.of("support.desk"):
        schemas = {
            tool["function"]["name"]: tool["function"]["parameters"] for tool in record["request"]["tools"]
        }
        for call in calls_of(record):
            schema = schemas[call["function"]["name"]]
            assert complaints(arguments_of(call), schema) == []


def test_every_argument_that_is_not_a_choice_stands_in_the_conversation(sample: Sample) -> None:
    for record in sample.of("support.desk"):
        schemas = {
            tool["function"]["name"]: tool["function"]["parameters"] for tool in record["request"]["tools"]
        }
        messages = record["request"]["messages"]
        said = " ".join(message["content"] or "" for message in messages[1:])
        for call in calls_of(record):
            for value in leaves(arguments_of(call), schemas[call["function"]["name"]]):
                assert (value if isinstance(value, str) else f"{value:.2f}") in said


@pytest.mark.parametrize(
    ("tool", "first", "last"),
    [
        ("check_outage", "2025-10-13", "2025-10-30"),
        ("restart_router", "2025-10-01", "2025-10-20"),
        ("reboot_device", "2025-10-21", "2025-10-30"),
    ],
)
def test_a_tool_is_offered_from_its_first_to_its_last_day_and_called_then(
    sample: Sample, tool: str, first: str, last: str
) -> None:
    called = 0
    for record in sample.of("support.desk"):
        day = datetime.datetime.fromtimestamp(record["timestamp"], datetime.UTC).date().isoformat()
        offered = tool in [one["function"]["name"] for one in record["request"]["tools"]]
        assert offered == (first <= day <= last)
        called += tool in [call["function"]["name"] for call in calls_of(record)]
    assert called > 5


def test_callers_ask_about_bills_first_and_about_lines_later(sample: Sample) -> None:
    billing = {"list_invoices", "get_invoice", "send_invoice", "extend_payment", "grant_credit"}
    shares = []
    for days in (range(1, 13), range(21, 31)):
        asked: Counter[bool] = Counter()
        for record in sample.of("support.desk"):
            if datetime.datetime.fromtimestamp(record["timestamp"], datetime.UTC).day in days:
                names = {call["function"]["name"] for call in calls_of(record)} - {
                    "find_customer",
                    "get_account",
                }
                asked.update([bool(names & billing)] if names else [])
        shares.append(asked[True] / asked.total())
    assert shares[0] > shares[1] + 0.2


def test_callers_word_the_same_wish_in_many_ways_and_mistype(sample: Sample) -> None:
    said = [
        message["content"]
        for group in sample.conversations()
        for message in group[-1]["request"]["messages"]
        if message["role"] == "user"
    ]
    words = Counter(word for text in said for word in re.findall(r"[a-z]{5,}", text.lower()))
    assert len(set(said)) > 0.75 * len(said)
    assert sum(count == 1 for count in words.values()) > 60


def test_every_tool_is_called_often_enough_to_be_learned(sample: Sample) -> None:
    called = Counter(
        call["function"]["name"] for record in sample.of("support.desk") for call in calls_of(record)
    )
    offered = {
        tool["function"]["name"]
        for record in sample.of("support.desk")
        for tool in record["request"]["tools"]
    }
    assert len(offered) == 17
    assert set(called) == offered
    assert min(called.values()) >= 10


def test_the_second_workload_answers_in_words(sample: Sample) -> None:
    questions = sample.of("support.faq")
    assert len(questions) == 125
    assert all("tools" not in record["request"] and answer_of(record)["content"] for record in questions)
    assert len({json.dumps(record["request"]["messages"]) for record in questions}) > 80


def test_two_invoices_are_read_at_once_exactly_when_the_caller_compares_bills(sample: Sample) -> None:
    read_at_once = {True: 0, False: 0}
    for record in sample.of("support.desk"):
        names = [call["function"]["name"] for call in calls_of(record)]
        if "get_invoice" in names:
            said = [one["content"] for one in record["request"]["messages"] if one["role"] == "user"]
            compares = any(" than " in text for text in said)
            assert names == ["get_invoice"] * (2 if compares else 1)
            read_at_once[compares] += 1
    assert min(read_at_once.values()) > 0
