"""The statistics of past windows, a file each, so that windows can be run in any order."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from include.flywheel.drift.statistics import WindowStatistics
from include.flywheel.jsonl import write_json

_FOLDER = "windows"
_BETWEEN = "--"
_SUFFIX = ".json"


def keep_window(statistics: WindowStatistics, history: Path) -> Path:
    """Write the statistics of a window, over those of the same window; return the file."""
    name = f"{_stamp(statistics.start)}{_BETWEEN}{_stamp(statistics.end)}{_SUFFIX}"
    path = history / _FOLDER / name
    write_json(path, statistics.model_dump(mode="json"))
    return path


def windows_before(start: datetime, history: Path, most: int) -> tuple[list[WindowStatistics], list[str]]:
    """Return up to `most` windows that end at or before `start`, oldest first, and a note for each that is unreadable.

    They are the latest ones of which none overlaps another; of two that end together it is the shorter one. What is
    returned depends on the files alone, not on the order they were written in.
    """
    found: list[WindowStatistics] = []
    notes: list[str] = []
    until = start
    for begins, ends, path in sorted(_files(history), key=lambda each: (each[1], each[0]), reverse=True):
        if len(found) == most:
            break
        if ends > until:
            continue
        try:
            found.append(WindowStatistics.model_validate_json(path.read_bytes()))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            notes.append(
                f"the kept statistics {path.name} cannot be read and are left out ({where or 'file'}: {first['msg']}). "
                "Run that window again to replace them"
            )
            continue
        until = begins
    return found[::-1], notes


def _files(history: Path) -> Iterator[tuple[datetime, datetime, Path]]:
    """Yield start, end and path of the kept windows; anything else in the folder is somebody else's."""
    folder = history / _FOLDER
    if not folder.is_dir():
        return
    for path in folder.iterdir():
        start, between, end = path.name.removesuffix(_SUFFIX).partition(_BETWEEN)
        if between and path.name.endswith(_SUFFIX):
            try:
                times = datetime.fromisoformat(start), datetime.fromisoformat(end)
            except ValueError:
                continue
            if all(time.tzinfo for time in times):
                yield *times, path


def _stamp(moment: datetime) -> str:
    """Return a time, in UTC, as part of a file's name, which `datetime.fromisoformat` reads."""
    moment = moment.astimezone(UTC)
    fraction = f".{moment.microsecond:06d}" if moment.microsecond else ""
    return f"{moment:%Y%m%dT%H%M%S}{fraction}Z"
