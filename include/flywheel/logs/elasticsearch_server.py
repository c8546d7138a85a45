"""What is asked of an Elasticsearch server, and how an index is read while others write to it."""

import json
import logging
from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol, Self
from urllib.parse import quote

import msgspec
import orjson

from include.flywheel.errors import LogsRefusedError, LogsUnavailableError, RecordError

#: How long the server keeps a point in time after each page; longer than it takes to write one.
_KEEP_ALIVE = "5m"
#: The text that a page should hold: large enough that requests do not show, small beside the rest of the memory.
_PAGE_BYTES = 8 << 20
#: Nothing is known yet of the size of the records when the first page is asked for.
_FIRST_PAGE = 100
_ANEW = "The export is not complete; a retry starts it anew"

log = logging.getLogger(__name__)


class LogServer(Protocol):
    """An Elasticsearch server, or cluster."""

    def ask(self, method: str, path: str, body: dict[str, Any] | list[bytes] | None = None) -> bytes:
        """Send one request, again while that may help, and return the answer's text; a list is lines of JSON.

        Raises LogsRefusedError when the server refused it, LogsUnavailableError when no try was answered.
        """


class Hit(NamedTuple):
    """One document found: its text, where it stands (`index/id`), and its values in the order that was asked for."""

    text: bytes
    where: str
    sort: list[Any]


class _Hit(msgspec.Struct):
    # Raw is not parsed here: a document is passed on as it was logged, numbers of any size included.
    source: msgspec.Raw = msgspec.field(name="_source", default=msgspec.Raw(b""))
    index: str = msgspec.field(name="_index", default="")
    id: str = msgspec.field(name="_id", default="")
    sort: list[Any] = []


class _Total(msgspec.Struct):
    value: int = 0


class _Hits(msgspec.Struct):
    hits: list[_Hit]
    total: _Total = msgspec.field(default_factory=_Total)


class _Shards(msgspec.Struct):
    failed: int


class _Answer(msgspec.Struct):
    hits: _Hits
    shards: _Shards = msgspec.field(name="_shards")
    timed_out: bool = False
    pit_id: str = ""


def index_path(index: str, endpoint: str) -> str:
    """Return the path of an index's endpoint; the index may be a list or a pattern of several."""
    return f"/{quote(index, safe='*,-_.+:')}/{endpoint}"


class PointInTime:
    """One state of an index (an alias, a pattern of several) that does not change while others write."""

    def __init__(self, server: LogServer, index: str):
        self._server = server
        self._index = index
        self._id = ""

    def __enter__(self) -> Self:
        # A closed index that a pattern matches is an error: left out, its records would be missing without a word.
        options = f"_pit?keep_alive={_KEEP_ALIVE}&expand_wildcards=open,closed"
        self._id = orjson.loads(self._server.ask("POST", index_path(self._index, options)))["id"]
        return self

    def __exit__(self, *error: object) -> None:
        try:
            self._server.ask("DELETE", "/_pit", {"id": self._id})
        except (LogsRefusedError, LogsUnavailableError) as lost:
            # The server forgets it by itself; what went wrong before matters more.
            log.info("The point in time of %s was not closed: %s", self._index, lost)

    def hits(self, query: dict[str, Any], sort: list[Any], page_size: int) -> Iterator[Hit]:
        """Yield every hit of a query once, in this order; `page_size` is the most that are asked for at once.

        Raises LogsUnavailableError when they are not as many as the server counts in the end.
        """
        found, size = 0, min(_FIRST_PAGE, page_size)
        body: dict[str, Any] = {"query": query, "sort": sort, "track_total_hits": False}
        while True:
            page = self._search({**body, "size": size}).hits.hits
            length = 0
            for hit in page:
                text = _text(hit.source, self._index)
                length += len(text)
                yield Hit(text, f"{hit.index}/{hit.id}", hit.sort)
            found += len(page)
            if len(page) < size:
                break
            body["search_after"] = page[-1].sort
            size = min(page_size, max(1, size * _PAGE_BYTES // length))
        counted = self._search({"query": query, "size": 0, "track_total_hits": True}).hits.total.value
        if counted != found:
            raise LogsUnavailableError(
                f"Elasticsearch gave {found} of {counted} records of {self._index}. {_ANEW}"
            )

    def _search(self, body: dict[str, Any]) -> _Answer:
        """Search in this state. Raises LogsUnavailableError when the answer is not a whole one."""
        request = {**body, "pit": {"id": self._id, "keep_alive": _KEEP_ALIVE}}
        try:
            text = self._server.ask("POST", "/_search?allow_partial_search_results=false", request)
        except LogsRefusedError as error:
            if "search_context_missing_exception" in error.kinds:
                raise LogsUnavailableError(
                    f"Elasticsearch has lost the point in time in which {self._index} was read: it was restarted, or was asked "
                    f"nothing for {_KEEP_ALIVE}. {_ANEW}"
                ) from error
            raise
        answer = _parse(text)
        if answer.timed_out or answer.shards.failed:
            why = "it took too long" if answer.timed_out else f"{answer.shards.failed} shard(s) failed"
            raise LogsUnavailableError(
                f"Elasticsearch answered for only a part of {self._index}: {why}. {_ANEW}"
            )
        self._id = answer.pit_id or self._id
        return answer


def _parse(text: bytes) -> _Answer:
    try:
        return msgspec.json.decode(text, type=_Answer)
    except msgspec.DecodeError:
        # Elasticsearch keeps what few others read, such as half a surrogate pair: these few pages take the long way.
        answer = json.loads(text)
        for hit in answer["hits"]["hits"]:
            if "_source" in hit:
                hit["_source"] = msgspec.Raw(json.dumps(hit["_source"]).encode())
        return msgspec.convert(answer, type=_Answer)


def _text(source: msgspec.Raw, index: str) -> bytes:
    """Return the text of a document."""
    text = bytes(source)
    if not text:
        raise RecordError(
            f"{index} does not keep the text of its documents (_source), so nothing can be exported from it. Index the logs "
            "again with _source enabled"
        )
    return text
