"""Records from files: one file or a folder of them, on a disk or in an object store."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from include.flywheel.errors import RecordError
from include.flywheel.jsonl import BUFFER_BYTES
from include.flywheel.logs.formats import is_log, lines
from include.flywheel.logs.skim import workload_shown
from include.flywheel.logs.source import LogRecord, LogSource, LogStatistics
from include.flywheel.logs.spans import MOST_PIECES, PIECE_BYTES, Span, file_spans
from include.flywheel.records import Window, epoch_seconds

_WHOLE = Span()


class FileLogs(LogSource):
    """Logs in one file, or in all files below a folder that `formats` can read, sorted by path.

    The path may be any object with a Path's methods, such as Airflow's ObjectStoragePath. Unreadable lines are counted
    and the first few named `file:line` (in Parquet files and JSON arrays `file:record`) in `statistics`, which is
    complete when the stream is exhausted. Of the logs only a span is read, where one is given (`spans`).
    """

    def __init__(self, path: Path, span: Span = _WHOLE):
        self.path = path
        self.span = span
        self.statistics = LogStatistics()

    def spans(self, piece: int = PIECE_BYTES, most: int = MOST_PIECES) -> list[Span]:
        """Return consecutive spans that together are the logs, see `file_spans`. Raises RecordError when there are none."""
        return file_spans([(self._name(file), file) for file in self._files()], piece, most)

    def records(self, client_id: str, workload_id: str, window: Window) -> Iterator[LogRecord]:
        """Yield one workload's records in the window; raise RecordError when a file cannot be read."""
        self.statistics = seen = LogStatistics()
        found = False
        for where, record, is_proper in self._readable(seen, workload_id.encode()):
            client, workload = _owner(record.get("client_id")), _owner(record.get("workload_id"))
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
            found = True
            yield LogRecord(record if is_proper else None, timestamp, where)
        if seen.passed_over and not found:
            self._survey()

    def _survey(self) -> None:
        """Read everything once more: who found nothing is told what there is."""
        undated = self.statistics.undated
        self.statistics = seen = LogStatistics(undated=undated)
        for _, record, _ in self._readable(seen, None):
            timestamp = epoch_seconds(record.get("timestamp"))
            seen.meet(_owner(record.get("client_id")), _owner(record.get("workload_id")), timestamp)

    def _readable(
        self, seen: LogStatistics, only: bytes | None
    ) -> Iterator[tuple[str, dict[str, Any], bool]]:
        """Yield where each record stands that can be read, the record, and whether it is proper JSON.

        `only` is the workload whose records are wanted: lines that show another are passed over.
        """
        for file in self._files():
            piece = self.span.of(self._name(file))
            if piece is None:
                continue
            seen.files += 1
            begin, end = piece
            for number, line in enumerate(lines(file, begin, end), start=1 + _lines_before(file, begin)):
                if not line:
                    continue
                if only is not None and (workload_shown(line) or only) != only:
                    seen.passed_over += 1
                    continue
                is_proper = True
                try:
                    record = orjson.loads(line)
                except orjson.JSONDecodeError:
                    record, is_proper = _nearly_json(line), False
                if isinstance(record, dict):
                    yield f"{file.name}:{number}", record, is_proper
                else:
                    seen.fail_to_read(f"{file.name}:{number}")

    def lines(self) -> Iterator[tuple[str, bytes]]:
        """Yield every line that is not empty, with its place, `file:line`. Raises RecordError when a file cannot be read."""
        for file in self._files():
            for number, line in enumerate(lines(file), start=1):
                if line:
                    yield f"{file.name}:{number}", line

    def _files(self) -> list[Path]:
        if not self.path.exists():
            raise RecordError(f"{self.path} is not there. Give a log file or a folder of log files")
        if not self.path.is_dir():
            return [self.path]
        found = [path for path in self.path.rglob("*") if is_log(path.name) and path.is_file()]
        return sorted(found, key=str)

    def _name(self, file: Path) -> str:
        return str(file).removeprefix(str(self.path)).lstrip("/")


def _lines_before(file: Path, at: int) -> int:
    """Return how many lines end before a byte of a file. Raises RecordError when there is no such byte any more."""
    if not at:
        return 0
    count, left = 0, at
    with file.open("rb", buffering=0) as opened:
        while left:
            block = opened.read(min(left, BUFFER_BYTES))
            if not block:
                raise RecordError(f"{file} has become shorter while it was read. Start the export again")
            count += block.count(b"\n")
            left -= len(block)
    return count


def _owner(value: object) -> str:
    """Return an id as text; a list or an object is nobody's, and may be nested too deeply to be written as text."""
    return str(None if isinstance(value, dict | list) else value)


def _nearly_json(line: bytes) -> object:
    """Return what a line with a bare NaN or a broken byte says, None when that cannot be told.

    It still tells whose record it is: it is exported, so that the curation can count it among the workload's.
    """
    try:
        return json.loads(line.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None
