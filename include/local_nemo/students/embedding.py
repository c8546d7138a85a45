"""Text embeddings without training: words and character runs hashed into a vector of unit length."""

from collections.abc import Sequence

import numpy as np
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.preprocessing import normalize

from include.local_nemo.students.catalogue import EMBEDDING_DIMENSIONS
from include.local_nemo.students.values import words_of

CHARACTER_WEIGHT = 0.4
"""Word stems and spelling variants meet in the character runs; whole words count more."""


def embed(texts: Sequence[str], dimensions: int = EMBEDDING_DIMENSIONS) -> list[list[float]]:
    """Return one vector per text, in order: `dimensions` floats of unit length, the same for the same text.

    An empty text, or one without any word, gets the unit vector along the first axis.
    """
    if not texts:
        return []
    words = HashingVectorizer(
        n_features=dimensions,
        ngram_range=(1, 2),
        norm="l2",
        tokenizer=words_of,
        lowercase=False,
        token_pattern=None,
    )
    runs = HashingVectorizer(n_features=dimensions, analyzer="char_wb", ngram_range=(3, 4), norm="l2")
    mixed = words.transform(texts) + CHARACTER_WEIGHT * runs.transform(texts)
    vectors = np.asarray(normalize(mixed).toarray(), dtype=np.float64)
    vectors[~vectors.any(axis=1), 0] = 1.0
    return [[float(value) for value in vector] for vector in vectors]
