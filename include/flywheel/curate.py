"""Second stage: each exported record is kept, or set aside for one named reason."""

from array import array
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
from pydantic import BaseModel

from include.flywheel import export
from include.flywheel.chat import (
    Unusable,
)
from include.flywheel.config_sections import DataSplitConfig
from include.flywheel.config_types import WorkloadType
from include.flywheel.conversations import Conversations, Origin
from include.flywheel.errors import NotEnoughRecordsError, RecordError
from include.flywheel.jsonl import line_writer, read_lines, write_json
from include.flywheel.split import within_limit
from include.flywheel.usable import Usable, usable_record

#: Why a record is set aside, as a reader of the report is told.
REASONS = {
    "not_json": "the line is no proper JSON: a bare NaN, broken UTF-8 or half a surrogate pair",
    "malformed_request": "the request has no messages that form a conversation",
    "malformed_tools": "a tool that the request offers is no function with a name",
    "too_deep": "the record is nested more deeply than JSON is written here",
    "bad_timestamp": "the timestamp is missing or no time",
    "no_answer": "the response has neither text nor a tool call",
    "truncated_answer": "the answer was cut off (finish_reason length or content_filter)",
    "malformed_tool_call": "a tool call of the answer has no function name",
    "bad_tool_arguments": "the arguments of a tool call are no JSON object",
    "number_too_large": "a number in the arguments of a tool call has more than 64 bits",
    "no_tools_offered": "the answer calls a tool and the request offers none",
    "answer_in_prompt": "the logged request already ends with the answer, which a model would only repeat",
    "duplicate": "an earlier record has the same prompt, tools and answer",
    "not_a_tool_call": "the answer is text in a workload of tool calls",
    "not_a_text_answer": "the answer is a tool call in a workload of texts",
    "over_limit": "data_split_config.limit is reached; whole conversations are left out",
}

RECORDS = "records.jsonl"
INDEX = "index.jsonl"
SUMMARY = "summary.json"
_FOUND = "found.jsonl"

#: How many records are named for each reason, by their line in the export.
_NAMED_LINES = 5


class CurationSummary(BaseModel):
    """What became of the exported records: `kept` and all of `set_aside` add up to `exported`.

    `tools` counts the kept records by the first tool they call. `set_aside_lines` names the first few
    lines of the export for each reason. Prompt tokens are estimates.
    """

    exported: int
    kept: int
    set_aside: dict[str, int]
    set_aside_lines: dict[str, list[int]]
    workload_type: WorkloadType
    conversations: int
    tools: dict[str, int]
    prompt_tokens_mean: int
    prompt_tokens_max: int


class _Found:
    """What the first pass found, a few bytes per usable record, for the decisions that need all."""

    def __init__(self) -> None:
        self.exported = 0
        self.set_aside: Counter[str] = Counter()
        self.lines: dict[str, list[int]] = {}
        self.origins: dict[Origin, int] = {}
        self.owners = array("L")
        self.is_tool_call = bytearray()
        self.export_lines = array("L")

    def leave_out(self, reason: str, line: int) -> None:
        self.set_aside[reason] += 1
        named = self.lines.setdefault(reason, [])
        if len(named) < _NAMED_LINES:
            named.append(line)

    def take(self, origin: Origin, is_tool_call: bool, line: int) -> None:
        self.owners.append(self.origins.setdefault(origin, len(self.origins)))
        self.is_tool_call.append(is_tool_call)
        self.export_lines.append(line)


