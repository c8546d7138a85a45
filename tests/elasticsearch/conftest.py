"""A real server: the one that ELASTICSEARCH_URL names, else a container, else Elastic's own artifact run with Java."""

import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from elasticsearch import Elasticsearch, helpers

from flywheel_tasks.elasticsearch_client import connect
from flywheel_tasks.log_server import ElasticsearchServer
from include.flywheel.logs.elasticsearch import ElasticsearchLogs
from include.flywheel.records import Window
from tests.elasticsearch.server import PASSWORD, ContainerServer, LocalServer, own_server
from tests.flywheel.samples import CLIENT, DAY_ONE, WORKLOAD

Server = LocalServer | ContainerServer
Index = Callable[..., str]
Export = Callable[..., list[dict[str, Any]]]

#: As the reference creates its index: everything is left to Elasticsearch, which takes a bare number as milliseconds.
REFERENCE = {"properties": {"timestamp": {"type": "date"}}}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if os.environ.get("FLYWHEEL_TEST_ELASTICSEARCH"):
        return
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.skip(reason="needs a server: make test-elasticsearch starts one"))


@pytest.fixture(scope="session")
def own() -> Iterator[Server | None]:
    """A server of our own, None where ELASTICSEARCH_URL names one."""
    if os.environ.get("ELASTICSEARCH_URL"):
        yield None
        return
    server = own_server()
    try:
        server.start()
        variables = {
            "ELASTICSEARCH_URL": server.url,
            "ELASTICSEARCH_USERNAME": server.user,
            "ELASTICSEARCH_PASSWORD": PASSWORD,
        }
        with pytest.MonkeyPatch.context() as environment:
            for name, value in variables.items():
                environment.setenv(name, value)
            yield server
    finally:
        server.remove()


@pytest.fixture(scope="session")
def client(own: Server | None) -> Elasticsearch:
    return connect("")


@pytest.fixture
def server(own: Server | None) -> ElasticsearchServer:
    """The server as the export asks it, with little patience."""
    return ElasticsearchServer.of_connection("", patience=1.0)


@pytest.fixture
def prefix(client: Elasticsearch) -> Iterator[str]:
    """The beginning of the names of a test's indices, which are removed after it."""
    name = f"flywheel-test-{uuid.uuid4().hex[:8]}"
    yield name
    for index in client.indices.get(index=f"{name}*", expand_wildcards="all"):
        client.indices.delete(index=index)
    client.options(ignore_status=404).indices.delete_index_template(name=f"{name}*")


@pytest.fixture
def index(client: Elasticsearch, prefix: str) -> Index:
    """Make an index of records; return its name."""

    def make(records: list[dict[str, Any]], mappings: dict[str, Any] = REFERENCE, name: str = "") -> str:
        name = f"{prefix}{name}"
        client.indices.create(index=name, mappings=mappings)
        actions = ({"_index": name, "_source": orjson.dumps(record)} for record in records)
        helpers.bulk(client, actions, refresh=True)
        return name

    return make


@pytest.fixture
def export(server: ElasticsearchServer) -> Export:
    """Return the exported records of the samples' workload."""

    def run(name: str, window: Window | None = None, **options: Any) -> list[dict[str, Any]]:
        logs = ElasticsearchLogs(server, name, **options)
        return [record.record for record in logs.records(CLIENT, WORKLOAD, window or Window())]

    return run


def small(number: int, timestamp: Any = None, **changes: Any) -> dict[str, Any]:
    """One small record, a second after the one before it."""
    return {
        "timestamp": DAY_ONE + number if timestamp is None else timestamp,
        "client_id": CLIENT,
        "workload_id": WORKLOAD,
        "request": {"messages": [{"role": "user", "content": f"question {number}"}]},
        "response": {"choices": [{"message": {"role": "assistant", "content": f"answer {number}"}}]},
        **changes,
    }
