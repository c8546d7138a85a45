"""What a workload's runs leave for later ones: which conversations were ever evaluated, and the golden eval set.

Everything is below one folder per client and workload. Each run writes one file of its own under `eval-sets/`, so runs
that go on side by side, retries and backfills never overwrite each other's.
"""

import base64
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import orjson
from pydantic import BaseModel, ValidationError

from include.flywheel.errors import RecordError
from include.flywheel.jsonl import line_writer, read_lines, write_json
from include.flywheel.similarity import COMPONENTS

_EVAL_SETS = "eval-sets"
_GOLDEN = "golden"


class _EvalSetFile(BaseModel):
    """One run's eval set: hashes of its conversations and prompts in 16 hex digits, signatures as base64 of uint32.

    In format 1 prompts are hashed with the tools that were offered, from 2 on the messages alone: some candidates are shown no
    tools. Who compares has both.
    """

    format_version: Literal[1, 2] = 2
    conversations: list[str]
    prompts: list[str]
    signatures: str


class EvalSet(NamedTuple):
    """Conversations and prompts that were evaluated, hashes as uint64; `signatures` of the conversations, (…, 64)."""

    conversations: np.ndarray
    prompts: np.ndarray
    signatures: np.ndarray


class Golden(BaseModel):
    """A golden set: the eval set of the run that wrote it, for all later runs with the same settings."""

    format_version: Literal[1] = 1
    created_by: str
    window_start: str
    window_end: str
    records: int


class Registry:
    """The eval sets of one workload. `folder` need not exist yet."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write_eval_set(self, run: str, evaluated: EvalSet) -> None:
        """Write down what a run evaluates, before anything is trained; a retry writes the same again."""
        file = _EvalSetFile(
            conversations=[f"{key:016x}" for key in evaluated.conversations.tolist()],
            prompts=[f"{key:016x}" for key in evaluated.prompts.tolist()],
            signatures=base64.b64encode(evaluated.signatures.astype("<u4").tobytes()).decode(),
        )
        write_json(self._folder / _EVAL_SETS / f"{run}.json", file.model_dump())

    def evaluated(self, *, but_for: str | None = None) -> EvalSet:
        """Return everything that runs ever evaluated, but for one of them.

        Raises RecordError when a file cannot be read: training without knowing it could spoil an eval set.
        """
        folder = self._folder / _EVAL_SETS
        files = sorted(folder.glob("*.json"), key=str) if folder.exists() else []
        sets = [_read_eval_set(path) for path in files if path.name != f"{but_for}.json"]
        return joined(sets)

    def golden(self, settings: str) -> Golden | None:
        """Return the golden set of these settings (a hash), or None while there is none.

        Raises RecordError when it is there and cannot be read.
        """
        path = self._folder / _GOLDEN / settings / "golden.json"
        if not path.exists():
            return None
        try:
            return Golden.model_validate_json(path.read_bytes())
        except ValidationError as error:
            raise RecordError(
                f"{path} is no golden set of format 1. Restore it, or remove its folder to begin a new golden set"
            ) from error

    def golden_rows(self, settings: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield the ids and eval rows of a golden set; raise RecordError when the file is damaged."""
        path = self._folder / _GOLDEN / settings / "eval.jsonl"
        try:
            for line in read_lines(path):
                row = orjson.loads(line)
                yield row["record_id"], row
        except (orjson.JSONDecodeError, KeyError, TypeError) as error:
            raise RecordError(
                f"{path} is damaged: {error}. Restore it, or remove its folder to begin a new golden set"
            ) from error

    def write_golden(self, settings: str, golden: Golden, rows: Iterable[bytes]) -> int:
        """Freeze a golden set; return its number of records."""
        folder = self._folder / _GOLDEN / settings
        with line_writer(folder / "eval.jsonl") as out:
            for row in rows:
                out.write(row)
        # Last: with it the set is there.
        write_json(folder / "golden.json", {**golden.model_dump(), "records": out.rows})
        return out.rows


def joined(sets: Sequence[EvalSet]) -> EvalSet:
    """Return several eval sets as one."""
    return EvalSet(
        np.concatenate([np.empty(0, dtype=np.uint64), *(each.conversations for each in sets)]),
        np.concatenate([np.empty(0, dtype=np.uint64), *(each.prompts for each in sets)]),
        np.concatenate([np.empty((0, COMPONENTS), dtype=np.uint32), *(each.signatures for each in sets)]),
    )


def _read_eval_set(path: Path) -> EvalSet:
    try:
        file = _EvalSetFile.model_validate(orjson.loads(path.read_bytes()))
        signatures = np.frombuffer(base64.b64decode(file.signatures), dtype="<u4").reshape(-1, COMPONENTS)
        conversations, prompts = _keys(file.conversations), _keys(file.prompts)
    except ValueError as error:
        raise RecordError(
            f"{path} is no eval set of format 1 or 2, and what a run has evaluated must never be trained on. Restore the "
            "file; remove it only if its run no longer matters"
        ) from error
    return EvalSet(conversations, prompts, signatures.astype(np.uint32))


def _keys(texts: Sequence[str]) -> np.ndarray:
    return np.array([int(text, 16) for text in texts], dtype=np.uint64)
