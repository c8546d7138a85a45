"""What a dataset is: its files, the name that their content gives it, and what is told of it."""

import hashlib
from collections.abc import Mapping

from pydantic import BaseModel

from include.flywheel.config_types import WorkloadType, slug
from include.flywheel.jsonl import LineWriter
from include.flywheel.split import Side

#: Raised when the meaning of the files changes.
FORMAT_VERSION = 1

MANIFEST = "manifest.json"

#: A repository name may have 96 characters together with its namespace.
_SLUG_LENGTH = 40


class FileSummary(BaseModel):
    """One file of the dataset."""

    rows: int
    bytes: int
    sha256: str

    @classmethod
    def of(cls, written: LineWriter) -> "FileSummary":
        """Sum up a file that was written with its hash."""
        return cls(rows=written.rows, bytes=written.bytes, sha256=written.sha256)


class DatasetSummary(BaseModel):
    """The dataset that was built; `files` is by path in the dataset, `icl` by context length in tokens."""

    name: str
    workload_type: WorkloadType
    train: int
    validation: int
    eval: int
    conversations: dict[Side, int]
    files: dict[str, FileSummary]
    icl: dict[int, dict[str, int]]


def dataset_name(workload_id: str, files: Mapping[str, FileSummary]) -> str:
    """Return the repository name of a dataset: readable in front, a hash of all files behind."""
    content = "".join(f"{path} {files[path].sha256}\n" for path in sorted(files))
    identity = hashlib.sha256(f"{FORMAT_VERSION}\n{content}".encode()).hexdigest()
    return f"flywheel-{slug(workload_id)[:_SLUG_LENGTH].strip('-')}-{identity[:12]}"
