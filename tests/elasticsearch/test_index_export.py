"""Which records an export finds, however the index maps their time and their ids."""

from datetime import UTC, datetime
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from flywheel_tasks.log_server import ElasticsearchServer
from include.flywheel.errors import LogsRefusedError, NotEnoughRecordsError, RecordError
from include.flywheel.export import export_logs
from include.flywheel.logs.elasticsearch import ElasticsearchLogs
from include.flywheel.records import Window, parse_window
from tests.elasticsearch.conftest import REFERENCE, Export, Index, small
from tests.flywheel.samples import CLIENT, DAY_ONE, WORKLOAD

KEYWORDS = {"client_id": {"type": "keyword"}, "workload_id": {"type": "keyword"}}
HOUR = 3600
FIRST_DAY = parse_window("2025-10-01", "2025-10-02")


def keywords(**timestamp: Any) -> dict[str, Any]:
    return {"properties": {**KEYWORDS, "timestamp": timestamp}}


def iso(second: float) -> str:
    return datetime.fromtimestamp(second, UTC).isoformat()


MAPPINGS = {
    "the reference's, which reads seconds as milliseconds": REFERENCE,
    "epoch_second": keywords(type="date", format="epoch_second"),
    "epoch_second or ISO": keywords(type="date", format="epoch_second||strict_date_optional_time"),
    "long": keywords(type="long"),
    "double": keywords(type="double"),
    "integer": keywords(type="integer"),
    "date_nanos without format": keywords(type="date_nanos"),
    "keyword": keywords(type="keyword"),
    "float, which holds minutes at best": keywords(type="float"),
    "not indexed": keywords(type="date", index=False, doc_values=False),
    "dynamic": {},
}


@pytest.mark.parametrize("mapping", MAPPINGS, ids=str)
def test_a_window_is_right_however_its_seconds_are_mapped(index: Index, export: Export, mapping: str) -> None:
    records = [small(hour, DAY_ONE + hour * HOUR) for hour in range(-2, 30)]
    name = index(records, MAPPINGS[mapping])
    found = export(name, FIRST_DAY)
    assert sorted(record["timestamp"] for record in found) == [DAY_ONE + hour * HOUR for hour in range(24)]
    assert all(record in records for record in found)


@pytest.mark.parametrize(
    ("timestamp", "mapping"),
    [
        (iso, REFERENCE),
        (iso, keywords(type="date", format="epoch_second||strict_date_optional_time")),
        (iso, keywords(type="date_nanos")),
        (iso, keywords(type="text")),
        (lambda second: second * 1000, REFERENCE),
        (lambda second: second * 1000, keywords(type="date", format="epoch_second")),
        (lambda second: second * 10**6, keywords(type="long")),
        (lambda second: second * 10**9, keywords(type="long")),
        (lambda second: second * 10**9, REFERENCE),
    ],
)
def test_a_window_is_right_for_times_of_every_kind(index: Index, export: Export, timestamp, mapping) -> None:
    name = index([small(hour, timestamp(DAY_ONE + hour * HOUR)) for hour in range(-2, 30)], mapping)
    times = {record["timestamp"] for record in export(name, FIRST_DAY)}
    assert times == {timestamp(DAY_ONE + hour * HOUR) for hour in range(24)}


@pytest.mark.parametrize("mapping", [REFERENCE, keywords(type="double"), keywords(type="long")])
def test_the_start_belongs_to_the_window_and_the_end_does_not(index: Index, export: Export, mapping) -> None:
    edges = [-0.25, 0, 0.25, 59.75, 60, 60.25]
    name = index([small(0, DAY_ONE + edge) for edge in edges], mapping)
    minute = parse_window("2025-10-01T00:00:00Z", "2025-10-01T00:01:00Z")
    assert [record["timestamp"] - DAY_ONE for record in export(name, minute)] == [0, 0.25, 59.75]
    half = parse_window("2025-10-01T00:00:00.100Z", "2025-10-01T00:01:00.250Z")
    assert {record["timestamp"] - DAY_ONE for record in export(name, half)} == {0.25, 59.75, 60}


def test_days_behind_an_alias_that_are_mapped_differently_are_one_log_in_the_order_of_time(
    client: Elasticsearch, index: Index, export: Export, prefix: str
) -> None:
    kinds = {
        "-1": (REFERENCE, lambda second: second),
        "-2": (
            keywords(type="date", format="epoch_second||strict_date_optional_time"),
            lambda second: second,
        ),
        "-3": (keywords(type="long"), lambda second: second * 1000),
        "-4": (keywords(type="double"), lambda second: second + 0.5),
        "-5": (REFERENCE, iso),
        "-6": (keywords(type="date_nanos"), iso),
    }
    expected = []
    for day, (name, (mapping, timestamp)) in enumerate(kinds.items()):
        records = [
            small(day * 24 + hour, timestamp(DAY_ONE + (day * 24 + hour) * HOUR)) for hour in range(24)
        ]
        expected += records
        made = index(records, mapping, name=name)
        client.indices.put_alias(index=made, name=f"{prefix}-alias")
    index([], {}, name="-7-of-today-still-empty")
    assert export(f"{prefix}-alias", page_size=7) == expected
    week = parse_window("2025-10-02", "2025-10-06")
    for name in (f"{prefix}-alias", f"{prefix}-*", ",".join(f"{prefix}{kind}" for kind in kinds)):
        assert export(name, week, page_size=7) == expected[24 : 5 * 24]


