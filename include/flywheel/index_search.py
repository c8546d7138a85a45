"""The training records whose vectors are nearest to those of eval records, searched by Elasticsearch (kNN)."""

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import orjson
from numpy.typing import NDArray

from include.flywheel.errors import SearchUnavailableError
from include.flywheel.logs.elasticsearch_server import LogServer
from include.flywheel.nearest import DECIMALS, unit
from include.flywheel.search_errors import SETTING, refusal
from include.flywheel.vector_index import VectorIndex, vector_index

log = logging.getLogger(__name__)

#: Queries in one request, few, so that it stays below the time limit: each compares with every vector.
_QUERIES = 4
#: Vectors that are asked for beyond those that are needed: of as many that are equally near, the same are taken as in process.
_EQUALS = 10


@contextmanager
def index_search(
    server: LogServer,
    prefix: str,
    selection: str,
    queries: NDArray[np.float32],
    names: Sequence[str],
    kinds: NDArray[np.intp],
    allowed: NDArray[np.bool_],
    count: int,
) -> Iterator["IndexSearch"]:
    """Open a search in an index of its own, as `vector_index` makes it; the other arguments are those of NearestSearch."""
    with vector_index(server, prefix, selection, queries.shape[1]) as index:
        yield IndexSearch(index, queries, names, kinds, allowed, count)


class IndexSearch:
    """Find what NearestSearch finds: the `count` nearest passages of each query, of an allowed kind.

    One document per vector, with the kinds of its passages. Similarities are float32 on the server, too, and compared to as many
    decimals; only of more than 10 vectors that are equally near to a query may others be taken.
    """

    def __init__(
        self,
        index: VectorIndex,
        queries: NDArray[np.float32],
        names: Sequence[str],
        kinds: NDArray[np.intp],
        allowed: NDArray[np.bool_],
        count: int,
    ):
        self._index, self._queries = index, unit(queries)
        self._names, self._kinds, self._allowed, self._count = names, kinds, allowed, count
        self._passages: list[Sequence[int]] = []
        #: How many documents there are of each set of kinds.
        self._sets: Counter[tuple[int, ...]] = Counter()
        self._found: list[list[int]] | None = None

    def add(self, vectors: NDArray[np.float32], passages: Sequence[Sequence[int]]) -> None:
        """Write a block; `passages[i]` are those that have the vector in row i."""
        sets = [tuple(sorted({int(self._kinds[number]) for number in same})) for same in passages]
        self._index.write(unit(vectors), sets)
        self._sets.update(sets)
        self._passages += passages
        self._found = None

    def found(self, query: int) -> list[int]:
        """Return the passages that are nearest to a query, nearest first. The first call searches for all queries."""
        if self._found is None:
            self._index.complete()
            self._found = [
                nearest
                for start in range(0, len(self._queries), _QUERIES)
                for nearest in self._search(range(start, min(start + _QUERIES, len(self._queries))))
            ]
        return self._found[query]

    def _search(self, queries: Sequence[int]) -> Iterator[list[int]]:
        """Yield what is nearest to each of some queries."""
        most = self._count + _EQUALS
        lines = []
        for query in queries:
            kinds = [str(kind) for kind in np.flatnonzero(self._allowed[query])]
            knn = {
                "field": "vector",
                "query_vector": self._queries[query],
                "k": most,
                "num_candidates": most,
                "filter": {"terms": {"kinds": kinds}},
            }
            body = {"knn": knn, "size": most, "_source": False, "track_total_hits": False}
            lines.append(orjson.dumps({"allow_partial_search_results": False}))
            lines.append(orjson.dumps(body, option=orjson.OPT_SERIALIZE_NUMPY))
        answers = self._index.ask("POST", "_msearch", lines)["responses"]
        for query, answer in zip(queries, answers, strict=True):
            if "error" in answer:
                raise refusal(self._index.name, "a search", answer["error"], answer["status"])
            hits = answer["hits"]["hits"]
            expected = min(most, self._documents(query))
            if answer["timed_out"] or answer["_shards"]["failed"] or len(hits) != expected:
                raise SearchUnavailableError(
                    f"{SETTING}: a search of the index {self._index.name} found {len(hits)} of {expected} vectors. A retry may help"
                )
            near = [
                # The score of a dot product is (1 + product) / 2.
                (-round(2 * hit["_score"] - 1, DECIMALS), self._names[number], number)
                for hit in hits
                for number in self._passages[int(hit["_id"])]
                if self._allowed[query, self._kinds[number]]
            ]
            yield [number for _, _, number in sorted(near)[: self._count]]

    def _documents(self, query: int) -> int:
        """Return how many documents have a kind that is allowed for a query."""
        return sum(n for kinds, n in self._sets.items() if self._allowed[query, list(kinds)].any())
