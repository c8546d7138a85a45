"""What a dataset is: its files, the name that their content gives it, and what is told of it."""

import hashlib
from collections.abc import Mapping

from pydantic import BaseModel, Field

from include.flywheel.config_types import WorkloadType, slug
from include.flywheel.contamination import ContaminationCheck
from include.flywheel.jsonl import LineWriter
from include.flywheel.split import Side

#: Raised when the meaning of the files changes.
FORMAT_VERSION = 2

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


class LimitedTraining(BaseModel):
    """What candidates with a limit on tool parameters train on: a dataset of its own, in `folder` beside the common files.

    `left_out` counts the rows of training and validation that show a larger tool. `files` is by path in the dataset.
    """

    name: str
    folder: str
    train: int
    validation: int
    left_out: int
    files: dict[str, FileSummary]


class SplitSummary(BaseModel):
    """What is trained on, validated on and evaluated; `files` is by path in the dataset.

    `eval` counts the records of the window's own eval set, `golden` those of the golden one, `eval_rows` the rows of the
    file, where a record of both stands once. `golden_since` is the window that the golden set is from. `set_aside` counts
    what the curation kept and the split had to leave out, with `examples` of where it stands in the logs. `limited` is by
    the candidates' limits of tool parameters.
    """

    workload_type: WorkloadType
    window: tuple[str, str] = ("", "")
    train: int
    validation: int
    eval: int
    eval_rows: int
    golden: int = 0
    golden_since: str = ""
    set_aside: dict[str, int] = Field(default_factory=dict)
    examples: dict[str, list[str]] = Field(default_factory=dict)
    contamination: ContaminationCheck | None = None
    conversations: dict[Side, int]
    files: dict[str, FileSummary]
    limited: dict[int, LimitedTraining] = Field(default_factory=dict)


class DatasetSummary(SplitSummary):
    """The dataset with its prompts with examples, `icl` by context length in tokens."""

    name: str
    icl: dict[int, dict[str, int]]


def dataset_name(workload_id: str, files: Mapping[str, FileSummary]) -> str:
    """Return the repository name of a dataset: readable in front, a hash of all files behind."""
    content = "".join(f"{path} {files[path].sha256}\n" for path in sorted(files))
    identity = hashlib.sha256(f"{FORMAT_VERSION}\n{content}".encode()).hexdigest()
    return f"flywheel-{slug(workload_id)[:_SLUG_LENGTH].strip('-')}-{identity[:12]}"
