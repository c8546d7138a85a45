"""Vectors to search, and the search in process that others are compared with."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from include.flywheel.nearest import OpenSearch, Search, exact_search

#: The same for every try of a selection.
SELECTION = "0123abcd"


def random_vectors(count: int, dimension: int, seed: int) -> Any:
    return np.random.default_rng(seed).standard_normal((count, dimension)).astype(np.float32)


class Passages:
    """Vectors with one to three passages each, of some kinds; queries that may be answered with some of the kinds."""

    def __init__(
        self, vectors: Any, queries: Any, kinds: int = 6, count: int = 3, names: Sequence[str] | None = None
    ):
        draw = np.random.default_rng(8)
        self.vectors, self.queries, self.count = vectors, queries, count
        sizes = draw.integers(1, 4, len(vectors))
        ends = np.cumsum(sizes)
        self.same = [
            list(range(end - size, end)) for end, size in zip(ends.tolist(), sizes.tolist(), strict=True)
        ]
        total = int(ends[-1])
        # Names whose order is not that of the numbers.
        self.names = names or [f"{place:06}" for place in draw.permutation(total)]
        self.kinds = draw.integers(0, kinds, total)
        self.allowed = draw.random((len(queries), kinds)) < 0.4

    def arguments(self) -> tuple[Any, ...]:
        return self.queries, self.names, self.kinds, self.allowed, self.count

    def add_to(self, search: Search, block: int = 700) -> None:
        for start in range(0, len(self.vectors), block):
            search.add(self.vectors[start : start + block], self.same[start : start + block])

    def found(self, open_search: OpenSearch = exact_search) -> list[list[int]]:
        with open_search(*self.arguments()) as search:
            self.add_to(search)
            return [search.found(query) for query in range(len(self.queries))]
