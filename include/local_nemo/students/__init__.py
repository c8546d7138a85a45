"""The models behind the platform's names: small learners that are trained, choose tools and write answers."""

from include.local_nemo.students.adapter import Adapter, AdapterError, load_adapter, read_adapter
from include.local_nemo.students.catalogue import StudentSpec, catalogue
from include.local_nemo.students.embedding import embed
from include.local_nemo.students.judge import judge
from include.local_nemo.students.student import (
    Answer,
    Student,
    count_prompt_tokens,
    count_tokens,
    load_student,
)
from include.local_nemo.students.training import (
    Progress,
    TrainingCancelled,
    TrainingDataError,
    TrainingDiverged,
    train,
)

__all__ = [
    "Adapter",
    "AdapterError",
    "Answer",
    "Progress",
    "Student",
    "StudentSpec",
    "TrainingCancelled",
    "TrainingDataError",
    "TrainingDiverged",
    "catalogue",
    "count_prompt_tokens",
    "count_tokens",
    "embed",
    "judge",
    "load_adapter",
    "load_student",
    "read_adapter",
    "train",
]
