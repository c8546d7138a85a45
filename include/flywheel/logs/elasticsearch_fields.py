"""How an index maps the fields that an export asks for, and the questions that find its records however it does.

Questions may find too much, never too little: which records are of the window is decided by their text, as for files.
"""

import math
from dataclasses import dataclass
from typing import Any

import orjson

from include.flywheel.errors import LogsRefusedError, RecordError
from include.flywheel.logs.elasticsearch_server import LogServer, index_path
from include.flywheel.records import LARGEST_SECONDS, TIME_UNITS, Window

IDS = ("client_id", "workload_id")
TIME = "timestamp"

#: Types whose values compare as the logged numbers do.
_ORDERED = {"date", "date_nanos", "long", "integer", "double"}
#: The largest number (milliseconds, for dates) that a field of a type may be asked for; where nothing is said, that of a long.
_LARGEST = {"date_nanos": 9_223_372_036_853, "integer": 2**31 - 1}
_LARGEST_LONG = 2**63 - 1
#: What values are compared as where the indices have several types, the first that applies.
_COMMON = {"date_nanos": "date", "double": "double"}
_NOT_FOUND = 404
#: Seconds that a field may have rounded a time by.
_ROUNDING = 0.001

Query = dict[str, Any]


@dataclass(frozen=True)
class IndexFields:
    """The fields of an index, or of all that an alias or a pattern stands for.

    `ids` has for each id the fields that hold its exact text and those that hold its words: `{"client_id": {("term",
    "client_id.keyword"), ("match", "client_id")}, …}`. `time_types` are the types of `timestamp`.
    """

    ids: dict[str, set[tuple[str, str]]]
    time_types: frozenset[str]

    @property
    def ordered(self) -> bool:
        """Whether records can be asked for by time."""
        return self.time_types <= _ORDERED

    @property
    def _largest(self) -> int:
        return min(_LARGEST.get(each, _LARGEST_LONG) for each in self.time_types or ("long",))

    def of_workload(self, client_id: str, workload_id: str, question: Query) -> Query:
        """Return the question for those of a workload's records that another question finds."""
        clauses = [
            any_of([_id_clause(kind, field, value) for kind, field in sorted(self.ids[name])])
            for name, value in zip(IDS, (client_id, workload_id), strict=True)
        ]
        return {"bool": {"filter": [*clauses, question]}}

    def times(self, window: Window) -> list[Query]:
        """Return one question for each unit in which times of the window may be indexed, in no doubt about which.

        Elasticsearch reads a number by the format of the field: epoch seconds are taken as milliseconds where it has none,
        as in the index of the blueprint; ISO times become milliseconds; a field of numbers keeps them. In each case the value
        is the time in seconds, times one of the units, and its size tells which, as in `epoch_seconds`.
        """
        questions = []
        for unit, smaller in zip(TIME_UNITS, (0, *TIME_UNITS), strict=False):
            low, high = int(LARGEST_SECONDS * smaller), min(int(LARGEST_SECONDS * unit), self._largest)
            bounds = {"gt" if smaller else "gte": low, "lte": high}
            if window.start:
                start = math.floor((window.start.timestamp() - _ROUNDING) * unit)
                bounds = {"gte": start, "lte": high} if start > low else bounds
            if window.end:
                bounds["lte"] = min(high, math.ceil((window.end.timestamp() + _ROUNDING) * unit))
            if low < self._largest:
                questions.append(_time_range(bounds))
        return questions

    def no_time(self) -> Query:
        """Return the question for records whose time is missing, not indexed, or of no unit: only their text can tell."""
        return {"bool": {"must_not": [_time_range({"gte": 0, "lte": self._largest})]}}

    def by_time(self, direction: str = "asc") -> list[Any]:
        """Return the order of time, for records of one unit."""
        order = {"order": direction, "unmapped_type": "date"}
        common = [common for each, common in _COMMON.items() if each in self.time_types]
        if common or len(self.time_types) > 1:
            order["numeric_type"] = common[0] if common else "long"
        return [{TIME: order}]


def read_fields(server: LogServer, index: str) -> IndexFields:
    """Read the mappings of an index. Raises RecordError when an id is not indexed, or when a pattern matches nothing."""
    names = ",".join((*IDS, TIME))
    try:
        answer = orjson.loads(server.ask("GET", index_path(index, f"_mapping/field/{names}")))
    except LogsRefusedError as error:
        if error.status == _NOT_FOUND and not error.kinds:
            raise RecordError(f"No index matches {index}. Name one that is there") from error
        raise
    ids: dict[str, set[tuple[str, str]]] = {name: set() for name in IDS}
    times = set()
    for each, mapped in answer.items():
        for name in IDS:
            fields = _id_fields(name, _mapping(mapped, name))
            if not fields and orjson.loads(server.ask("GET", index_path(each, "_count")))["count"]:
                raise RecordError(
                    f"{each} has documents, but no field {name} that is indexed, so nobody can search it for a workload. Name an "
                    "index of log records"
                )
            ids[name] |= fields
        time = _mapping(mapped, TIME)
        # Where it is not mapped nothing of it is indexed: those records are found as records without a time.
        if time:
            times.add(time["type"] if time.get("index", True) else "not indexed")
    return IndexFields(ids, frozenset(times))


def _mapping(mapped: dict[str, Any], field: str) -> dict[str, Any]:
    return next(iter(mapped["mappings"].get(field, {}).get("mapping", {}).values()), {})


def _id_fields(name: str, mapping: dict[str, Any]) -> set[tuple[str, str]]:
    if not mapping:
        return set()
    if mapping["type"] != "text":
        return {("term", name)}
    exact = {sub for sub, its in mapping.get("fields", {}).items() if its["type"] == "keyword"}
    return {("term", f"{name}.{sub}") for sub in exact} or {("match", name)}


def _id_clause(kind: str, field: str, value: str) -> Query:
    if kind == "match":
        return {"match": {field: {"query": value, "operator": "and", "zero_terms_query": "all"}}}
    return {"term": {field: value}}


def _time_range(bounds: dict[str, int]) -> Query:
    # The format tells a date field that these are its own milliseconds; a field of numbers does not ask.
    return {"range": {TIME: {**bounds, "format": "epoch_millis"}}}


def any_of(clauses: list[Query]) -> Query:
    """Return the question for what any of the clauses finds; none finds nothing."""
    if not clauses:
        return {"match_none": {}}
    return {"bool": {"should": clauses, "minimum_should_match": 1}}
