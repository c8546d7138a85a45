"""Logistic regression that ranks the candidates of a slot, on hashed features, learned batch by batch."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias
from zlib import crc32

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix
from sklearn.linear_model import SGDClassifier

from include.local_nemo.students.slots import Slot

Ids: TypeAlias = npt.NDArray[np.int32]
Weights: TypeAlias = npt.NDArray[np.float32]

GOLDEN = np.uint32(2654435761)
"""2**32 divided by the golden ratio: spreads neighbouring numbers far apart (Knuth's multiplicative hash)."""
L2 = 1e-6


def slot_features(slot: Slot, named: Sequence[Sequence[str]], bits: int, shared: bool) -> list[Ids]:
    """Hash the named features of the candidates of a slot.

    Every feature counts for this slot; with `shared` it counts once more for all slots of the same argument
    name, so that a tool met rarely can lean on its siblings.
    """
    seeds = [crc32(slot.key.encode())]
    if shared:
        seeds.append(crc32(f"any:{slot.name}".encode()))
    hashed = []
    for names in named:
        base = np.fromiter((crc32(name.encode()) for name in names), np.uint32, len(names))
        parts = [((base ^ np.uint32(seed)) * GOLDEN) >> np.uint32(32 - bits) for seed in seeds]
        hashed.append(np.concatenate(parts).astype(np.int32))
    return hashed


@dataclass(slots=True)
class Choice:
    """One training example: the candidates of a slot as hashed features, and which of them were right."""

    ids: Ids
    """Features of all candidates, one after the other."""
    sizes: npt.NDArray[np.int64]
    """Number of features of each candidate."""
    right: npt.NDArray[np.bool_]


def score_all(weights: Weights, hashed: Sequence[Ids]) -> Weights:
    """Return the log-odds of every candidate."""
    return np.asarray([weights[ids].sum() for ids in hashed], dtype=np.float32)


class RankerTrainer:
    """Learn the weights with scikit-learn's averaged SGD on batches of choices."""

    def __init__(self, bits: int, rate: float, seed: int) -> None:
        self._width = 1 << bits
        self._fitted = False
        self._classifier = SGDClassifier(
            loss="log_loss",
            alpha=L2,
            learning_rate="constant",
            eta0=rate,
            average=True,
            fit_intercept=False,
            shuffle=True,
            random_state=seed % 2**32,  # it takes no larger one
        )

    def step(self, choices: Sequence[Choice]) -> None:
        """Update the weights once on every candidate of these choices; raise `FloatingPointError` on an overflow."""
        if not choices:
            return
        ids = np.concatenate([choice.ids for choice in choices])
        ends = np.cumsum(np.concatenate([choice.sizes for choice in choices]))
        right = np.concatenate([choice.right for choice in choices])
        inputs = csr_matrix(
            (np.ones(len(ids), np.float32), ids, np.concatenate([[0], ends])), shape=(len(ends), self._width)
        )
        try:
            self._classifier.partial_fit(inputs, right.astype(np.int64), classes=[0, 1])
        except ValueError as error:  # all that is left to be wrong with these inputs
            raise FloatingPointError(str(error)) from error
        self._fitted = True

    def weights(self) -> Weights:
        """Return what was learned so far; zeros before the first choice."""
        if not self._fitted:
            return np.zeros(self._width, np.float32)
        return np.asarray(self._classifier.coef_[0], dtype=np.float32)
