"""Consecutive pieces of logs in files, which several tasks can read side by side: each line is in exactly one."""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate, pairwise
from pathlib import Path
from typing import NamedTuple

from include.flywheel.logs.formats import LONGEST_LINE, has_lines

#: Smaller pieces are not worth a task of their own: 15,000 records of 35 KB, which take 5 seconds.
PIECE_BYTES = 1 << 29
#: More of them than most workers have cores.
MOST_PIECES = 8


class Cut(NamedTuple):
    """Where a piece begins: at byte `at` of a file, the first of a line. `file` is its path below the logs, "" for a single one."""

    file: str
    at: int


class Span(NamedTuple):
    """From `start` up to `end`, in the order of the files' names; None is the beginning, or the end, whatever is added to it."""

    start: Cut | None = None
    end: Cut | None = None

    def of(self, file: str) -> tuple[int, int | None] | None:
        """Return the bytes of a file, from and up to, that are in the span; None when none are."""
        begin, end = 0, None
        if self.start:
            if file < self.start.file:
                return None
            begin = self.start.at if file == self.start.file else 0
        if self.end:
            if file > self.end.file or (file == self.end.file and self.end.at == begin):
                return None
            end = self.end.at if file == self.end.file else None
        return begin, end


def file_spans(
    files: Sequence[tuple[str, Path]], piece: int = PIECE_BYTES, most: int = MOST_PIECES
) -> list[Span]:
    """Cut files, given in the order of their names with their paths, into pieces of about equally many bytes.

    A piece has at least `piece` bytes, and there are at most `most`. Only text files on a disk are divided; others, as those
    that are packed, stay whole. What is added to the last file later belongs to the last piece.
    """
    sizes = [path.stat().st_size for _, path in files]
    ends = list(accumulate(sizes))
    total = ends[-1] if ends else 0
    count = max(min(most, total // piece), 1)
    cuts = []
    for number in range(1, count):
        target = total * number // count
        which = bisect_right(ends, target)
        name, path = files[which]
        at = _line_from(path, target - (ends[which] - sizes[which])) if _is_divisible(path) else 0
        if at is not None and at < sizes[which]:
            cuts.append(Cut(name, at))
    first = Cut(files[0][0], 0) if files else None
    edges = [None, *sorted(set(cuts) - {first}), None]
    return [Span(start, end) for start, end in pairwise(edges)]


def _is_divisible(path: Path) -> bool:
    # Reading an object store from the middle is no problem, but counting the lines before it is.
    return type(path) is type(Path()) and has_lines(path.name)


def _line_from(path: Path, at: int) -> int | None:
    """Return where the first line begins that does so at or after a byte; None when that is too far away to be one."""
    if at == 0:
        return 0
    with path.open("rb") as file:
        file.seek(at - 1)
        return file.tell() if file.readline(LONGEST_LINE).endswith(b"\n") else None
