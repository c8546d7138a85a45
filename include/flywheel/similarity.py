"""How alike conversations are: MinHash signatures, and which of them are nearly the same.

A conversation is the set of its shingles, three words in a row of what users said and what was answered. Two sets are
alike by their Jaccard similarity, which the share of equal components of their signatures estimates (Broder, 1997).
Own code and not datasketch: signatures are made for thousands of records in one go and held as one array, where that
library spends a millisecond and some kilobytes on each.
"""

from collections.abc import Iterator
from typing import BinaryIO
from zlib import crc32

import numpy as np

#: Components of a signature: the estimate of a similarity of 0.85 then has a standard error of 0.045.
COMPONENTS = 64
_SHINGLE_WORDS = 3
#: Of a longer turn the first and the last words stand for it, so that no record costs more than a fraction of a millisecond.
_MOST_WORDS = 512
#: Words that are held back before their signatures are computed together.
_BATCH_WORDS = 1 << 16

#: A component that as many conversations share comes from words that they all have, a template: it tells nothing.
_COMMON_SHARE = 0.1
FEWEST_TO_TELL = 20
#: With fewer components left, how alike two conversations are cannot be told, and they count as different.
_FEWEST_COMPONENTS = 16

_NOTHING = np.uint32(0xFFFFFFFF)
_NUMBERS = np.random.default_rng(20251001)
_FACTORS = _NUMBERS.integers(1, 2**63, COMPONENTS, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
_WORD_FACTORS = _NUMBERS.integers(1, 2**63, _SHINGLE_WORDS, dtype=np.uint64) * np.uint64(2) + np.uint64(1)


class SignatureWriter:
    """Writes one signature, 64 little-endian uint32, for each text it is given, in their order."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._words: list[int] = []
        self._counts: list[int] = []

    def add(self, text: str) -> None:
        """Take the text of one record."""
        words = text.lower().encode().split()
        if len(words) > _MOST_WORDS:
            words = words[: _MOST_WORDS // 2] + words[-_MOST_WORDS // 2 :]
        self._words += map(crc32, words)
        self._counts.append(len(words))
        if len(self._words) >= _BATCH_WORDS:
            self.flush()

    def flush(self) -> None:
        """Write the signatures of what was added; the last call must be this."""
        signatures = signatures_of(
            np.array(self._words, dtype=np.uint64), np.array(self._counts, dtype=np.int64)
        )
        self._file.write(signatures.tobytes())
        self._words, self._counts = [], []


def signatures_of(words: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return the signatures, shape (texts, 64), of texts given by the hashes of all their words, one text after another.

    `counts` are their numbers of words; a text without any has only 2**32 - 1, as a set without elements has.
    """
    signatures = np.full((len(counts), COMPONENTS), _NOTHING, dtype="<u4")
    spoken = counts > 0
    if not spoken.any():
        return signatures
    ends = np.cumsum(counts)
    shingles = np.zeros(len(words), dtype=np.uint64)
    for ahead, factor in enumerate(_WORD_FACTORS):
        following = np.zeros(len(words), dtype=np.uint64)
        following[: len(words) - ahead] = words[ahead:] if ahead else words
        for back in range(1, ahead + 1):
            # Behind the last word of a text nothing follows, whatever the next text begins with.
            following[ends[spoken] - back] = 0
        shingles += following * factor
    shingles ^= shingles >> np.uint64(29)
    starts = (ends - counts)[spoken]
    for component, factor in enumerate(_FACTORS):
        hashed = ((shingles * factor) >> np.uint64(32)).astype(np.uint32)
        signatures[spoken, component] = np.minimum.reduceat(hashed, starts)
    return signatures


def merge_signatures(blocks: Iterator[np.ndarray], owners: np.ndarray, count: int) -> np.ndarray:
    """Return the signatures, shape (count, 64), of the unions of the records that each owner has.

    `owners` are the positions, in 0 … count - 1, of the records whose signatures `blocks` have; -1 leaves a record out.
    """
    merged = np.full((count, COMPONENTS), _NOTHING, dtype=np.uint32)
    at = 0
    for block in blocks:
        mine = owners[at : at + len(block)]
        at += len(block)
        order = np.argsort(mine, kind="stable")
        order = order[mine[order] >= 0]
        if len(order):
            owner, starts = np.unique(mine[order], return_index=True)
            merged[owner] = np.minimum(merged[owner], np.minimum.reduceat(block[order], starts))
    return merged


def common_components(signatures: np.ndarray) -> np.ndarray:
    """Return which components, shape of the signatures, come from words that more than a tenth of the conversations share."""
    common = signatures == _NOTHING
    if len(signatures) < FEWEST_TO_TELL:
        return common
    for component in range(COMPONENTS):
        _, where, counts = np.unique(signatures[:, component], return_inverse=True, return_counts=True)
        common[:, component] |= counts[where] > _COMMON_SHARE * len(signatures)
    return common


def similarities(
    one: np.ndarray, other: np.ndarray, one_common: np.ndarray, other_common: np.ndarray
) -> np.ndarray:
    """Return how alike each pair of signatures is, 0–1; 0 where too little tells.

    Components that are common on both sides are left out; one that is common on one side only is a difference.
    """
    told = ~(one_common & other_common)
    equal = (one == other) & told
    count = told.sum(axis=-1)
    return np.where(count >= _FEWEST_COMPONENTS, equal.sum(axis=-1) / np.maximum(count, 1), 0.0)
