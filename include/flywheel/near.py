"""Which conversations are nearly the same as another: within a window, and between training and evaluation.

Candidates are those that share two neighbouring components of their signatures, one of 32 bands. Of two conversations
with a similarity of 0.85 this misses 1 in 10**18; whoever shares a band is then compared component by component.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from include.flywheel.similarity import COMPONENTS, FEWEST_TO_TELL, common_components, similarities

_BAND = 2
#: Candidate pairs that are compared at a time: 64 components each, some megabytes.
_PAIRS = 1 << 14


class Told(NamedTuple):
    """Signatures, shape (conversations, 64), and which of their components tell nothing."""

    signatures: np.ndarray
    common: np.ndarray

    @classmethod
    def of(cls, signatures: np.ndarray) -> "Told":
        """Find out what all of them have in common."""
        return cls(signatures, common_components(signatures))

    def part(self, which: slice | np.ndarray) -> "Told":
        """Return some of them."""
        return Told(self.signatures[which], self.common[which])


def near_earlier(told: Told, order: np.ndarray, threshold: float) -> np.ndarray:
    """Return, for each conversation, whether an earlier one that is itself not near another is at least that similar.

    `order` has their positions, the earliest first. Within a band a conversation is compared with the first and with the
    one before it of all that share it. Of fewer than 20 conversations it cannot be told what is their common template:
    none of them counts as near another.
    """
    near = np.zeros(len(order), dtype=bool)
    if len(order) < FEWEST_TO_TELL:
        return near
    candidates = np.unique(np.concatenate([_neighbours(*band, order) for band in _bands(told)]), axis=0)
    alike = candidates[_alike(told, told, candidates, threshold)]
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    for earlier, later in alike[np.lexsort((rank[alike[:, 0]], rank[alike[:, 1]]))]:
        near[later] |= not near[earlier]
    return near


def near_any(told: Told, others: Told, threshold: float) -> np.ndarray:
    """Return, for each conversation, whether any of the others is at least that similar."""
    near = np.zeros(len(told.signatures), dtype=bool)
    if not len(others.signatures):
        return near
    candidate = np.zeros(len(near), dtype=bool)
    for (keys, valid), (other_keys, other_valid) in zip(_bands(told), _bands(others), strict=True):
        candidate |= valid & np.isin(keys, other_keys[other_valid])
    everyone = np.arange(len(others.signatures))
    for one in np.flatnonzero(candidate):
        pairs = np.stack([np.full(len(everyone), one), everyone], axis=1)
        near[one] = bool(_alike(told, others, pairs, threshold).any())
    return near


def _bands(told: Told) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield for each band its keys, and which of them tell something."""
    for first in range(0, COMPONENTS, _BAND):
        values = told.signatures[:, first : first + _BAND].astype(np.uint64)
        keys = (values[:, 0] << np.uint64(32)) | values[:, 1]
        yield keys, ~np.logical_or.reduce(told.common[:, first : first + _BAND], axis=1)


def _neighbours(keys: np.ndarray, valid: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Return pairs (earlier, later) of those that share a key: each with the first and with the one before it."""
    where = order[valid[order]]
    where = where[np.argsort(keys[where], kind="stable")]
    ordered = keys[where]
    begins = np.ones(len(where), dtype=bool)
    begins[1:] = ordered[1:] != ordered[:-1]
    later = np.flatnonzero(~begins)
    first = np.maximum.accumulate(np.where(begins, np.arange(len(where)), 0))
    with_first = np.stack([where[first[later]], where[later]], axis=1)
    with_previous = np.stack([where[later - 1], where[later]], axis=1)
    return np.concatenate([with_first, with_previous])


def _alike(one: Told, other: Told, pairs: np.ndarray, threshold: float) -> np.ndarray:
    alike = np.zeros(len(pairs), dtype=bool)
    for start in range(0, len(pairs), _PAIRS):
        left, right = pairs[start : start + _PAIRS].T
        found = similarities(
            one.signatures[left], other.signatures[right], one.common[left], other.common[right]
        )
        alike[start : start + _PAIRS] = found >= threshold
    return alike
