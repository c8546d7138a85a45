"""Parquet files of records, read a few rows at a time."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import orjson

from include.flywheel.errors import RecordError

if TYPE_CHECKING:
    import pyarrow

_COLUMNS = ("timestamp", "client_id", "workload_id", "request", "response")

#: At 35 KB a record a few megabytes at once.
_ROWS = 64

#: Columns are read in pieces of this size; otherwise a whole row group is held in memory.
_COLUMN_BYTES = 1 << 20


def parquet_lines(file: BinaryIO, path: Path) -> Iterator[bytes]:
    """Yield each row of a Parquet file as a JSON object on one line, with the columns of a record.

    `request` and `response` are JSON texts or structs. A struct has every key that any row has, so that keys without a
    value are left out. Raises RecordError, naming `path`, when a column is missing or the file is damaged.
    """
    import pyarrow as pa
    from pyarrow import parquet

    try:
        table = parquet.ParquetFile(file, pre_buffer=False, buffer_size=_COLUMN_BYTES)
        missing = [name for name in _COLUMNS if name not in table.schema_arrow.names]
        if missing:
            raise RecordError(
                f"{path} has no column {', '.join(missing)}. Write the columns {', '.join(_COLUMNS)}, request and response "
                "as JSON texts or structs"
            )
        for batch in table.iter_batches(_ROWS, columns=list(_COLUMNS), use_threads=False):
            columns = [_times(batch.column("timestamp"))]
            columns += [_plain(batch.column(name)) for name in ("client_id", "workload_id")]
            columns += [_json(batch.column(name)) for name in ("request", "response")]
            for row in zip(*columns, strict=True):
                yield b'{"timestamp":%b,"client_id":%b,"workload_id":%b,"request":%b,"response":%b}' % row
    except (pa.ArrowException, ValueError) as error:
        raise _damaged(path, error) from error
    except OSError as error:
        # What Arrow raises for broken pages says no more than its text; what the storage raises is not about the file.
        if type(error) is not OSError or error.errno is not None:
            raise
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> RecordError:
    # Arrow writes several lines with full stops.
    problem = " ".join(str(error).split()).rstrip(". ")
    return RecordError(f"{path} is damaged: {problem}. Fetch it again")


def _times(column: "pyarrow.Array") -> list[bytes]:
    """Write timestamps as seconds since 1970; numbers and texts stay what they are."""
    import pyarrow as pa

    if not (pa.types.is_timestamp(column.type) or pa.types.is_date(column.type)):
        return _plain(column)
    micros = column.cast(pa.timestamp("us"), safe=False).cast(pa.int64()).to_pylist()
    return [orjson.dumps(None if time is None else time / 1e6) for time in micros]


def _plain(column: "pyarrow.Array") -> list[bytes]:
    return [orjson.dumps(value, default=str) for value in column.to_pylist()]


def _json(column: "pyarrow.Array") -> list[bytes]:
    import pyarrow as pa

    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_nested(column.type):
        values = column.to_pylist(maps_as_pydicts="lossy")
        return [
            orjson.dumps(_without_nulls(value), default=str, option=orjson.OPT_NON_STR_KEYS)
            for value in values
        ]
    return [_one_line(value) for value in column.to_pylist()]


def _one_line(value: object) -> bytes:
    """Write JSON text as it is, on one line; any other text (a stream of events, say) as a JSON string."""
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
    if not isinstance(text, str) or text.lstrip()[:1] not in ("{", "["):
        return orjson.dumps(text, default=str)
    return text.replace("\n", " ").replace("\r", " ").encode()


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [_without_nulls(inner) for inner in value]
    return value
