"""`rejections.json`: why records were set aside, with counts, shares and where the first few stand. Never what they say."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel

from include.flywheel.jsonl import write_json

FILE = "rejections.json"

#: Why a record is set aside, as a reader of the report is told.
REASONS = {
    "not_json": "the line is no proper JSON: a bare NaN, broken UTF-8 or half a surrogate pair",
    "malformed_request": "the request has no messages that form a conversation",
    "not_text": "the request has images, sound or files, which models of text cannot see",
    "malformed_tools": "a tool that the request offers is no function with a name",
    "too_deep": "the record is nested more deeply than JSON is written here",
    "bad_timestamp": "the timestamp is missing or no time",
    "no_answer": "the response has neither text nor a tool call",
    "refusal": "the model refused to answer",
    "incomplete_stream": "the answer was logged as a stream that has no finish_reason, or a chunk of it cannot be read",
    "truncated_answer": "the answer was cut off (finish_reason length or content_filter)",
    "malformed_tool_call": "a tool call of the answer has no function name",
    "bad_tool_arguments": "the arguments of a tool call are no JSON object",
    "number_too_large": "a number in the arguments of a tool call has more than 64 bits",
    "no_tools_offered": "the answer calls a tool and the request offers none",
    "answer_in_prompt": "the logged request already ends with the answer, which a model would only repeat",
    "duplicate": "an earlier record has the same prompt, tools and answer",
    "not_a_tool_call": "the answer is text in a workload of tool calls",
    "not_a_text_answer": "the answer is a tool call in a workload of texts",
    "near_duplicate": "its conversation says nearly the same as an earlier one (data_split_config.near_duplicate_similarity)",
    "over_limit": "data_split_config.limit is reached; whole conversations are left out",
    "held_out": "it is on the side of the evaluation, whose set is full, or other conversations go on from its prompt",
    "evaluated_before": "an earlier run evaluated its conversation, so it is never trained on",
    "prompt_in_eval": "a prompt of its conversation is also in an eval set",
    "near_eval": "its conversation says nearly the same as one in an eval set",
}


class Rejection(BaseModel):
    """The records that were set aside for one reason; `share` is of all exported ones."""

    count: int
    share: float
    meaning: str
    examples: list[str]


class Rejections(BaseModel):
    """All that was set aside: `kept` and the counts of all reasons add up to `exported`."""

    format_version: Literal[1] = 1
    exported: int
    kept: int
    reasons: dict[str, Rejection]


def in_order(counts: Mapping[str, int]) -> dict[str, int]:
    """Return the reasons that occurred, in the order in which they are looked for."""
    return {reason: counts[reason] for reason in REASONS if counts.get(reason)}


def write_rejections(
    folder: Path, *, exported: int, counts: Mapping[str, int], examples: Mapping[str, list[str]]
) -> None:
    """Write `folder/rejections.json`."""
    reasons = {
        reason: Rejection(
            count=count,
            share=round(count / exported, 6),
            meaning=REASONS[reason],
            examples=examples.get(reason, []),
        )
        for reason, count in in_order(counts).items()
    }
    found = Rejections(exported=exported, kept=exported - sum(counts.values()), reasons=reasons)
    write_json(folder / FILE, found.model_dump(mode="json"))
