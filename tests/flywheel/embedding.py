"""A small embedding model for tests, which counts what it is asked."""

import hashlib
from collections.abc import Sequence

import numpy as np

from include.flywheel.vector_cache import Vectors

DIMENSION = 16


def vector(text: str) -> Vectors:
    """Return the vector of a text: its words' directions, added up."""
    parts = [
        np.random.default_rng(int.from_bytes(hashlib.md5(word.encode()).digest()[:8], "big")).standard_normal(
            DIMENSION
        )
        for word in text.split()
    ]
    return np.sum(parts, axis=0).astype(np.float32)


class Model:
    """Embeds texts; `asked` are all of them, with their input types."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def embed(self, texts: Sequence[str], input_type: str) -> Vectors:
        self.asked += [(text, input_type) for text in texts]
        return np.stack([vector(text) for text in texts])
