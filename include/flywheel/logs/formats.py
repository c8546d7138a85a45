"""The formats of log files, told apart by their names; each is read as lines with one JSON value, never whole."""

import gzip
import io
import lzma
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, cast

from backports import zstd

from include.flywheel.errors import RecordError
from include.flywheel.jsonl import BUFFER_BYTES
from include.flywheel.logs.json_values import has_json_values, json_values
from include.flywheel.logs.parquet import parquet_lines

_TEXT = (".jsonl", ".ndjson", ".json")
_PARQUET = ".parquet"

_PACKED: dict[str, Callable[[BinaryIO], BinaryIO]] = {
    ".gz": lambda file: cast(BinaryIO, gzip.GzipFile(fileobj=file)),
    ".xz": lambda file: cast(BinaryIO, lzma.LZMAFile(file)),  # noqa: SIM115 - closed with the file below it
    ".zst": lambda file: cast(BinaryIO, zstd.ZstdFile(file)),
}
_DAMAGED = (EOFError, gzip.BadGzipFile, zlib.error, lzma.LZMAError, zstd.ZstdError)

#: A longer line is no record but something without line breaks, which would fill the memory.
LONGEST_LINE = 1 << 26

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def is_log(name: str) -> bool:
    """Say whether a file in a folder of logs is read, by its name."""
    text, _ = _packing(name)
    return text.endswith(_TEXT) or name.lower().endswith(_PARQUET)


def has_lines(name: str) -> bool:
    """Say whether a file, by its name, is text that is read line by line, from any of them on."""
    text, unpack = _packing(name)
    # A .json file may hold one array.
    return unpack is None and not text.endswith((".json", _PARQUET))


def lines(path: Path, begin: int = 0, end: int | None = None) -> Iterator[bytes]:
    """Yield one JSON value a line, stripped, from a file of any format; empty lines and what is no JSON come as they are.

    A file with another name is read as lines. Of one that `has_lines`, only the lines that start at byte `begin` or after it,
    and before `end`. Raises RecordError when the file is damaged.
    """
    with path.open("rb") as opened:
        raw = cast(BinaryIO, opened)
        if path.name.lower().endswith(_PARQUET):
            yield from parquet_lines(raw, path)
            return
        text, unpack = _packing(path.name)
        # Also around what is not packed: files of an object store read their lines slowly.
        file = io.BufferedReader(cast(Any, unpack(raw) if unpack else raw), BUFFER_BYTES)
        try:
            if text.endswith(".json") and has_json_values(file.peek(1).removeprefix(_BYTE_ORDER_MARK)):
                yield from json_values(file, path)
            else:
                yield from _text_lines(file, path, begin, end)
        except _DAMAGED as error:
            raise RecordError(f"{path} is damaged: {error}. Fetch it again") from error


def _packing(name: str) -> tuple[str, Callable[[BinaryIO], BinaryIO] | None]:
    """Return a file's name in small letters without the ending of its packing, and how it is unpacked."""
    name = name.lower()
    for ending, unpack in _PACKED.items():
        if name.endswith(ending):
            return name.removesuffix(ending), unpack
    return name, None


def _text_lines(file: io.BufferedReader, path: Path, begin: int, end: int | None) -> Iterator[bytes]:
    if begin:
        file.seek(begin)
    at = begin
    for line in iter(partial(file.readline, LONGEST_LINE), b""):
        if len(line) == LONGEST_LINE:
            raise RecordError(
                f"{path}: the line at byte {at} is longer than {LONGEST_LINE >> 20} MiB. Write one JSON object a line, or name "
                "the file .json if it is an array of them"
            )
        yield (line.removeprefix(_BYTE_ORDER_MARK) if at == 0 else line).strip()
        at += len(line)
        if end is not None and at >= end:
            if at > end:
                raise RecordError(f"{path} has changed while it was read. Start the export again")
            break
