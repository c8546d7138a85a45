"""Records from Elasticsearch: one workload's in a window, however the index maps their time."""

import heapq
import json
import math
from bisect import bisect_left
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import orjson

from include.flywheel.logs.elasticsearch_fields import IDS, TIME, IndexFields, Query, any_of, read_fields
from include.flywheel.logs.elasticsearch_server import Hit, LogServer, PointInTime, index_path
from include.flywheel.logs.source import LogRecord, LogStatistics
from include.flywheel.records import Window, epoch_seconds, iso

#: How many workloads are named to a reader who asked for another.
_NAMED_WORKLOADS = 10


class IndexStatistics(LogStatistics):
    """What an index holds, for a reader who asked for something that it does not."""

    def __init__(self, index: str):
        super().__init__()
        self.index = index

    def describe(self) -> str:
        """Say in one sentence what the index holds."""
        if not self.workloads:
            return f"{self.index}: no record at all"
        most = [f"{w} of client {c} ({n})" for (c, w), n in self.workloads.most_common(_NAMED_WORKLOADS)]
        span = ""
        if self.earliest is not None and self.latest is not None:
            span = f"; those of this workload are from {iso(self.earliest)} to {iso(self.latest)}"
        return f"{self.index} with {', '.join(most)}{span}"


class ElasticsearchLogs:
    """Logs in an index, an alias or a pattern of several; records come in the order of their time.

    `page_size` is the most that are asked for at once. `whole` is the window of which the asked ones are slices: records
    without a readable time, which are in no slice, come with, or are counted in, the first one.
    """

    def __init__(self, server: LogServer, index: str, *, page_size: int = 1000, whole: Window | None = None):
        self._server = server
        self._index = index
        self._page_size = page_size
        self._whole = whole
        self.statistics: LogStatistics = IndexStatistics(index)

    def records(self, client_id: str, workload_id: str, window: Window) -> Iterator[LogRecord]:
        """Yield one workload's records in the window: all of them, as one moment has them, or an error.

        Raises LogsUnavailableError when not all of them could be had, LogsRefusedError or RecordError when the index cannot be
        read as it is.
        """
        self.statistics = seen = IndexStatistics(self._index)
        whole = self._whole or window
        fields = read_fields(self._server, self._index)
        found = False
        with PointInTime(self._server, self._index) as point:
            streams = []
            for question, sort in _questions(fields, window):
                hits = point.hits(fields.of_workload(client_id, workload_id, question), sort, self._page_size)
                streams.append(_of_workload(hits, client_id, workload_id))
            for record in heapq.merge(*streams, key=lambda record: record.timestamp or 0.0):
                if record.timestamp is None:
                    if window.start != whole.start:
                        continue
                    seen.undated += 1
                    if whole.bounded:
                        continue
                elif not window.contains(record.timestamp):
                    continue
                found = True
                yield record
        if not found:
            self._look_around(fields, client_id, workload_id, seen)

    def slices(self, client_id: str, workload_id: str, window: Window, number: int) -> list[Window]:
        """Cut a window into at most so many that follow each other, with about equally many records each."""
        if number == 1:
            return [window]
        fields = read_fields(self._server, self._index)
        span = self._span(fields, client_id, workload_id)
        if span is None:
            return [window]
        first = max(math.floor(span[0]), window.start.timestamp() if window.start else 0)
        last = min(math.ceil(span[1]) + 1, window.end.timestamp() if window.end else math.inf)

        def before(second: int) -> int:
            until = Window(window.start, datetime.fromtimestamp(second, UTC))
            query = fields.of_workload(client_id, workload_id, any_of(fields.times(until)))
            answer = self._server.ask("POST", index_path(self._index, "_count"), {"query": query})
            return int(orjson.loads(answer)["count"])

        seconds = range(math.floor(first) + 1, math.ceil(last))
        if not seconds:
            return [window]
        total = before(seconds[-1] + 1)
        cuts = {bisect_left(seconds, total * part / number, key=before) for part in range(1, number)}
        moments = [datetime.fromtimestamp(seconds[cut], UTC) for cut in sorted(cuts) if cut < len(seconds)]
        edges = [window.start, *moments, window.end]
        return [Window(start, end) for start, end in pairwise(edges)]

    def _span(self, fields: IndexFields, client_id: str, workload_id: str) -> tuple[float, float] | None:
        """Return the times of a workload's first and last record, None when it has none with a time."""
        times = []
        for question in fields.times(Window()) if fields.ordered else []:
            query = fields.of_workload(client_id, workload_id, question)
            for order in ("asc", "desc"):
                body = {"query": query, "sort": fields.by_time(order), "size": 1, "_source": [TIME]}
                answer = orjson.loads(self._server.ask("POST", index_path(self._index, "_search"), body))
                times += [epoch_seconds(hit["_source"].get(TIME)) for hit in answer["hits"]["hits"]]
        known = [time for time in times if time is not None]
        return (min(known), max(known)) if known else None

    def _look_around(
        self, fields: IndexFields, client_id: str, workload_id: str, seen: LogStatistics
    ) -> None:
        """Note what the index does hold, where it can tell."""
        exact = [field for name in IDS for _, field in sorted(fields.ids[name])[-1:]]
        kinds = {kind for name in IDS for kind, _ in fields.ids[name]}
        if kinds == {"term"}:
            sources = [{field: {"terms": {"field": field}}} for field in exact]
            body = {"size": 0, "aggs": {"workloads": {"composite": {"size": 1000, "sources": sources}}}}
            answer = orjson.loads(self._server.ask("POST", index_path(self._index, "_search"), body))
            for bucket in answer["aggregations"]["workloads"]["buckets"]:
                client, workload = (str(bucket["key"][field]) for field in exact)
                seen.workloads[client, workload] = bucket["doc_count"]
        if span := self._span(fields, client_id, workload_id):
            seen.earliest, seen.latest = span


def _questions(fields: IndexFields, window: Window) -> list[tuple[Query, list[Any]]]:
    """Return what to ask for, each with its order: together they find every record of the window, none twice."""
    if not fields.ordered:
        # The index cannot tell times apart, as text cannot: each record of the workload is looked at.
        return [({"match_all": {}}, ["_shard_doc"])]
    asked = [(question, fields.by_time()) for question in fields.times(window)]
    return [*asked, (fields.no_time(), ["_shard_doc"])]


def _of_workload(hits: Iterator[Hit], client_id: str, workload_id: str) -> Iterator[LogRecord]:
    """Yield those that are the workload's by their text: an index may find ids that only look alike."""
    for hit in hits:
        is_proper = True
        try:
            record = orjson.loads(hit.text)
        except orjson.JSONDecodeError:
            record, is_proper = json.loads(hit.text), False
        if str(record.get("client_id")) == client_id and str(record.get("workload_id")) == workload_id:
            yield LogRecord(record if is_proper else None, epoch_seconds(record.get("timestamp")), hit.where)
