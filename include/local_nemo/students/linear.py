"""Multinomial logistic regression on sparse hashed features, learned batch by batch."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

Features: TypeAlias = tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]
"""Sorted feature numbers of one example and their values."""

Matrix: TypeAlias = npt.NDArray[np.float32]

MAX_WEIGHTS = 4_000_000
"""Keeps an adapter's half-precision weights at 8 MB or less, whatever the number of tools."""
ADAGRAD_EPSILON = 1e-6


@dataclass(slots=True)
class LinearModel:
    """Score `classes` from features; only the features met in training have a row of weights."""

    classes: list[str]
    features: npt.NDArray[np.int32]
    weights: Matrix
    bias: Matrix
    positions: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.positions = {int(feature): row for row, feature in enumerate(self.features)}

    def scores(self, example: Features) -> Matrix:
        """Return the logits of the classes, shape (classes,)."""
        ids, values = example
        rows, used = [], []
        for place, feature in enumerate(ids.tolist()):
            row = self.positions.get(feature)
            if row is not None:
                rows.append(row)
                used.append(place)
        logits: Matrix = self.bias.copy()
        if rows:
            logits += values[used] @ self.weights[rows]
        return logits


def log_softmax(logits: Matrix) -> Matrix:
    """Return log-probabilities along the last axis."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    normal: Matrix = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return normal


class LinearTrainer:
    """Learn a `LinearModel` by Adagrad on mini-batches; the result is the average of the later weights.

    Averaging starts with `start_averaging()`; before it the current weights count. Classes and the known
    features are fixed from the training examples; rare features are dropped first when the table would grow
    beyond `MAX_WEIGHTS`.
    """

    def __init__(
        self,
        examples: Sequence[Features],
        labels: Sequence[int],
        classes: list[str],
        rate: float,
        decay: float,
        min_count: int = 1,
    ) -> None:
        self._classes = classes
        self._rate = rate
        self._decay = decay
        self._known = _frequent([ids for ids, _ in examples], MAX_WEIGHTS // max(1, len(classes)), min_count)
        self._inputs = self._matrix(examples)
        self._targets = np.asarray(labels, dtype=np.int64)
        shape = (len(self._known), len(classes))
        self._weights = np.zeros(shape, np.float32)
        self._squares = np.full(shape, 0.1, np.float32)
        self._bias = np.zeros(len(classes), np.float32)
        self._bias_squares = np.full(len(classes), 0.1, np.float32)
        self._sum: Matrix | None = None
        self._bias_sum = np.zeros(len(classes), np.float32)
        self._summed = 0

    def _matrix(self, examples: Sequence[Features]) -> csr_matrix:
        data, columns, starts = [], [], [0]
        for ids, values in examples:
            places = np.searchsorted(self._known, ids)
            places[places == len(self._known)] = 0
            found = self._known[places] == ids if len(self._known) else np.zeros(len(ids), bool)
            columns.append(places[found])
            data.append(values[found])
            starts.append(starts[-1] + int(found.sum()))
        return csr_matrix(
            (np.concatenate(data or [[]]), np.concatenate(columns or [[]]).astype(np.int32), starts),
            shape=(len(examples), max(1, len(self._known))),
            dtype=np.float32,
        )

    def step(self, batch: npt.NDArray[np.int64]) -> float:
        """Update the weights on the examples with these numbers; return their mean loss before the update."""
        inputs = self._inputs[batch]
        present, local = np.unique(inputs.indices, return_inverse=True)
        small = csr_matrix((inputs.data, local, inputs.indptr), shape=(len(batch), len(present)))
        logits = small @ self._weights[present] + self._bias
        logs = log_softmax(logits)
        targets = self._targets[batch]
        loss = float(-logs[np.arange(len(batch)), targets].mean())
        errors = np.exp(logs)
        errors[np.arange(len(batch)), targets] -= 1
        errors /= len(batch)
        gradient = small.T @ errors + self._decay * self._weights[present]
        squares = self._squares[present] + gradient * gradient
        self._squares[present] = squares
        self._weights[present] -= self._rate * gradient / (np.sqrt(squares) + ADAGRAD_EPSILON)
        bias_gradient = errors.sum(axis=0)
        self._bias_squares += bias_gradient * bias_gradient
        self._bias -= self._rate * bias_gradient / (np.sqrt(self._bias_squares) + ADAGRAD_EPSILON)
        return loss

    def take_average(self) -> None:
        """Add the current weights to the average that `model()` returns."""
        self._sum = self._weights.copy() if self._sum is None else self._sum + self._weights
        self._bias_sum = self._bias_sum + self._bias
        self._summed += 1

    def loss(self, examples: Sequence[Features], labels: Sequence[int]) -> float:
        """Return the mean cross-entropy on other examples; a label of -1 (unknown class) costs a uniform guess."""
        if not examples:
            return float("nan")
        model = self.model()
        logits = self._matrix(examples) @ model.weights + model.bias if len(self._known) else model.bias
        logs = log_softmax(np.broadcast_to(logits, (len(examples), len(self._classes))))
        guess = -float(np.log(len(self._classes) + 1))
        costs = [logs[row, label] if label >= 0 else guess for row, label in enumerate(labels)]
        return float(-np.mean(costs))

    def model(self) -> LinearModel:
        """Return what was learned so far."""
        weights = self._weights if self._sum is None else self._sum / self._summed
        bias = self._bias if self._sum is None else self._bias_sum / self._summed
        return LinearModel(self._classes, self._known, weights.astype(np.float32), bias.astype(np.float32))


def _frequent(examples: list[npt.NDArray[np.int32]], most: int, min_count: int) -> npt.NDArray[np.int32]:
    if not examples:
        return np.zeros(0, np.int32)
    known, counts = np.unique(np.concatenate(examples), return_counts=True)
    known, counts = known[counts >= min_count], counts[counts >= min_count]
    if len(known) > most:
        known = np.sort(known[np.argsort(-counts, kind="stable")[:most]])
    return known.astype(np.int32)
