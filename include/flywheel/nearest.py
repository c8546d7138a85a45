"""The training records whose vectors are nearest to those of eval records: exact, block by block."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

#: Similarities are compared to this many decimals: the last digits of a matrix product depend on its shape, which depends
#: on what was cached.
DECIMALS = 5


class Search(Protocol):
    """Finds the nearest passages of each query, after blocks of passages have gone by."""

    def add(self, vectors: NDArray[np.float32], passages: Sequence[Sequence[int]]) -> None:
        """Take a block; `passages[i]` are those that have the vector in row i."""

    def found(self, query: int) -> list[int]:
        """Return the passages that were nearest to a query, nearest first."""


#: Opens a search, given what NearestSearch is given: queries, names, kinds, allowed, count.
OpenSearch = Callable[
    [NDArray[np.float32], Sequence[str], NDArray[np.intp], NDArray[np.bool_], int],
    AbstractContextManager[Search],
]


class NearestSearch:
    """Keep the `count` nearest passages of each query while blocks of passages go by, in any order.

    `queries` is n × dimension. Passages are numbered; `names[i]` and `kinds[i]` belong to passage i. `allowed[q, k]` says
    whether passages of kind k may be found for query q. Nearer means greater cosine; among equals the lesser name comes
    first.
    """

    def __init__(
        self,
        queries: NDArray[np.float32],
        names: Sequence[str],
        kinds: NDArray[np.intp],
        allowed: NDArray[np.bool_],
        count: int,
    ):
        self._queries, self._names, self._kinds, self._allowed = unit(queries), names, kinds, allowed
        self._count = count
        self._best: list[list[tuple[float, str, int]]] = [[] for _ in queries]
        self._worst = np.full(len(queries), -np.inf, np.float32)

    def add(self, vectors: NDArray[np.float32], passages: Sequence[Sequence[int]]) -> None:
        """Compare a block; `passages[i]` are those that have the vector in row i."""
        rows = np.repeat(np.arange(len(vectors)), [len(same) for same in passages])
        numbers = np.array([number for same in passages for number in same], np.intp)
        # The product first and the copies then: passages with the same text are exactly as near.
        scores = np.round(self._queries @ unit(vectors).T, DECIMALS)[:, rows]
        scores[~self._allowed[:, self._kinds[numbers]]] = -np.inf
        better = (scores >= self._worst[:, None]) & (scores > -np.inf)
        for query in np.flatnonzero(better.any(axis=1)):
            hits = np.flatnonzero(better[query])
            found = [
                (-float(score), self._names[number], int(number))
                for score, number in zip(scores[query, hits], numbers[hits], strict=True)
            ]
            self._best[query] = sorted([*self._best[query], *found])[: self._count]
            if len(self._best[query]) == self._count:
                self._worst[query] = -self._best[query][-1][0]

    def found(self, query: int) -> list[int]:
        """Return the passages that were nearest to a query, nearest first."""
        return [number for _, _, number in self._best[query]]


@contextmanager
def exact_search(
    queries: NDArray[np.float32],
    names: Sequence[str],
    kinds: NDArray[np.intp],
    allowed: NDArray[np.bool_],
    count: int,
) -> Iterator[Search]:
    """Open a search in process."""
    yield NearestSearch(queries, names, kinds, allowed, count)


def unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return vectors of length one, whose products are cosines."""
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
