"""What is kept of past windows, a file each, so that windows can be run in any order."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from include.flywheel.drift.statistics import WindowStatistics
from include.flywheel.jsonl import write_json

_FOLDER = "windows"
_BETWEEN = "--"
_SUFFIX = ".json"

Content = TypeVar("Content")


def keep_window(statistics: WindowStatistics, history: Path) -> Path:
    """Write the statistics of a window, over those of the same window; return the file."""
    path = window_file(history / _FOLDER, statistics.start, statistics.end, _SUFFIX)
    write_json(path, statistics.model_dump(mode="json"))
    return path


def windows_before(start: datetime, history: Path, most: int) -> tuple[list[WindowStatistics], list[str]]:
    """Return the statistics of up to `most` previous windows and notes, see `latest_before`."""
    return latest_before(start, history / _FOLDER, _SUFFIX, most, _read_statistics, "statistics")


def window_file(folder: Path, start: datetime, end: datetime, suffix: str) -> Path:
    """Return the file of a window [start, end)."""
    return folder / f"{_stamp(start)}{_BETWEEN}{_stamp(end)}{suffix}"


def latest_before(
    start: datetime, folder: Path, suffix: str, most: int, read: Callable[[Path], Content], what: str
) -> tuple[list[Content], list[str]]:
    """Return `what` up to `most` windows that end at or before `start` have left, oldest first, and notes.

    They are the latest ones of which none overlaps another; of two that end together it is the shorter one. A file for
    which `read` raises ValueError is left out, with a note. What is returned depends on the files alone, not on the order
    they were written in.
    """
    found: list[Content] = []
    notes: list[str] = []
    until = start
    files = sorted(window_files(folder, suffix), key=lambda each: (each[1], each[0]), reverse=True)
    for begins, ends, path in files:
        if len(found) == most:
            break
        if ends > until:
            continue
        try:
            found.append(read(path))
        except ValueError as error:
            notes.append(
                f"the kept {what} {path.name} cannot be read and are left out ({_reason(error)}). "
                "Run that window again to replace them"
            )
            continue
        until = begins
    return found[::-1], notes


def window_files(folder: Path, suffix: str) -> Iterator[tuple[datetime, datetime, Path]]:
    """Yield start, end and path of the kept windows; anything else in the folder is somebody else's."""
    if not folder.is_dir():
        return
    for path in folder.iterdir():
        start, between, end = path.name.removesuffix(suffix).partition(_BETWEEN)
        if between and path.name.endswith(suffix):
            try:
                times = datetime.fromisoformat(start), datetime.fromisoformat(end)
            except ValueError:
                continue
            if all(time.tzinfo for time in times):
                yield *times, path


def _read_statistics(path: Path) -> WindowStatistics:
    return WindowStatistics.model_validate_json(path.read_bytes())


def _reason(error: ValueError) -> str:
    if not isinstance(error, ValidationError):
        return f"file: {error}"
    first = error.errors()[0]
    return f"{'.'.join(str(part) for part in first['loc']) or 'file'}: {first['msg']}"


def _stamp(moment: datetime) -> str:
    """Return a time, in UTC, as part of a file's name, which `datetime.fromisoformat` reads."""
    moment = moment.astimezone(UTC)
    fraction = f".{moment.microsecond:06d}" if moment.microsecond else ""
    return f"{moment:%Y%m%dT%H%M%S}{fraction}Z"
