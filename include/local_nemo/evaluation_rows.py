"""The rows of an evaluation: files of a dataset, and the records of the samples made from them."""

import csv
import threading
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

Row = dict[str, Any]


class RowsProblem(ValueError):  # noqa: N818
    """A dataset file whose rows cannot be read."""


class GivenRows(Sequence[Row]):
    """Rows that are here already, in the target of an evaluation."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: Any) -> Any:
        return self._rows[index]


class Rows(Sequence[Row]):
    """The rows of a dataset file, at most `limit`, each parsed when it is asked for.

    `name` tells the format: `.json` (a list), `.csv`, anything else has one JSON object a line. Raises
    RowsProblem, on construction or access, with the number of the row.
    """

    def __init__(self, path: Path, name: str, limit: int | None = None) -> None:
        self._raw: list[Any]
        try:
            if name.endswith(".json"):
                parsed = orjson.loads(path.read_bytes())
                self._raw = (parsed if isinstance(parsed, list) else [parsed])[:limit]
            elif name.endswith(".csv"):
                with path.open(encoding="utf-8-sig", newline="") as lines:
                    self._raw = list(islice(csv.DictReader(lines), limit))
            else:
                with path.open("rb") as file:
                    self._raw = list(islice((line for line in file if line.strip()), limit))
        except (ValueError, csv.Error) as error:
            raise RowsProblem(f"{name} cannot be read as {name.rpartition('.')[2]}") from error

    def __len__(self) -> int:
        return len(self._raw)

    def __getitem__(self, index: Any) -> Any:
        row = self._raw[index]
        if isinstance(row, bytes):
            try:
                row = orjson.loads(row)
            except orjson.JSONDecodeError as error:
                raise RowsProblem(f"row {index + 1} of the dataset is not JSON") from error
        if not isinstance(row, dict):
            raise RowsProblem(f"row {index + 1} of the dataset is not an object")
        return row


class SampleLog:
    """The finished samples of one task, each safe on disk when `append` returns, in any order.

    An evaluation that is started again after a restart finds here what it need not do again. A line that was
    cut off by a crash is dropped.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._places: dict[int, tuple[int, int]] = {}
        self._file = path.open("a+b")
        self._end = self._find_records()
        self._file.truncate(self._end)

    def _find_records(self) -> int:
        self._file.seek(0)
        end = 0
        for line in self._file:
            if not line.endswith(b"\n"):
                break
            number, _, record = line.partition(b"\t")
            self._places[int(number)] = (end + len(number) + 1, len(record) - 1)
            end += len(line)
        return end

    def append(self, index: int, record: Row) -> None:
        """Write the record of the sample of row `index`; nothing happens once the log is closed."""
        number, body = b"%d\t" % index, orjson.dumps(record)
        with self._lock:
            if self._file.closed:
                return
            self._file.write(number + body + b"\n")
            self._file.flush()
            self._places[index] = (self._end + len(number), len(body))
            self._end += len(number) + len(body) + 1

    def __contains__(self, index: object) -> bool:
        with self._lock:
            return index in self._places

    def bodies(self) -> Iterator[bytes]:
        """Yield the records as JSON bytes, in the order of the rows."""
        for _, (start, length) in sorted(self._places.items()):
            with self._lock:
                self._file.seek(start)
                body = self._file.read(length)
            yield body

    def records(self) -> Iterator[Row]:
        """Yield the records, in the order of the rows."""
        return (orjson.loads(body) for body in self.bodies())

    def close(self) -> None:
        """Close the file; later records are dropped."""
        with self._lock:
            self._file.close()
