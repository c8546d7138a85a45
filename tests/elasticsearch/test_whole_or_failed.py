"""An export is complete or it fails: while others write, when a server dies, when answers are not whole."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
from elasticsearch import Elasticsearch, helpers

from flywheel_tasks.elasticsearch_client import connect
from flywheel_tasks.log_server import ElasticsearchServer, PlainText
from include.flywheel.errors import LogsRefusedError, LogsUnavailableError
from include.flywheel.export import export_logs
from include.flywheel.logs.elasticsearch import ElasticsearchLogs
from include.flywheel.logs.elasticsearch_template import MAPPINGS
from include.flywheel.records import Window, parse_window
from tests.elasticsearch.conftest import REFERENCE, Export, Index, Server, small
from tests.flywheel.samples import CLIENT, DAY_ONE, WORKLOAD, read_rows

MANY = 200_000


@contextmanager
def writer(client: Elasticsearch, name: str, first: int) -> Iterator[list[int]]:
    """Write records, and show them, as fast as it goes; yields how many there are so far, in a list of one."""
    stop, written = threading.Event(), [0]

    def write() -> None:
        while not stop.is_set():
            numbers = range(first + written[0], first + written[0] + 500)
            # In the middle of the window, where they would push others from page to page.
            actions = [
                {"_index": name, "_source": small(number, DAY_ONE + number % 1000)} for number in numbers
            ]
            helpers.bulk(client, actions, refresh=True)
            written[0] += len(actions)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield written
    finally:
        stop.set()
        thread.join()


def test_every_record_of_the_window_comes_once_while_others_are_written(
    client: Elasticsearch, index: Index, server: ElasticsearchServer
) -> None:
    name = index([], MAPPINGS)
    head, middle = f'{{"client_id":"{CLIENT}","workload_id":"{WORKLOAD}","timestamp":', ',"request":{"n":'
    # Ten share each second: an order of time alone would lose or repeat some between pages.
    texts = (f"{head}{DAY_ONE + number // 10}{middle}{number}}}}}".encode() for number in range(MANY))
    helpers.bulk(client, ({"_index": name, "_source": text} for text in texts), chunk_size=5000, refresh=True)
    logs = ElasticsearchLogs(server, name, page_size=10_000)
    with writer(client, name, MANY) as written:
        found = [record.record or {} for record in logs.records(CLIENT, WORKLOAD, Window())]
        assert written[0] > 0
    numbers = [record["request"]["n"] for record in found if "n" in record["request"]]
    assert len(numbers) == MANY
    assert set(numbers) == set(range(MANY))
    times = [record["timestamp"] for record in found]
    assert times == sorted(times)


def test_a_server_that_dies_fails_the_export_and_the_retry_has_all_of_the_window(
    own: Server | None, index: Index, server: ElasticsearchServer, tmp_path: Path
) -> None:
    if own is None:
        pytest.skip("the server of ELASTICSEARCH_URL is not ours to kill")
    records = [small(number) for number in range(1000)]
    name = index(records)
    export = {"client_id": CLIENT, "workload_id": WORKLOAD, "window": Window(), "folder": tmp_path}

    class DiesAfterThreePages(ElasticsearchServer):
        searches = 0

        def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> bytes:
            self.searches += "_search" in path
            if self.searches == 4:
                own.kill()
            return super().ask(method, path, body)

    dying = DiesAfterThreePages(connect("", serializer=PlainText()), patience=1.0)
    with pytest.raises(LogsUnavailableError, match=r"did not answer.*A retry may help"):
        export_logs(ElasticsearchLogs(dying, name, page_size=100), **export)
    assert list(tmp_path.iterdir()) == []
    own.start()
    assert export_logs(ElasticsearchLogs(server, name, page_size=100), **export).exported == 1000
    asked = [row["messages"][0]["content"] for row in read_rows(tmp_path / "rows.jsonl.zst")]
    assert asked == [record["request"]["messages"][0]["content"] for record in records]


def test_a_point_in_time_that_is_lost_is_an_error_that_says_so_and_a_retry_helps(
    index: Index, server: ElasticsearchServer
) -> None:
    name = index([small(number) for number in range(30)])

    class ForgetsAfterAPage(ElasticsearchServer):
        searches = 0

        def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> bytes:
            self.searches += "_search" in path
            if self.searches == 2 and "_search" in path:
                super().ask("DELETE", "/_pit", {"id": (body or {})["pit"]["id"]})
            return super().ask(method, path, body)

    forgetful = ForgetsAfterAPage(connect("", serializer=PlainText()))
    with pytest.raises(LogsUnavailableError, match=r"lost the point in time.*a retry starts it anew"):
        list(ElasticsearchLogs(forgetful, name, page_size=10).records(CLIENT, WORKLOAD, Window()))
    assert len(list(ElasticsearchLogs(server, name).records(CLIENT, WORKLOAD, Window()))) == 30


def test_points_in_time_are_closed_also_after_an_export_that_was_given_up(
    index: Index, server: ElasticsearchServer, client: Elasticsearch
) -> None:
    logs = ElasticsearchLogs(server, index([small(number) for number in range(30)]), page_size=10)

    def open_contexts() -> int:
        stats = client.nodes.stats(metric="indices", index_metric="search")
        return sum(node["indices"]["search"]["open_contexts"] for node in stats["nodes"].values())

    before = open_contexts()
    records = logs.records(CLIENT, WORKLOAD, Window())
    next(records)
    assert open_contexts() > before
    records.close()
    assert open_contexts() == before


class Shortened:
    """The real server behind something that changes its answers."""

    def __init__(self, server: ElasticsearchServer, change: Any):
        self.server, self.change = server, change

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> bytes:
        text = self.server.ask(method, path, body)
        if "_search" not in path:
            return text
        answer = orjson.loads(text)
        self.change(answer)
        return orjson.dumps(answer)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda answer: answer["_shards"].update(failed=1), r"only a part .*1 shard\(s\) failed"),
        (lambda answer: answer.update(timed_out=True), "only a part .*took too long"),
        (lambda answer: answer["hits"].update(hits=answer["hits"]["hits"][1:]), "gave 29 of 30"),
    ],
)
def test_an_answer_that_is_not_whole_fails_the_export(
    index: Index, server: ElasticsearchServer, change: Any, words: str
) -> None:
    name = index([small(number) for number in range(30)])
    with pytest.raises(LogsUnavailableError, match=words):
        list(ElasticsearchLogs(Shortened(server, change), name).records(CLIENT, WORKLOAD, Window()))


def test_a_wrong_password_is_refused_at_once_and_not_shown(
    own: Server | None, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    if own is None:
        pytest.skip("whether the server of ELASTICSEARCH_URL asks for passwords is not known")
    name = index([small(0)])
    monkeypatch.setenv("ELASTICSEARCH_USERNAME", "somebody")
    monkeypatch.setenv("ELASTICSEARCH_PASSWORD", "not-the-password")
    logs = ElasticsearchLogs(ElasticsearchServer.of_connection(""), name)
    with pytest.raises(LogsRefusedError, match=r"HTTP 401\)\. Mend login and password") as caught:
        list(logs.records(CLIENT, WORKLOAD, Window()))
    assert "not-the-password" not in str(caught.value)


@pytest.mark.parametrize("mapping", [REFERENCE, MAPPINGS])
@pytest.mark.parametrize("window", [Window(), parse_window("2025-10-01T00:10:00Z", "2025-10-01T01:00:00Z")])
def test_slices_follow_each_other_and_are_together_what_one_export_is(
    index: Index, server: ElasticsearchServer, export: Export, mapping: Any, window: Window
) -> None:
    # Half of them within minutes, half within an hour.
    times = [number if number < 500 else 7 * number - 3000 for number in range(1000)]
    records = [small(number, DAY_ONE + second) for number, second in enumerate(times)]
    undated = [{**small(1000), "timestamp": None}]
    name = index([*records, *undated], mapping)
    whole = export(name, window)
    slices = ElasticsearchLogs(server, name).slices(CLIENT, WORKLOAD, window, 4)
    assert (slices[0].start, slices[-1].end) == (window.start, window.end)
    assert [each.start for each in slices[1:]] == [each.end for each in slices[:-1]]
    parts = [export(name, each, whole=window) for each in slices]
    assert [record for part in parts for record in part if record["timestamp"]] == [
        record for record in whole if record["timestamp"]
    ]
    assert sum(map(len, parts)) == len(whole)
    assert len(parts) == 4
    assert max(map(len, parts)) < 1.2 * len(whole) / 4


def test_few_records_make_fewer_slices(index: Index, server: ElasticsearchServer) -> None:
    name = index([small(0), small(0), small(5)])
    logs = ElasticsearchLogs(server, name)
    assert 1 <= len(logs.slices(CLIENT, WORKLOAD, Window(), 8)) <= 3
    assert logs.slices(CLIENT, "another", Window(), 8) == [Window()]
