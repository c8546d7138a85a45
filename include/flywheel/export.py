"""First stage: one workload's records of one window, from the logs into the run's folder."""

import math
from pathlib import Path

from pydantic import BaseModel

from include.flywheel.errors import NotEnoughRecordsError
from include.flywheel.jsonl import line_writer, write_json
from include.flywheel.logs.files import LogSource
from include.flywheel.records import Window, iso

RECORDS = "records.jsonl"
SUMMARY = "summary.json"


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
    earliest, latest = math.inf, -math.inf
    with line_writer(folder / RECORDS) as out:
        for record in source.records(client_id, workload_id, window):
            out.write(record.line)
            if record.timestamp is not None:
                earliest, latest = min(earliest, record.timestamp), max(latest, record.timestamp)
        if not out.rows:
            raise NotEnoughRecordsError(
                f"no record of workload {workload_id} of client {client_id} in {_span(window)}. "
                f"The logs hold {source.statistics.describe()}"
            )
    known = latest >= earliest
    summary = ExportSummary(
        exported=out.rows,
        start=window.start.isoformat() if window.start else iso(earliest) if known else "",
        # The next whole second: the same records are found again with this window, whose end is exclusive.
        end=window.end.isoformat() if window.end else iso(math.floor(latest) + 1) if known else "",
        unreadable=source.statistics.unreadable,
        unreadable_lines=source.statistics.unreadable_lines,
        undated=source.statistics.undated,
    )
    write_json(folder / SUMMARY, summary.model_dump(mode="json"))
    return summary


def _span(window: Window) -> str:
    start = window.start.isoformat() if window.start else "the beginning"
    end = window.end.isoformat() if window.end else "the end"
    return f"[{start}, {end})"