def curate(
    exported: Path, folder: Path, *, split: DataSplitConfig, workload_type: str = "auto"
) -> CurationSummary:
    """Keep the usable records of the export in `exported`, or say why not.

    Writes `records.jsonl` (training rows: `{"messages": [..., answer], "tools": [...]}`), `index.jsonl`
    (one row per kept record: its line there, ids, time, tools called, and what else its request and
    response held) and
    `summary.json`. `workload_type` `auto` means `tool_calling` when most usable records call tools.

    Raises NotEnoughRecordsError with the counts by reason when nothing is kept.
    """
    found = _Found()
    with line_writer(folder / RECORDS) as rows, line_writer(folder / _FOUND) as index:
        for line, usable in _usable(exported, found, split.parse_function_arguments):
            found.take(usable.origin, bool(usable.entry["tools"]), line)
            rows.write(usable.row)
            index.write(orjson.dumps({"line": rows.rows, **usable.entry}))
    summary = _settle(folder, found, split, workload_type)
    write_json(folder / SUMMARY, summary.model_dump(mode="json"))
    if not summary.kept:
        counts = ", ".join(f"{reason} {count}" for reason, count in summary.set_aside.items())
        remedy = ""
        if "over_limit" in summary.set_aside:
            remedy = (
                f". Every conversation has more than the {split.limit} records of data_split_config.limit, and none "
                "is divided: raise it, or null for no limit"
            )
        raise NotEnoughRecordsError(
            f"none of {summary.exported} exported records can be used: {counts}{remedy}"
        )
    return summary


def _usable(exported: Path, found: _Found, parse_arguments: bool) -> Iterator[tuple[int, Usable]]:
    """Yield each usable record with its line number in the export."""
    seen: set[bytes] = set()
    for line, text in enumerate(export.exported_lines(exported), start=1):
        found.exported += 1
        try:
            usable = usable_record(text, parse_arguments)
        except Unusable as verdict:
            found.leave_out(verdict.reason, line)
            continue
        key = bytes.fromhex(usable.entry["id"])
        if key in seen:
            found.leave_out("duplicate", line)
            continue
        seen.add(key)
        yield line, usable


def _settle(folder: Path, found: _Found, split: DataSplitConfig, wanted_type: str) -> CurationSummary:
    """Take the decisions that need all records, workload type and limit, and write the final index."""
    calls = sum(found.is_tool_call)
    tool_calling = wanted_type == "tool_calling" or (
        wanted_type == "auto" and 2 * calls > len(found.is_tool_call)
    )
    other_kind = "not_a_tool_call" if tool_calling else "not_a_text_answer"
    sizes: Counter[int] = Counter(
        owner
        for owner, is_call in zip(found.owners, found.is_tool_call, strict=True)
        if bool(is_call) == tool_calling
    )
    conversations = Conversations(found.origins)
    names = [conversations.name(origin) for origin in found.origins]
    of_conversation: Counter[str] = Counter()
    for owner, size in sizes.items():
        of_conversation[names[owner]] += size
    within = within_limit(of_conversation, split.limit, split.random_seed)

    tools: Counter[str] = Counter()
    tokens_sum, tokens_max = 0, 0
    with line_writer(folder / INDEX) as index:
        for position, text in enumerate(read_lines(folder / _FOUND)):
            line = found.export_lines[position]
            if bool(found.is_tool_call[position]) != tool_calling:
                found.leave_out(other_kind, line)
            elif (conversation := names[found.owners[position]]) not in within:
                found.leave_out("over_limit", line)
            else:
                entry = orjson.loads(text)
                index.write(orjson.dumps({**entry, "conversation": conversation}))
                tools.update(entry["tools"][:1])
                tokens_sum += entry["prompt_tokens"]
                tokens_max = max(tokens_max, entry["prompt_tokens"])
        kept = index.rows
    (folder / _FOUND).unlink(missing_ok=True)
    return CurationSummary(
        exported=found.exported,
        kept=kept,
        set_aside={reason: found.set_aside[reason] for reason in REASONS if found.set_aside[reason]},
        set_aside_lines=found.lines,
        workload_type="tool_calling" if tool_calling else "generic",
        conversations=len(within),
        tools=dict(tools.most_common()),
        prompt_tokens_mean=round(tokens_sum / kept) if kept else 0,
        prompt_tokens_max=tokens_max,
    )


def index_entries(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield the index rows of a curated folder, in the order of its records."""
    for text in read_lines(folder / INDEX):
        yield orjson.loads(text)


def kept_rows(folder: Path) -> Iterator[tuple[dict[str, Any], bytes]]:
    """Yield each kept record's index row and training row, reading both files once, side by side."""
    rows = enumerate(read_lines(folder / RECORDS), start=1)
    for entry in index_entries(folder):
        for number, row in rows:
            if number == entry["line"]:
                yield entry, row
                break
        else:
            raise RecordError(f"{folder / RECORDS} ends before line {entry['line']}. Curate again")
