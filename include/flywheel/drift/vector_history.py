"""The vectors of past windows' samples: a file for each window and embedding model."""

import hashlib
from datetime import datetime
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import AwareDatetime, BaseModel, PositiveInt

from include.flywheel.drift.history import latest_before, window_file, window_files
from include.flywheel.jsonl import replacing
from include.flywheel.vector_cache import Vectors, model_folder

_FOLDER = "vectors"
_SUFFIX = ".vectors"
#: Half precision: a component of a unit vector is wrong by less than 0.0003.
_STORED = np.dtype("<f2")


class _Header(BaseModel):
    #: Raised when kept vectors can no longer be compared with newer ones: another layout, or other texts that are embedded.
    format_version: Literal[1] = 1
    model: str
    dimension: PositiveInt
    conversations: PositiveInt
    start: AwareDatetime
    end: AwareDatetime
    sha256: str


class WindowVectors:
    """The sample of a window [start, end): `vectors`, conversations × dimension, of length one and in random order."""

    def __init__(self, model: str, start: datetime, end: datetime, vectors: Vectors) -> None:
        self.model, self.start, self.end = model, start, end
        # As later windows will read them: what is compared does not depend on which of two windows was run first.
        self.vectors = vectors.astype(_STORED).astype(np.float32)

    @property
    def conversations(self) -> int:
        """How many conversations are in the sample."""
        return len(self.vectors)

    @property
    def dimension(self) -> int:
        """How many dimensions a vector has."""
        return self.vectors.shape[1]


def keep_vectors(sample: WindowVectors, history: Path) -> Path:
    """Write the sample of a window (not an empty one), over that of the same window and model; return the file.

    A line of JSON is followed by the vectors, row by row, in half precision.
    """
    packed = sample.vectors.astype(_STORED).tobytes()
    header = _Header(
        model=sample.model,
        dimension=sample.dimension,
        conversations=sample.conversations,
        start=sample.start,
        end=sample.end,
        sha256=hashlib.sha256(packed).hexdigest(),
    )
    path = window_file(history / _FOLDER / model_folder(sample.model), sample.start, sample.end, _SUFFIX)
    with replacing(path) as file:
        file.write(header.model_dump_json().encode() + b"\n" + packed)
    return path


def vectors_before(
    sample: WindowVectors, history: Path, most: int
) -> tuple[list[WindowVectors], bool, list[str]]:
    """Return the samples of up to `most` previous windows, whether others are of another model, and notes.

    Which windows are previous ones and what is noted: see `latest_before`. Another dimension means another model.
    """
    folder = history / _FOLDER / model_folder(sample.model)
    found, notes = latest_before(sample.start, folder, _SUFFIX, most, _read, "vectors")
    same = [each for each in found if (each.model, each.dimension) == (sample.model, sample.dimension)]
    others = (
        [each for each in folder.parent.iterdir() if each.name != folder.name]
        if folder.parent.is_dir()
        else []
    )
    earlier = (ends <= sample.start for other in others for _, ends, _ in window_files(other, _SUFFIX))
    return same, len(same) < len(found) or any(earlier), notes


def _read(path: Path) -> WindowVectors:
    """Read a kept sample. Raises ValueError when it is not as it was written."""
    line, _, packed = path.read_bytes().partition(b"\n")
    header = _Header.model_validate_json(line)
    if hashlib.sha256(packed).hexdigest() != header.sha256:
        raise ValueError("it is damaged")
    vectors = np.frombuffer(packed, _STORED).reshape(header.conversations, header.dimension)
    return WindowVectors(header.model, header.start, header.end, vectors.astype(np.float32))