def test_only_the_workload_is_exported_although_words_of_its_name_are_those_of_others(
    index: Index, export: Export
) -> None:
    others = [
        {"client_id": CLIENT.upper()},
        {"workload_id": f"{WORKLOAD} two"},
        {"workload_id": WORKLOAD.upper()},
    ]
    records = [small(0), *(small(number, **other) for number, other in enumerate(others, start=1))]
    words = {"properties": {"client_id": {"type": "text"}, "workload_id": {"type": "text"}}}
    for number, mapping in enumerate([REFERENCE, keywords(type="date"), words]):
        assert export(index(records, mapping, name=f"-{number}")) == records[:1]


def test_documents_are_passed_on_as_they_were_logged(
    server: ElasticsearchServer, client: Elasticsearch, prefix: str
) -> None:
    client.indices.create(index=prefix, mappings={**keywords(type="date"), "dynamic": False})
    head = f'{{"client_id": "{CLIENT}",  "workload_id": "{WORKLOAD}", "timestamp": {DAY_ONE}, "request": '
    texts = [
        head + '{"seed": 99999999999999999999999, "x": 1.0, "y": 1e400}}',
        head + '\n {"half a pair": "\\ud800"}}',
        head + '"é ü 漢"}',
    ]
    for number, text in enumerate(texts):
        client.index(index=prefix, id=str(number), document=text.encode(), refresh=True)
    # The half pair takes its whole page the long way, where 1e400 is no number any more; so one page for each.
    logs = ElasticsearchLogs(server, prefix, page_size=1)
    found = list(logs.records(CLIENT, WORKLOAD, Window()))
    assert [record.where for record in found] == [f"{prefix}/{number}" for number in range(3)]
    # As from a file: what is no proper JSON is a record all the same, which the export sets aside.
    assert [record.record is None for record in found] == [True, True, False]


def test_records_without_a_time_come_only_without_a_window_and_are_counted(
    server: ElasticsearchServer, index: Index
) -> None:
    mapping = keywords(type="date", ignore_malformed=True)
    name = index(
        [small(0), small(1, "soon"), {k: v for k, v in small(2).items() if k != "timestamp"}], mapping
    )
    logs = ElasticsearchLogs(server, name)
    assert len(list(logs.records(CLIENT, WORKLOAD, Window()))) == 3
    assert logs.statistics.undated == 2
    assert len(list(logs.records(CLIENT, WORKLOAD, FIRST_DAY))) == 1
    assert logs.statistics.undated == 2


def test_finding_nothing_says_what_the_index_holds(
    server: ElasticsearchServer, index: Index, tmp_path
) -> None:
    name = index([small(0), small(1), small(2, workload_id="sales")])
    with pytest.raises(NotEnoughRecordsError) as caught:
        export_logs(
            ElasticsearchLogs(server, name),
            client_id=CLIENT,
            workload_id=WORKLOAD,
            window=parse_window("2024-01-01", "2024-02-01"),
            folder=tmp_path,
        )
    assert f"{WORKLOAD} of client {CLIENT} (2)" in str(caught.value)
    assert "sales" in str(caught.value)
    assert "from 2025-10-01T00:00:00+00:00 to 2025-10-01T00:00:01+00:00" in str(caught.value)


def test_an_index_that_is_not_there_or_closed_or_of_something_else_is_an_error_and_not_no_records(
    client: Elasticsearch, index: Index, export: Export, prefix: str
) -> None:
    with pytest.raises(LogsRefusedError, match=r"no such index .*_cat/indices"):
        export(prefix)
    with pytest.raises(RecordError, match="No index matches"):
        export(f"{prefix}*")
    index([{"message": "hello"}], {}, name="-web")
    with pytest.raises(RecordError, match=r"no field client_id"):
        export(f"{prefix}*")
    client.indices.delete(index=f"{prefix}-web")
    index([small(0)], name="-open")
    client.indices.close(index=index([small(1)], name="-closed"))
    with pytest.raises(LogsRefusedError, match="closed"):
        export(f"{prefix}*")


def test_an_index_without_source_is_an_error(index: Index, export: Export) -> None:
    name = index([small(0)], {**keywords(type="date"), "_source": {"enabled": False}})
    with pytest.raises(RecordError, match="does not keep the text"):
        export(name)
