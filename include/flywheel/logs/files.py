"""Records from files: JSON lines, plain or compressed, one file or a folder of them."""

import gzip
import io
import json
import lzma
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Protocol, cast

import orjson

from include.flywheel.errors import RecordError
from include.flywheel.jsonl import BUFFER_BYTES
from include.flywheel.records import Window, epoch_seconds, iso

_NAMES = (".jsonl", ".ndjson", ".json")
_PACKED = (".gz", ".xz")

#: How many unreadable lines are named; the rest is only counted.
_NAMED_LINES = 5


class LogRecord(NamedTuple):
    """One logged record: its JSON text on one line, and its time in epoch seconds (None when it has none)."""

    line: bytes
    timestamp: float | None


@dataclass
class LogStatistics:
    """What a pass over the logs met besides the records that were asked for."""

    files: int = 0
    unreadable: int = 0
    unreadable_lines: list[str] = field(default_factory=list)
    undated: int = 0
    workloads: Counter[tuple[str, str]] = field(default_factory=Counter)
    earliest: float | None = None
    latest: float | None = None

    def meet(self, client_id: str, workload_id: str, timestamp: float | None) -> None:
        """Count one readable record of any workload."""
        self.workloads[client_id, workload_id] += 1
        if timestamp is not None:
            self.earliest = timestamp if self.earliest is None else min(self.earliest, timestamp)
            self.latest = timestamp if self.latest is None else max(self.latest, timestamp)

    def describe(self) -> str:
        """Say in one sentence what the logs hold, for a reader who asked for something else."""
        if not self.workloads:
            found = f"{self.files} file(s), no readable record, {self.unreadable} unreadable line(s)"
            return f"{found}. Expected is one JSON object a line, as text or packed with gzip or xz"
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


class FileLogs:
    """Logs in one file, or in all `.jsonl`, `.ndjson` and `.json` files below a folder, sorted by path.

    Each has one JSON object a line, and may be packed (`.gz`, `.xz`). Unreadable lines are counted and the first few
    named `file:line` in `statistics`, which is complete when the stream is exhausted.
    """

    def __init__(self, path: Path):
        self.path = path
        self.statistics = LogStatistics()

    def records(self, client_id: str, workload_id: str, window: Window) -> Iterator[LogRecord]:
        """Yield one workload's records in the window; raise RecordError when a file cannot be read."""
        self.statistics = seen = LogStatistics()
        for file in self._files():
            seen.files += 1
            for number, line in enumerate(_lines(file), start=1):
                if not line:
                    continue
                record = _readable(line)
                if record is None:
                    seen.unreadable += 1
                    if seen.unreadable <= _NAMED_LINES:
                        seen.unreadable_lines.append(f"{file.name}:{number}")
                    continue
                client, workload = str(record.get("client_id")), str(record.get("workload_id"))
                timestamp = epoch_seconds(record.get("timestamp"))
                seen.meet(client, workload, timestamp)
                if client != client_id or workload != workload_id:
                    continue
                if timestamp is None:
                    seen.undated += 1
                    if window.bounded:
                        continue
                elif not window.contains(timestamp):
                    continue
                yield LogRecord(line, timestamp)

    def lines(self) -> Iterator[tuple[str, bytes]]:
        """Yield every line that is not empty, with its place, `file:line`. Raises RecordError when a file cannot be read."""
        for file in self._files():
            for number, line in enumerate(_lines(file), start=1):
                if line:
                    yield f"{file.name}:{number}", line

    def _files(self) -> list[Path]:
        if self.path.is_file():
            return [self.path]
        if not self.path.is_dir():
            raise RecordError(f"{self.path} is not there. Give a log file or a folder of log files")
        found = [path for path in self.path.rglob("*") if _is_log(path.name) and path.is_file()]
        return sorted(found, key=str)


def _is_log(name: str) -> bool:
    name = name.lower()
    for packed in _PACKED:
        name = name.removesuffix(packed)
    return name.endswith(_NAMES)


def _lines(path: Path) -> Iterator[bytes]:
    """Yield the stripped lines of a file, unpacked."""
    with path.open("rb") as raw:
        file = cast(BinaryIO, raw)
        name = path.name.lower()
        if name.endswith(".gz"):
            file = cast(BinaryIO, io.BufferedReader(gzip.GzipFile(fileobj=file), BUFFER_BYTES))
        elif name.endswith(".xz"):
            file = cast(BinaryIO, io.BufferedReader(lzma.LZMAFile(file), BUFFER_BYTES))  # noqa: SIM115
        try:
            for index, line in enumerate(file):
                yield (line.removeprefix(b"\xef\xbb\xbf") if index == 0 else line).strip()
        except (EOFError, lzma.LZMAError, gzip.BadGzipFile, zlib.error) as error:
            raise RecordError(f"{path} is damaged: {error}. Fetch it again") from error


def _readable(line: bytes) -> dict[str, Any] | None:
    """Return the record on a line.

    What is nearly JSON (a bare NaN, a broken byte) still tells whose record it is: it is exported, so that the curation
    can count it among the workload's.
    """
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError:
        try:
            value = json.loads(line.decode("utf-8", "replace"))
        except (ValueError, RecursionError):
            return None
    return value if isinstance(value, dict) else None
