"""First stage: one workload's records of one window, from the logs into the run's folder.

Each record is read once, here: what is usable becomes a training row and an index entry, the rest is counted by its
reason. Nothing else of the logs is kept. Parts of a window can be exported side by side, each into a folder of its own;
what needs a look at all of them is left to the curation.
"""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
from pydantic import BaseModel, Field

from include.flywheel.chat import Unusable
from include.flywheel.errors import NotEnoughRecordsError, RecordError
from include.flywheel.jsonl import line_writer, replacing, write_json
from include.flywheel.logs.source import LogSource
from include.flywheel.privacy.settings import PrivacyConfig, PrivacySummary
from include.flywheel.records import Window, iso
from include.flywheel.similarity import SignatureWriter
from include.flywheel.usable import RecordReader

if TYPE_CHECKING:
    from include.flywheel.privacy.redactor import Redactor

ROWS = "rows.jsonl.zst"
#: As the rows were called before they were packed; runs that began then go on with them.
_PLAIN_ROWS = "rows.jsonl"
FOUND = "found.jsonl"
SIGNATURES = "signatures.bin"
SUMMARY = "summary.json"

#: How many records are named for each reason, by where they stand in the logs.
NAMED = 5


class ExportSummary(BaseModel):
    """What was exported. `start` and `end` are the window, or what the records span where it was left open.

    `exported` are usable, or set aside for a reason of `curate.REASONS`; `examples` names the first few by where they
    stand in the logs. `undated` counts records without a readable time: left out of a bounded window (nobody can say
    whether they lie in it), set aside otherwise.
    """

    exported: int
    start: str
    end: str
    unreadable: int
    unreadable_lines: list[str]
    undated: int
    set_aside: dict[str, int] = Field(default_factory=dict)
    examples: dict[str, list[str]] = Field(default_factory=dict)
    privacy: PrivacySummary = Field(default_factory=PrivacySummary)
    holds: str = ""


def export_logs(
    source: LogSource,
    *,
    client_id: str,
    workload_id: str,
    window: Window,
    folder: Path,
    parse_arguments: bool = True,
    privacy: PrivacyConfig | None = None,
) -> ExportSummary:
    """Read the records of one workload in the window, in one part; see `export_part` and `join_parts`."""
    part = export_part(
        source,
        client_id=client_id,
        workload_id=workload_id,
        window=window,
        folder=folder,
        parse_arguments=parse_arguments,
        privacy=privacy,
    )
    return join_parts([part], client_id=client_id, workload_id=workload_id, window=window, folder=folder)


def export_part(
    source: LogSource,
    *,
    client_id: str,
    workload_id: str,
    window: Window,
    folder: Path,
    part: int = 1,
    parts: int = 1,
    parse_arguments: bool = True,
    privacy: PrivacyConfig | None = None,
) -> ExportSummary:
    """Read the records of one of the consecutive parts that `join_parts` puts together: slices of the window, or spans of files.

    Writes to `folder`, or of several parts to a folder below it: `rows.jsonl.zst` (training rows: `{"messages": [...,
    answer], "tools": [...]}`), `found.jsonl` (one line per row: ids, time, tools called, and what else its request and response
    held), `signatures.bin` (one MinHash signature per row, see `similarity`) and `summary.json`.

    Raises RecordError when a log cannot be read. Calling it again overwrites the files.
    """
    place = _part_folder(folder, part, parts)
    earliest, latest = math.inf, -math.inf
    personal = PrivacySummary(mode=privacy.mode) if privacy else PrivacySummary()
    reader, exported = RecordReader(parse_arguments=parse_arguments, redactor=_redactor(privacy)), 0
    set_aside: Counter[str] = Counter()
    examples: dict[str, list[str]] = {}
    with (
        line_writer(place / ROWS) as rows,
        line_writer(place / FOUND) as found,
        replacing(place / SIGNATURES) as file,
    ):
        signatures = SignatureWriter(file)
        for log_record in source.records(client_id, workload_id, window):
            exported += 1
            if log_record.timestamp is not None:
                earliest, latest = min(earliest, log_record.timestamp), max(latest, log_record.timestamp)
            try:
                usable = reader.read(log_record.record)
            except Unusable as verdict:
                set_aside[verdict.reason] += 1
                name_example(examples, verdict.reason, log_record.where)
                continue
            personal.count(usable.personal)
            rows.write(usable.row)
            found.write(orjson.dumps({**usable.entry, "where": log_record.where}))
            signatures.add(usable.turn)
        signatures.flush()
    known = latest >= earliest
    summary = ExportSummary(
        exported=exported,
        start=window.start.isoformat() if window.start else iso(earliest) if known else "",
        # The next whole second: the same records are found again with this window, whose end is exclusive.
        end=window.end.isoformat() if window.end else iso(math.floor(latest) + 1) if known else "",
        unreadable=source.statistics.unreadable,
        unreadable_lines=source.statistics.unreadable_lines,
        undated=source.statistics.undated,
        set_aside=dict(set_aside),
        examples=examples,
        privacy=personal,
        holds="" if exported else source.statistics.describe(),
    )
    write_json(place / SUMMARY, summary.model_dump(mode="json"))
    return summary


