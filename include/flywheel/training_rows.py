"""The way back to single training rows: an index beside the dataset, which is not uploaded with it."""

from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson

from include.flywheel.errors import RecordError
from include.flywheel.jsonl import read_lines

#: One line per row of the training file, in its order: `{"id", "tools": [called, ...], "at": byte, "size": bytes}`.
INDEX = "training_index.jsonl"


def index_line(record_id: str, tools: Sequence[str], at: int, size: int) -> bytes:
    """Return the index line of a training row that begins at byte `at` and has `size` bytes, line break not counted."""
    return orjson.dumps({"id": record_id, "tools": tools, "at": at, "size": size})


class TrainingRows:
    """The training rows of a dataset: what is known of each, and its content on request.

    `ids[i]` is the record of row i, `tools[i]` the first tool that its answer calls ("" for a text).
    Raises RecordError when the index is not there.
    """

    def __init__(self, index: Path, rows: Path):
        self._path = rows
        self.ids: list[str] = []
        self.tools: list[str] = []
        self._at, self._size = array("Q"), array("Q")
        names: dict[str, str] = {}
        for line in read_lines(index):
            entry = orjson.loads(line)
            tool = entry["tools"][0] if entry["tools"] else ""
            self.ids.append(entry["id"])
            # One text per tool and not per row.
            self.tools.append(names.setdefault(tool, tool))
            self._at.append(entry["at"])
            self._size.append(entry["size"])

    def __len__(self) -> int:
        return len(self.ids)

    def read(self, positions: Sequence[int]) -> Iterator[tuple[int, dict[str, Any]]]:
        """Yield the rows at these positions, in the order of the file."""
        with self._path.open("rb") as file:
            for position in sorted(positions):
                file.seek(self._at[position])
                line = file.read(self._size[position])
                if len(line) != self._size[position]:
                    raise RecordError(
                        f"{self._path} ends before its row {position + 1}. Build the dataset again"
                    )
                yield position, orjson.loads(line)
