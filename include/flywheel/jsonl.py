"""JSON lines and small JSON files, written so that a reader never sees half a file."""

import hashlib
import io
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, BinaryIO, Self, cast

import orjson
from backports import zstd

from include.flywheel.errors import RecordError

#: Big enough that a system call per 35 KB record does not show, small enough for many open files.
BUFFER_BYTES = 1 << 20

#: Files whose names end so are packed. Rows that repeat the same tools and instructions become a tenth or less, which is
#: written sooner than it takes a disk to store the rest: zstd's level 1 packs them at 1.4 GB/s.
PACKED = ".zst"
_LEVEL = 1


class LineWriter:
    """Count, and hash where asked, the lines written to an open binary file. `rows` and `bytes` are what was written."""

    def __init__(self, file: BinaryIO, *, hashed: bool):
        self._file = file
        self._sha256 = hashlib.sha256() if hashed else None
        self._held: list[bytes] = []
        self._held_bytes = 0
        self.rows = 0
        self.bytes = 0

    def write(self, line: bytes) -> None:
        """Append one line; the line break is added."""
        self._held.append(line)
        self._held_bytes += len(line) + 1
        self.rows += 1
        self.bytes += len(line) + 1
        if self._held_bytes >= BUFFER_BYTES:
            self.flush()

    def flush(self) -> None:
        """Hand over the lines that are held back; whoever opened the file calls this last."""
        if self._held:
            block = b"\n".join([*self._held, b""])
            self._file.write(block)
            if self._sha256:
                self._sha256.update(block)
            self._held, self._held_bytes = [], 0

    @property
    def sha256(self) -> str:
        """The hash, in hex, of everything written so far; empty when none was asked for."""
        self.flush()
        return self._sha256.hexdigest() if self._sha256 else ""


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Open a binary file for writing that takes its name only when the block ends well.

    Works on `pathlib.Path` and on Airflow's `ObjectStoragePath`; folders are made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.parent / f"{path.name}.part"
    try:
        with part.open("wb") as file:
            yield file
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    part.replace(path)


@contextmanager
def line_writer(path: Path, *, hashed: bool = False) -> Iterator[LineWriter]:
    """Write lines to a file, packed where its name says so, that appears only when the block ends well."""
    with ExitStack() as stack:
        file = stack.enter_context(replacing(path))
        if path.name.endswith(PACKED):
            file = cast(BinaryIO, stack.enter_context(zstd.ZstdFile(file, "wb", level=_LEVEL)))
        writer = LineWriter(file, hashed=hashed)
        yield writer
        writer.flush()


class MixedLines:
    """Lines that come out in the order of their keys; kept in a temporary file, whatever their number."""

    def __init__(self) -> None:
        self._file = TemporaryFile()  # noqa: SIM115 - closed by __exit__
        self._places: list[tuple[str, int, int]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def add(self, key: str, line: bytes) -> None:
        """Take one line; all are added before the first is read."""
        self._places.append((key, self._file.tell(), len(line)))
        self._file.write(line)

    def __iter__(self) -> Iterator[bytes]:
        for _, start, size in sorted(self._places):
            self._file.seek(start)
            yield self._file.read(size)


def read_lines(path: Path) -> Iterator[bytes]:
    """Yield the lines of a file that an earlier stage wrote, unpacked and without line breaks.

    Raises RecordError when the file is not there.
    """
    try:
        with path.open("rb", buffering=BUFFER_BYTES) as file:
            lines: BinaryIO = file
            if path.name.endswith(PACKED):
                lines = io.BufferedReader(cast(Any, zstd.ZstdFile(file)), BUFFER_BYTES)
            for line in lines:
                yield line.removesuffix(b"\n")
    except FileNotFoundError as error:
        raise RecordError(f"{path} is not there. Run the stage that writes it first") from error


def write_json(path: Path, value: Any) -> None:
    """Write a value, indented for people, to a file that appears only when complete."""
    with replacing(path) as file:
        file.write(orjson.dumps(value, option=orjson.OPT_INDENT_2) + b"\n")
