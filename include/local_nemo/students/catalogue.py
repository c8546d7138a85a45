"""The models that the embedded platform can serve, by name and with honest sizes."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["student", "judge", "embedding"]


@dataclass(frozen=True, slots=True)
class StudentSpec:
    """Describe one model of the catalogue.

    A student's size is what it can see and remember, nothing else: `hash_bits` is the width of its feature
    space (it holds at most 2**hash_bits weights per tool), `history` how many turns it looks back,
    `max_ngram` the longest word sequence it notices, `richness` which groups of features it computes
    (1: the last message and the last tool; 2: and the recent past; 3: and open work, JSON outputs, crosses).
    `num_parameters` is the size of the hashed weight tables of a student with 16 tools.
    """

    name: str
    kind: Kind
    context_size: int
    num_parameters: int
    hash_bits: int = 0
    history: int = 0
    max_ngram: int = 0
    richness: int = 0
    asymmetric: bool = False
    """Whether an embedding call must say `input_type`, as retrieval models want; the vectors are the same."""


NOMINAL_TOOLS = 16
CONTEXT_SIZE = 131_072
EMBEDDING_CONTEXT_SIZE = 8_192
EMBEDDING_DIMENSIONS = 2048
"""What a 2048-dimensional vector index of existing users expects."""


def _student(size: str, hash_bits: int, history: int, max_ngram: int, richness: int) -> StudentSpec:
    return StudentSpec(
        name=f"local/student-{size}",
        kind="student",
        context_size=CONTEXT_SIZE,
        num_parameters=NOMINAL_TOOLS << hash_bits,
        hash_bits=hash_bits,
        history=history,
        max_ngram=max_ngram,
        richness=richness,
    )


_SPECS = (
    _student("s", hash_bits=11, history=2, max_ngram=1, richness=1),
    _student("m", hash_bits=14, history=6, max_ngram=1, richness=2),
    _student("l", hash_bits=18, history=60, max_ngram=2, richness=3),
    StudentSpec("local/judge-lexical", "judge", CONTEXT_SIZE, num_parameters=0),
    StudentSpec("local/embed-hash", "embedding", EMBEDDING_CONTEXT_SIZE, num_parameters=0, asymmetric=True),
)


def catalogue() -> dict[str, StudentSpec]:
    """Return every model of the catalogue by name, smallest student first."""
    return {spec.name: spec for spec in _SPECS}