def join_parts(
    parts: Sequence[ExportSummary], *, client_id: str, workload_id: str, window: Window, folder: Path
) -> ExportSummary:
    """Sum up the parts, in their order, in `folder/summary.json`; those of an earlier export that was cut otherwise are removed.

    Raises NotEnoughRecordsError, naming what the logs do hold, when all of them are empty.
    """
    if not any(part.exported for part in parts):
        held = "; ".join(dict.fromkeys(part.holds for part in parts))
        raise NotEnoughRecordsError(
            f"no record of workload {workload_id} of client {client_id} in {_span(window)}. The logs hold {held}"
        )
    current = {_part_folder(folder, number, len(parts)) for number in range(1, len(parts) + 1)}
    for stale in set(_part_folders(folder)) - current:
        for name in (ROWS, _PLAIN_ROWS, FOUND, SIGNATURES, SUMMARY):
            (stale / name).unlink(missing_ok=True)
    set_aside: Counter[str] = Counter()
    examples: dict[str, list[str]] = {}
    personal = PrivacySummary(mode=parts[0].privacy.mode)
    for part in parts:
        set_aside.update(part.set_aside)
        personal.add(part.privacy)
        for reason, named in part.examples.items():
            for where in named:
                name_example(examples, reason, where)
    summary = ExportSummary(
        exported=sum(part.exported for part in parts),
        start=min((part.start for part in parts if part.start), key=datetime.fromisoformat, default=""),
        end=max((part.end for part in parts if part.end), key=datetime.fromisoformat, default=""),
        unreadable=sum(part.unreadable for part in parts),
        unreadable_lines=[line for part in parts for line in part.unreadable_lines][:NAMED],
        undated=sum(part.undated for part in parts),
        set_aside=dict(set_aside),
        examples=examples,
        privacy=personal,
    )
    write_json(folder / SUMMARY, summary.model_dump(mode="json"))
    return summary


def exported_parts(folder: Path) -> list[Path]:
    """Return the folders of the parts, in their order. Raises RecordError when nothing was exported there."""
    parts = _part_folders(folder)
    if not parts or not (folder / SUMMARY).exists():
        raise RecordError(f"{folder / SUMMARY} is not there. Run the stage that writes it first")
    return parts


def _part_folder(folder: Path, part: int, parts: int) -> Path:
    """Return where a part is: the folder itself, or, of several, names that sort in the order of the parts."""
    return folder if parts == 1 else folder / f"part-{part:04}-of-{parts:04}"


def _part_folders(folder: Path) -> list[Path]:
    if not folder.exists():
        return []
    places = [folder, *sorted(folder.glob("part-*-of-*"), key=lambda place: place.name)]
    return [place for place in places if rows_file(place).exists()]


def rows_file(part: Path) -> Path:
    """Return the file with a part's rows."""
    packed = part / ROWS
    return packed if packed.exists() else part / _PLAIN_ROWS


def name_example(examples: dict[str, list[str]], reason: str, where: str) -> None:
    """Note where a record stands that was set aside, if it is one of the first few of its reason."""
    named = examples.setdefault(reason, [])
    if len(named) < NAMED:
        named.append(where)


def read_signatures(part: Path) -> Iterator[bytes]:
    """Yield the bytes of a part's signatures, block by block."""
    with (part / SIGNATURES).open("rb") as file:
        while block := file.read(1 << 22):
            yield block


def _redactor(privacy: PrivacyConfig | None) -> "Redactor | None":
    if privacy is None or privacy.mode == "off":
        return None
    # Its lists of names take a third of a second to read.
    from include.flywheel.privacy.redactor import Redactor

    return Redactor(privacy)


def _span(window: Window) -> str:
    start = window.start.isoformat() if window.start else "the beginning"
    end = window.end.isoformat() if window.end else "the end"
    return f"[{start}, {end})"
