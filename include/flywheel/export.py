"""First stage: one workload's records of one window, from the logs into the run's folder."""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic import BaseModel

from include.flywheel.errors import NotEnoughRecordsError
from include.flywheel.jsonl import line_writer, read_lines, write_json
from include.flywheel.logs.files import LogSource
from include.flywheel.records import Window, iso

RECORDS = "records.jsonl"
SUMMARY = "summary.json"

#: How many unreadable lines are named; the rest is only counted.
_NAMED_LINES = 5


class ExportSummary(BaseModel):
    """What was exported. `start` and `end` are the window, or what the records span where it was left open.

    `undated` counts records without a readable time: left out of a bounded window (nobody can say
    whether they lie in it), exported otherwise and set aside by the curation.
    """

    exported: int
    start: str
    end: str
    unreadable: int
    unreadable_lines: list[str]
    undated: int


def export_logs(
    source: LogSource, *, client_id: str, workload_id: str, window: Window, folder: Path
) -> ExportSummary:
    """Copy the records of one workload in the window to `folder/records.jsonl`, as they were logged.

    Raises NotEnoughRecordsError, naming what the logs do hold, when there is none, and RecordError when
    a log cannot be read. Calling it again overwrites the files.
    """
    part = export_part(source, client_id=client_id, workload_id=workload_id, window=window, folder=folder)
    return join_parts([part], window=window, folder=folder)


def export_part(
    source: LogSource,
    *,
    client_id: str,
    workload_id: str,
    window: Window,
    folder: Path,
    part: int = 1,
    parts: int = 1,
) -> ExportSummary:
    """Copy the records of one of the consecutive windows that `join_parts` puts together.

    Raises as `export_logs` does; that nothing was found is an error of an only part, not of one of several.
    """
    earliest, latest = math.inf, -math.inf
    with line_writer(folder / _part_name(part, parts)) as out:
        for record in source.records(client_id, workload_id, window):
            out.write(record.line)
            if record.timestamp is not None:
                earliest, latest = min(earliest, record.timestamp), max(latest, record.timestamp)
        if not out.rows and parts == 1:
            raise NotEnoughRecordsError(
                f"no record of workload {workload_id} of client {client_id} in {_span(window)}. "
                f"The logs hold {source.statistics.describe()}"
            )
    known = latest >= earliest
    return ExportSummary(
        exported=out.rows,
        start=window.start.isoformat() if window.start else iso(earliest) if known else "",
        # The next whole second: the same records are found again with this window, whose end is exclusive.
        end=window.end.isoformat() if window.end else iso(math.floor(latest) + 1) if known else "",
        unreadable=source.statistics.unreadable,
        unreadable_lines=source.statistics.unreadable_lines,
        undated=source.statistics.undated,
    )


def join_parts(parts: Sequence[ExportSummary], *, window: Window, folder: Path) -> ExportSummary:
    """Sum up the parts, in their order, in `folder/summary.json`; parts of an earlier export that was cut otherwise are removed.

    Raises NotEnoughRecordsError when all of them are empty.
    """
    if not any(part.exported for part in parts):
        raise NotEnoughRecordsError(f"no record in {_span(window)}")
    current = {_part_name(number, len(parts)) for number in range(1, len(parts) + 1)}
    for path in _part_paths(folder):
        if path.name not in current:
            path.unlink()
    summary = ExportSummary(
        exported=sum(part.exported for part in parts),
        start=next((part.start for part in parts if part.start), ""),
        end=next((part.end for part in reversed(parts) if part.end), ""),
        unreadable=sum(part.unreadable for part in parts),
        unreadable_lines=[line for part in parts for line in part.unreadable_lines][:_NAMED_LINES],
        undated=sum(part.undated for part in parts),
    )
    write_json(folder / SUMMARY, summary.model_dump(mode="json"))
    return summary


def exported_lines(folder: Path) -> Iterator[bytes]:
    """Yield the exported records of all parts, in their order. Raises RecordError when nothing was exported there."""
    for path in _part_paths(folder) or [folder / RECORDS]:
        yield from read_lines(path)


def _part_name(part: int, parts: int) -> str:
    """Return a part's file: `records.jsonl`, or, of several, names that sort in the order of the parts."""
    return RECORDS if parts == 1 else f"records-{part:04}-of-{parts:04}.jsonl"


def _part_paths(folder: Path) -> list[Path]:
    return sorted(folder.glob("records*.jsonl"), key=lambda path: path.name)


def _span(window: Window) -> str:
    start = window.start.isoformat() if window.start else "the beginning"
    end = window.end.isoformat() if window.end else "the end"
    return f"[{start}, {end})"
