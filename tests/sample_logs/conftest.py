"""The default sample, written once, and a reader that knows nothing of how it was made."""

import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from include.sample_logs import SampleSummary, write_sample_logs

Record = dict[str, Any]


@dataclass(frozen=True)
class Sample:
    """A written sample as its reader sees it."""

    path: Path
    summary: SampleSummary
    lines: list[bytes]
    records: list[Record]

    def of(self, workload: str) -> list[Record]:
        """Return the well-formed records of `workload`, as logged."""
        return [record for record in self.records if record["workload_id"] == workload]

    def conversations(self) -> list[list[Record]]:
        """Group the desk's records by conversation id, else by opening; shortest prompt first."""
        found = defaultdict(list)
        for record in self.of("support.desk"):
            messages = record["request"]["messages"]
            metadata = record["request"].get("metadata", {})
            opening = json.dumps([messages[0], messages[1]])
            found[metadata.get("conversation_id", opening)].append(record)
        return [
            sorted(group, key=lambda record: len(record["request"]["messages"])) for group in found.values()
        ]


def well_formed(line: bytes) -> Record | None:
    """Return the record if the line is one a flywheel can use."""
    try:
        row = json.loads(line)
        message = row["response"]["choices"][0]["message"]
        for call in message.get("tool_calls", []):
            arguments_of(call)
        sound = (
            isinstance(row["timestamp"], int)
            and isinstance(row["request"]["messages"], list)
            and len(row["request"]["messages"]) > 0
            and (message.get("content") or message.get("tool_calls"))
        )
    except (ValueError, KeyError, IndexError, TypeError):
        return None
    return row if sound else None


def answer_of(record: Record) -> Record:
    """Return the model's message."""
    return record["response"]["choices"][0]["message"]


def arguments_of(call: Record) -> dict[str, Any]:
    """Return a call's arguments as an object, however they were logged."""
    given = call["function"]["arguments"]
    return json.loads(given) if isinstance(given, str) else given


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    path = tmp_path_factory.mktemp("sample") / "logs.jsonl"
    summary = write_sample_logs(path)
    lines = path.read_bytes().splitlines()
    records = [record for line in lines if (record := well_formed(line))]
    return Sample(path, summary, lines, records)
