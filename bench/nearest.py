"""`make bench-nearest`: the search for examples in process and by Elasticsearch: time, memory, and whether they find the same.

RECORDS vectors of 1024 dimensions (or DIMENSIONS) in 2,000 groups, 100 queries, three examples each, of tools that a query offers.
ELASTICSEARCH_URL names the server; without it only the search in process is measured.
"""

import os
import resource
import time
from collections.abc import Iterator
from functools import partial

import numpy as np
from numpy.typing import NDArray

from bench.outcome import Target, finish, print_table
from flywheel_tasks.log_server import ElasticsearchServer
from include.flywheel.index_search import index_search
from include.flywheel.nearest import OpenSearch, exact_search

_RECORDS = int(os.environ.get("RECORDS") or 20_000)
_DIMENSIONS = int(os.environ.get("DIMENSIONS") or 1024)
_QUERIES, _EXAMPLES, _TOOLS, _GROUPS, _BLOCK = 100, 3, 10, 2000, 1024
#: What a selection may miss of the nearest.
_RECALL = 0.95


def main() -> int:
    """Measure both searches and print the table."""
    searches: dict[str, OpenSearch] = {"in process": exact_search}
    if os.environ.get("ELASTICSEARCH_URL"):
        server = ElasticsearchServer.of_connection("")
        searches["elasticsearch"] = partial(index_search, server, "flywheel-bench-nearest", "00000000")
    rows, found = [], {}
    for name, open_search in searches.items():
        adding, asking, found[name] = _search(open_search)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        rows.append([name, f"{adding:.1f}", f"{asking:.1f}", f"{memory:.0f}"])
    title = f"{_RECORDS:,} vectors of {_DIMENSIONS} dimensions, {_QUERIES} queries"
    print_table(title, ["search", "adding, s", "finding, s", "memory so far, MB"], rows)
    targets = {}
    if "elasticsearch" in found:
        pairs = zip(found["in process"], found["elasticsearch"], strict=True)
        shared = sum(len(set(exact) & set(near)) for exact, near in pairs)
        recall = shared / sum(map(len, found["in process"]))
        targets["recall of elasticsearch"] = Target(recall, _RECALL, at_least=True)
    return finish("nearest", targets)


def _search(open_search: OpenSearch) -> tuple[float, float, list[list[int]]]:
    """Return the seconds for adding the blocks and for finding, and what was found."""
    draw = np.random.default_rng(1)
    centres = draw.standard_normal((_GROUPS, _DIMENSIONS), np.float32)
    kinds = draw.integers(0, _TOOLS, _RECORDS)
    allowed = draw.random((_QUERIES, _TOOLS)) < 0.5
    names = [f"{number:08}" for number in range(_RECORDS)]
    queries = next(_blocks(centres, _QUERIES))
    adding = 0.0
    with open_search(queries, names, kinds, allowed, _EXAMPLES) as search:
        first = 0
        for block in _blocks(centres, _RECORDS, seed=2):
            begun = time.perf_counter()
            search.add(block, [[number] for number in range(first, first + len(block))])
            adding += time.perf_counter() - begun
            first += len(block)
        begun = time.perf_counter()
        found = [search.found(query) for query in range(_QUERIES)]
        return adding, time.perf_counter() - begun, found


def _blocks(centres: NDArray[np.float32], count: int, seed: int = 3) -> Iterator[NDArray[np.float32]]:
    """Yield vectors, each near one of the centres, in blocks."""
    draw = np.random.default_rng(seed)
    for start in range(0, count, _BLOCK):
        rows = min(_BLOCK, count - start)
        noise = draw.standard_normal((rows, centres.shape[1]), np.float32)
        yield centres[draw.integers(0, len(centres), rows)] + np.float32(0.7) * noise


if __name__ == "__main__":
    raise SystemExit(main())
