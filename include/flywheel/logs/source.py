"""What every source of logs gives: records, and what else it met."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from include.flywheel.records import Window, iso

#: How many unreadable lines are named; the rest is only counted.
_NAMED_LINES = 5


class LogRecord(NamedTuple):
    """One logged record, its time in epoch seconds (None when it has none), and where it stands, such as `file:line`.

    `record` is None for what is only nearly JSON, but still tells whose record it is.
    """

    record: dict[str, Any] | None
    timestamp: float | None
    where: str


@dataclass
class LogStatistics:
    """What a pass over the logs met besides the records that were asked for.

    A pass that found what it was asked for may have passed over records of other workloads without reading them: only
    `passed_over` counts those.
    """

    files: int = 0
    unreadable: int = 0
    unreadable_lines: list[str] = field(default_factory=list)
    undated: int = 0
    passed_over: int = 0
    workloads: Counter[tuple[str, str]] = field(default_factory=Counter)
    earliest: float | None = None
    latest: float | None = None

    def meet(self, client_id: str, workload_id: str, timestamp: float | None) -> None:
        """Count one readable record of any workload."""
        self.workloads[client_id, workload_id] += 1
        if timestamp is not None:
            self.earliest = timestamp if self.earliest is None else min(self.earliest, timestamp)
            self.latest = timestamp if self.latest is None else max(self.latest, timestamp)

    def fail_to_read(self, place: str) -> None:
        """Count one line that is no record; the first few are named by their place, `file:line`."""
        self.unreadable += 1
        if self.unreadable <= _NAMED_LINES:
            self.unreadable_lines.append(place)

    def describe(self) -> str:
        """Say in one sentence what the logs hold, for a reader who asked for something else."""
        if not self.workloads:
            found = f"{self.files} file(s), no readable record, {self.unreadable} unreadable line(s)"
            return (
                f"{found}. Expected is one JSON object a line in UTF-8 (.jsonl, .ndjson, .json), also packed (.gz, .xz, "
                ".zst), a .json file with an array of objects, or .parquet"
            )
        most = [f"{w} of client {c} ({n})" for (c, w), n in self.workloads.most_common(10)]
        span = ""
        if self.earliest is not None and self.latest is not None:
            span = f", from {iso(self.earliest)} to {iso(self.latest)}"
        return f"{self.files} file(s) with {', '.join(most)}{span}, {self.unreadable} unreadable line(s)"


class LogSource(Protocol):
    """Where logged records come from."""

    statistics: LogStatistics

    def records(self, client_id: str, workload_id: str, window: Window) -> Iterator[LogRecord]:
        """Yield one workload's records in the window; without bounds also those without a readable time."""
