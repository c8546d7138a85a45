"""The training and validation rows of a dataset repository."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

from include.local_nemo.datastore import Datastore

VALIDATION_SHARE = 0.1
"""Without validation files the service keeps this share of the training rows for validation."""


class BadRow(ValueError):  # noqa: N818
    """A row that cannot be trained on; the text names the file and line."""


@dataclass(frozen=True)
class JsonLines(Iterable[dict[str, Any]]):
    """The rows of some files, read anew and one at a time by each iteration; `start` and `stop` cut out a part."""

    files: Sequence[tuple[str, Path]]
    start: int = 0
    stop: int | None = None

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return islice(self._rows(), self.start, self.stop)

    def count(self) -> int:
        """Return the number of rows in all the files."""
        total = 0
        for _, path in self.files:
            with path.open("rb") as lines:
                total += sum(1 for line in lines if line.strip())
        return total

    def _rows(self) -> Iterator[dict[str, Any]]:
        for name, path in self.files:
            with path.open("rb") as lines:
                for number, line in enumerate(lines, 1):
                    if line.strip():
                        yield _row(line, f"{name} line {number}")


def _row(line: bytes, where: str) -> dict[str, Any]:
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise BadRow(f"{where} is not JSON") from error
    if not isinstance(row, dict):
        raise BadRow(f"{where} is not an object")
    if "messages" not in row and "prompt" in row and "completion" in row:
        row = {
            "messages": [
                {"role": "user", "content": str(row["prompt"])},
                {"role": "assistant", "content": str(row["completion"])},
            ]
        }
    messages = row.get("messages")
    if not isinstance(messages, list) or not messages or not all(isinstance(one, dict) for one in messages):
        raise BadRow(f"{where} has no messages")
    if messages[-1].get("role") != "assistant":
        raise BadRow(f"{where} does not end with an assistant message")
    return row


def training_data(datastore: Datastore, repo: str) -> tuple[JsonLines, JsonLines, int]:
    """Return the training rows, the validation rows and the number of the former.

    Reads all of `training/*.jsonl` and `validation/*.jsonl`. Raises BadRow when there is nothing to train on,
    and the Data Store's NotFound.
    """
    files = [path for path in datastore.list_files("dataset", repo) if path.endswith(".jsonl")]

    def below(folder: str) -> JsonLines:
        return JsonLines(
            [(path, datastore.local_path("dataset", repo, path)) for path in files if path.startswith(folder)]
        )

    training, validation = below("training/"), below("validation/")
    rows = training.count()
    if not rows:
        raise BadRow(f"dataset {repo} has no rows in training/*.jsonl")
    if validation.count():
        return training, validation, rows
    kept = math.ceil(rows * (1 - VALIDATION_SHARE))
    return JsonLines(training.files, 0, kept), JsonLines(training.files, kept), kept
