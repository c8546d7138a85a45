"""The vectors of texts: from the cache where they are there, else from the embedding model."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from include.flywheel.errors import FlywheelError
from include.flywheel.vector_cache import InputType, VectorCache, Vectors

log = logging.getLogger(__name__)

#: Asks the model: one row per text, in order. Raises when it cannot; whoever gives it has retried.
Embed = Callable[[Sequence[str], InputType], Vectors]

#: Texts embedded and kept at a time: what a failure loses at most, and 4 to 16 MB of vectors.
BLOCK = 1024


class VectorSource(Protocol):
    """Whoever has the vectors of texts."""

    def blocks(
        self,
        texts: Mapping[bytes, int],
        read: Callable[[Sequence[int]], Iterable[str]],
        input_type: InputType,
    ) -> Iterator[tuple[list[bytes], Vectors]]:
        """Yield the vectors of texts, see `TextVectors.blocks`."""


class TextVectors:
    """Texts as vectors of one model, cached below `folder`."""

    def __init__(self, model: str, embed: Embed, folder: Path):
        self.model, self._embed = model, embed
        self._cache = VectorCache(folder, model)
        self._dimension: int | None = None

    def blocks(
        self,
        texts: Mapping[bytes, int],
        read: Callable[[Sequence[int]], Iterable[str]],
        input_type: InputType,
    ) -> Iterator[tuple[list[bytes], Vectors]]:
        """Yield the vectors of texts with their keys, each once, in blocks, in no particular order.

        `texts` is by key (`text_key`) the number of a text, in rising order; `read` returns the texts of some numbers.
        Raises FlywheelError when the model returns something else than one usable vector per text.
        """
        missing = dict(texts)
        for keys, vectors in self._cache.parts(input_type):
            rows = [row for row, key in enumerate(keys) if missing.pop(key, None) is not None]
            if rows:
                yield [keys[row] for row in rows], self._checked(vectors[rows], len(rows))
        log.info(
            "Embedding %s of %s %s texts with %s; the others are cached",
            *(len(missing), len(texts), input_type, self.model),
        )
        keys = list(missing)
        for start in range(0, len(keys), BLOCK):
            block = keys[start : start + BLOCK]
            wanted = list(read([missing[key] for key in block]))
            vectors = self._checked(self._embed(wanted, input_type), len(block))
            self._cache.add(input_type, block, vectors)
            yield block, vectors

    def _checked(self, vectors: Vectors, count: int) -> Vectors:
        if vectors.ndim != 2 or len(vectors) != count:
            raise FlywheelError(
                f"The embedding model {self.model} returned an array of shape {vectors.shape} for {count} texts. Name a "
                "model in icl_config.similarity_config.embedding_nim_config that returns one vector per text"
            )
        if not (np.isfinite(vectors).all() and vectors.any(axis=1).all()):
            raise FlywheelError(
                f"The embedding model {self.model} returned a vector that holds no number, or zeros only. Look into its "
                "service, or choose another model"
            )
        if self._dimension not in (None, vectors.shape[1]):
            raise FlywheelError(
                f"The embedding model {self.model} has vectors of {vectors.shape[1]} and of {self._dimension} dimensions: "
                f"another model has taken its name. Delete {self._cache.folder}, where the old ones are cached"
            )
        self._dimension = vectors.shape[1]
        return vectors
