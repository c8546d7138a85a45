"""Write log records to an index of Elasticsearch, each once, however often it is asked to."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from include.flywheel.errors import LogsRefusedError
from include.flywheel.records import digest

if TYPE_CHECKING:
    from elasticsearch import Elasticsearch

#: A request holds at most so many records, and so much text.
CHUNK_RECORDS, CHUNK_BYTES = 1000, 8 << 20
CONFLICT = 409
#: What makes each refusal of the same kind read differently.
_ITS_OWN = re.compile(
    r"(\[\d+:\d+\] )| in document with id '[^']*'|\. Preview of field's value: .*| at \[Source.*", re.DOTALL
)


class _Client(msgspec.Struct):
    client_id: Any = None


@dataclass
class LoadStatistics:
    """What became of the lines: `written + present + rejected + of_others` is their number.

    `present` were in the index already. `rejected` has the number for each reason, and `examples` a place for each.
    """

    written: int = 0
    present: int = 0
    of_others: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)

    @property
    def lines(self) -> int:
        """How many lines have been dealt with."""
        return self.written + self.present + self.of_others + self.rejected.total()

    def reject(self, reason: str, place: str) -> None:
        """Count one line that is not in the index."""
        self.rejected[reason] += 1
        self.examples.setdefault(reason, place)


def load(
    client: Elasticsearch,
    index: str,
    lines: Iterable[tuple[str, bytes]],
    client_id: str | None,
    seen: LoadStatistics,
    tell: Callable[[], None],
) -> None:
    """Write lines, each with its place, to an index: those of one client, or all; count them in `seen`.

    A record's id is a hash of its text, so that what is there already is left as it is. `tell` is called now and then. Raises
    LogsRefusedError when the server takes no record at all, and what the client raises when it is lost.
    """
    from elasticsearch import helpers

    places: dict[str, str] = {}
    answers = helpers.streaming_bulk(
        client,
        _actions(index, lines, client_id, seen, places),
        chunk_size=CHUNK_RECORDS,
        max_chunk_bytes=CHUNK_BYTES,
        raise_on_error=False,
        # Of records that a busy server has put off.
        max_retries=4,
        initial_backoff=1,
    )
    for written, answer in answers:
        result = answer["create"]
        place = places.pop(result["_id"], "")
        if written:
            seen.written += 1
        elif result["status"] == CONFLICT:
            seen.present += 1
        else:
            seen.reject(_reason(result["error"], index), place)
        if seen.lines % CHUNK_RECORDS == 0:
            tell()


def _actions(
    index: str,
    lines: Iterable[tuple[str, bytes]],
    client_id: str | None,
    seen: LoadStatistics,
    places: dict[str, str],
) -> Iterator[dict[str, Any]]:
    """Yield what is to be written, and note in `places` where those under way come from."""
    for place, line in lines:
        try:
            record = msgspec.json.decode(line, type=_Client)
        except (msgspec.DecodeError, RecursionError):
            seen.reject("the line is no JSON object", place)
            continue
        if client_id is not None and str(record.client_id) != client_id:
            seen.of_others += 1
            continue
        name = digest(line).hex()
        places[name] = place
        yield {"_op_type": "create", "_index": index, "_id": name, "_source": line}


def _reason(error: dict[str, Any], index: str) -> str:
    """Put a refusal into words that are the same for all of its kind. Raises LogsRefusedError for one that meets every record."""
    if error["type"] == "cluster_block_exception":
        raise LogsRefusedError(
            f"Elasticsearch takes no records into {index}: {error['reason']}. Free disk space at the server, where it is nearly "
            "full; else allow writing in the settings of the index"
        )
    cause = error.get("caused_by", {}).get("reason")
    return _ITS_OWN.sub("", error["reason"]) + (f": {_ITS_OWN.sub('', cause)}" if cause else "")
