"""A temporary index of vectors in Elasticsearch: made for one selection of examples, and deleted after it."""

import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import numpy as np
import orjson
from numpy.typing import NDArray

from include.flywheel.errors import LogsRefusedError, LogsUnavailableError, SearchUnavailableError
from include.flywheel.logs.elasticsearch_server import LogServer, index_path
from include.flywheel.search_errors import SETTING, explained, gone, refusal

log = logging.getLogger(__name__)

#: Marks an index as one of these, together with its own name: a copy under another name is somebody else's.
_PURPOSE = "vectors of training records for one selection of in-context examples; deleted after it"
#: A selection takes minutes. Whoever left an index behind that long ago is not going to ask for it.
_ABANDONED_MS = 24 * 3600 * 1000
#: The text of one request: far below the 100 MB that a server takes, and enough that requests do not show.
_REQUEST_BYTES = 8 << 20
#: A float32 as text, and its comma.
_NUMBER_BYTES = 12


@contextmanager
def vector_index(server: LogServer, prefix: str, selection: str, dimension: int) -> Iterator["VectorIndex"]:
    """Make an index `<prefix>-<selection>-<random>` for vectors of length one, and delete it whatever happens.

    `selection` (8 hexadecimal digits) is the same for every try of a selection. What an earlier try of it left behind is
    removed, and what any other left more than a day ago. Raises FlywheelError when the server refuses a request,
    SearchUnavailableError when it does not answer, or the index is not whole: a retry may help.
    """
    index = VectorIndex(server, prefix, selection)
    index.make(dimension)
    try:
        index.remove_left_behind()
        yield index
    finally:
        index.delete()


class VectorIndex:
    """One index; its documents are numbered in the order in which they are written."""

    def __init__(self, server: LogServer, prefix: str, selection: str):
        self._server, self._prefix, self._selection = server, prefix, selection
        # Of this try alone: one that was given up, and yet lives on, neither writes to nor deletes another's.
        self.name = f"{prefix}-{selection}-{uuid4().hex[:12]}"
        self._alias = f"{self.name}-write"
        self._written = 0

    def ask(self, method: str, endpoint: str, body: dict[str, Any] | list[bytes] | None = None) -> Any:
        """Ask something about the index and return the answer; raises as `vector_index` says."""
        with explained(self.name):
            return orjson.loads(self._server.ask(method, index_path(self.name, endpoint), body))

    def make(self, dimension: int) -> None:
        """Make the index for vectors of this many dimensions.

        Type flat compares with every vector: it is exact. To make a graph (hnsw, int8_hnsw) costs as much as some thousands
        of such searches, and this index is asked once for each eval record.
        """
        vector = {
            "type": "dense_vector",
            "dims": dimension,
            "index": True,
            "similarity": "dot_product",
            "index_options": {"type": "flat"},
        }
        settings = {
            # Patterns such as `logs-*` do not find it: an export that reads them is not disturbed when it goes.
            "hidden": True,
            "number_of_shards": 1,
            # What is lost with a node is made anew by a retry.
            "number_of_replicas": 0,
            "refresh_interval": "-1",
        }
        body = {
            "settings": {"index": settings},
            "aliases": {self._alias: {"is_hidden": True}},
            "mappings": {
                "dynamic": "strict",
                "_meta": {"purpose": _PURPOSE, "index": self.name, "selection": self._selection},
                "_source": {"enabled": False},
                "properties": {"vector": vector, "kinds": {"type": "keyword"}},
            },
        }
        with explained(self.name):
            try:
                self._server.ask("PUT", index_path(self.name, ""), body)
            except LogsRefusedError as error:
                # Nobody else has this name: the index was made, and only the answer lost.
                if "resource_already_exists_exception" not in error.kinds:
                    raise
        log.info("Made the index %s for vectors of %s dimensions", self.name, dimension)

    def remove_left_behind(self, age: int = _ABANDONED_MS) -> None:
        """Delete what earlier tries of this selection left, and any that is older by `age` milliseconds of the server's clock."""
        wanted = "?expand_wildcards=open,hidden&filter_path=*.mappings._meta,*.settings.index.creation_date"
        with explained(self.name):
            found = orjson.loads(self._server.ask("GET", index_path(f"{self._prefix}-*", wanted)))
            if self.name not in found:
                raise gone(self.name)
            made = {name: int(entry["settings"]["index"]["creation_date"]) for name, entry in found.items()}
            for name, entry in found.items():
                meta = entry.get("mappings", {}).get("_meta", {})
                is_left = meta.get("selection") == self._selection or made[self.name] - made[name] > age
                if name != self.name and is_left and self._is_ours(name, meta):
                    self._server.ask("DELETE", index_path(name, "?ignore_unavailable=true"))
                    log.info("Deleted the index %s, which an earlier selection left behind", name)

    def write(self, vectors: NDArray[np.float32], kinds: Sequence[Sequence[int]]) -> None:
        """Add documents: row i of `vectors`, which is of length one, with `kinds[i]`."""
        vectors = np.ascontiguousarray(vectors)
        step = max(1, _REQUEST_BYTES // (vectors.shape[1] * _NUMBER_BYTES))
        for start in range(0, len(vectors), step):
            lines = []
            for row in range(start, min(start + step, len(vectors))):
                document = {"vector": vectors[row], "kinds": [str(kind) for kind in kinds[row]]}
                lines.append(orjson.dumps({"index": {"_id": str(self._written)}}))
                lines.append(orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY))
                self._written += 1
            # To an index that is gone this would make another, with a mapping of its own; an alias it does not make.
            with explained(self.name):
                path = index_path(self._alias, "_bulk?require_alias=true")
                items = [
                    item["index"] for item in orjson.loads(self._server.ask("POST", path, lines))["items"]
                ]
            refused = [item for item in items if "error" in item]
            if refused:
                what = f"{len(refused)} of {len(items)} vectors"
                raise refusal(self.name, what, refused[0]["error"], refused[0]["status"])

    def complete(self) -> None:
        """Let searches see all that was written. Raises SearchUnavailableError when it is not all there."""
        self.ask("POST", "_refresh")
        count = self.ask("GET", "_count")["count"]
        if count != self._written:
            raise SearchUnavailableError(
                f"{SETTING}: the index {self.name} has {count} of the {self._written} vectors that were written. A retry makes "
                "it anew"
            )

    def delete(self) -> None:
        """Delete the index. What fails is logged: more matters what was found, or went wrong before."""
        try:
            self._server.ask("DELETE", index_path(self.name, "?ignore_unavailable=true"))
        except (LogsRefusedError, LogsUnavailableError) as error:
            log.warning("The index %s was not deleted, a later selection does it: %s", self.name, error)

    def _is_ours(self, name: str, meta: dict[str, Any]) -> bool:
        """Say whether an index is certainly one of these, by its name and by what was written into it when it was made."""
        pattern = rf"{re.escape(self._prefix)}-[0-9a-f]{{8}}-[0-9a-f]{{12}}"
        return (
            re.fullmatch(pattern, name) is not None
            and meta.get("purpose") == _PURPOSE
            and meta.get("index") == name
        )
