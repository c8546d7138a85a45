"""The index of vectors is there for one selection only, and whole or an error."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from elasticsearch import Elasticsearch

from flywheel_tasks.elasticsearch_client import connect
from flywheel_tasks.log_server import ElasticsearchServer, PlainText
from include.flywheel.errors import FlywheelError, SearchUnavailableError
from include.flywheel.index_search import index_search
from include.flywheel.nearest import OpenSearch, Search
from include.flywheel.search_errors import REMEDIES, SETTING
from include.flywheel.vector_index import VectorIndex, vector_index
from tests.elasticsearch.conftest import Server
from tests.elasticsearch.server import PASSWORD, LocalServer
from tests.elasticsearch.vectors import SELECTION, Passages, random_vectors

OTHER = "4567ef01"


@pytest.fixture
def open_search(server: ElasticsearchServer, prefix: str) -> OpenSearch:
    return partial(index_search, server, prefix, SELECTION)


@pytest.fixture
def passages() -> Passages:
    return Passages(random_vectors(200, 16, seed=1), random_vectors(5, 16, seed=2))


def indices(client: Elasticsearch, prefix: str) -> list[str]:
    return sorted(client.indices.get(index=f"{prefix}*", expand_wildcards="all"))


def used(open_search: OpenSearch, passages: Passages, use: Callable[[Search], None]) -> None:
    with open_search(*passages.arguments()) as search:
        use(search)


def test_the_index_is_gone_afterwards_and_hidden_before(
    open_search: OpenSearch, passages: Passages, client: Elasticsearch, prefix: str
) -> None:
    with open_search(*passages.arguments()) as search:
        passages.add_to(search)
        search.found(0)
        [name] = indices(client, prefix)
        assert name.startswith(f"{prefix}-{SELECTION}-")
        assert client.indices.get(index=f"{prefix}*") == {}
    assert indices(client, prefix) == []


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_the_index_is_gone_after_a_failure(
    open_search: OpenSearch,
    passages: Passages,
    client: Elasticsearch,
    prefix: str,
    error: type[BaseException],
) -> None:
    def fail(search: Search) -> None:
        passages.add_to(search)
        raise error

    with pytest.raises(error):
        used(open_search, passages, fail)
    assert indices(client, prefix) == []


#: A try that is killed, as by a machine that has no memory left, after it has written its vectors.
KILLED = """
import os, signal, sys
from flywheel_tasks.log_server import ElasticsearchServer
from include.flywheel.index_search import index_search
from tests.elasticsearch.vectors import Passages, random_vectors

passages = Passages(random_vectors(200, 16, seed=3), random_vectors(5, 16, seed=4))
server = ElasticsearchServer.of_connection("")
with index_search(server, *sys.argv[1:], *passages.arguments()) as search:
    passages.add_to(search)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def leave_behind(prefix: str, selection: str) -> None:
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": f"{root / 'plugins'}:{root}"}
    done = subprocess.run([sys.executable, "-c", KILLED, prefix, selection], cwd=root, env=environment)
    assert done.returncode == -signal.SIGKILL


def test_a_retry_removes_what_the_killed_try_left_and_finds_the_same(
    open_search: OpenSearch, passages: Passages, client: Elasticsearch, prefix: str
) -> None:
    leave_behind(prefix, SELECTION)
    [left] = indices(client, prefix)
    with open_search(*passages.arguments()) as search:
        [own] = indices(client, prefix)
        assert own != left
        passages.add_to(search)
        assert [search.found(query) for query in range(5)] == passages.found()
    assert indices(client, prefix) == []


def test_what_another_selection_left_is_removed_once_it_is_old_and_not_before(
    server: ElasticsearchServer, client: Elasticsearch, prefix: str
) -> None:
    leave_behind(prefix, OTHER)
    [left] = indices(client, prefix)
    with vector_index(server, prefix, SELECTION, 16) as index:
        assert indices(client, prefix) == sorted([left, index.name])
        index.remove_left_behind(age=0)
        assert indices(client, prefix) == [index.name]


def test_only_indices_that_are_certainly_ours_are_removed(
    server: ElasticsearchServer, client: Elasticsearch, prefix: str
) -> None:
    leave_behind(prefix, SELECTION)
    [left] = indices(client, prefix)
    mappings = client.indices.get_mapping(index=left)[left]["mappings"]
    others = {
        f"{prefix}-logs": {},
        # One of our names, without our mark; and our mark under another name, as a copy has it.
        f"{prefix}-{SELECTION}-0123456789ab": {"_meta": {"purpose": "mine"}},
        f"{prefix}-{SELECTION}-ba9876543210": mappings,
        f"{prefix}-copy": mappings,
    }
    for name, mapping in others.items():
        client.indices.create(index=name, mappings=mapping)
    with vector_index(server, prefix, SELECTION, 16) as index:
        index.remove_left_behind(age=0)
    assert indices(client, prefix) == sorted(others)


def test_a_vector_that_is_not_taken_is_an_error_that_names_the_setting(
    open_search: OpenSearch, passages: Passages, client: Elasticsearch, prefix: str
) -> None:
    with (
        pytest.raises(FlywheelError, match=rf"{SETTING}: .*refused 200 of 200 vectors .*dimension"),
        open_search(*passages.arguments()) as search,
    ):
        search.add(random_vectors(200, 8, seed=5), passages.same)
    assert indices(client, prefix) == []


def test_an_index_that_lacks_a_vector_is_an_error(
    open_search: OpenSearch, passages: Passages, client: Elasticsearch, prefix: str
) -> None:
    def lose(search: Search) -> None:
        passages.add_to(search)
        client.delete(index=indices(client, prefix)[0], id="7")
        search.found(0)

    with pytest.raises(SearchUnavailableError, match=rf"{SETTING}: .* has 199 of the 200 vectors"):
        used(open_search, passages, lose)


def test_an_answer_that_lacks_a_vector_is_an_error(
    server: ElasticsearchServer, client: Elasticsearch, prefix: str
) -> None:
    passages = Passages(random_vectors(4, 16, seed=1), random_vectors(20, 16, seed=2), kinds=1)
    passages.allowed[:] = True

    class LosesOneBeforeTheSearch(ElasticsearchServer):
        def ask(self, method: str, path: str, body: Any = None) -> bytes:
            if "_msearch" in path:
                client.delete(index=indices(client, prefix)[0], id="2", refresh=True)
            return super().ask(method, path, body)

    losing = LosesOneBeforeTheSearch(connect("", serializer=PlainText()))
    with pytest.raises(SearchUnavailableError, match=rf"{SETTING}: .* found 3 of 4 vectors"):
        passages.found(partial(index_search, losing, prefix, SELECTION))
    assert indices(client, prefix) == []


@pytest.mark.parametrize("at", ["write", "search"])
def test_an_index_that_somebody_deleted_is_an_error_and_is_not_made_again(
    open_search: OpenSearch, passages: Passages, client: Elasticsearch, prefix: str, at: str
) -> None:
    def use(search: Search) -> None:
        if at == "search":
            passages.add_to(search)
        client.indices.delete(index=indices(client, prefix)[0])
        if at == "write":
            passages.add_to(search)
        search.found(0)

    with pytest.raises(
        SearchUnavailableError, match=rf"{SETTING}: the index .* was deleted while it was used"
    ):
        used(open_search, passages, use)
    assert indices(client, prefix) == []


def test_the_index_is_made_although_the_answer_to_it_was_lost(
    server: ElasticsearchServer, client: Elasticsearch, prefix: str
) -> None:
    index = VectorIndex(server, prefix, SELECTION)
    index.make(16)
    index.make(16)
    assert indices(client, prefix) == [index.name]
    index.delete()


@pytest.fixture
def login(own: Server | None, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ElasticsearchServer]:
    """Return the server as one of its users asks it."""
    if not isinstance(own, LocalServer):
        pytest.skip("only the server that is run with Java has these users")

    def make(user: str) -> ElasticsearchServer:
        monkeypatch.setenv("ELASTICSEARCH_USERNAME", user)
        monkeypatch.setenv("ELASTICSEARCH_PASSWORD", PASSWORD)
        return ElasticsearchServer.of_connection("", patience=1.0, remedies=REMEDIES)

    return make


def test_a_role_that_may_only_read_is_told_what_it_needs(login: Any, prefix: str, passages: Passages) -> None:
    with (
        pytest.raises(FlywheelError, match=rf"{SETTING}: .*HTTP 403\).*manage, write and read.*in process"),
        index_search(login("reader"), prefix, SELECTION, *passages.arguments()),
    ):
        pass


def test_the_role_that_is_told_of_is_enough(
    login: Any, prefix: str, passages: Passages, client: Elasticsearch
) -> None:
    server = login("searcher")
    assert passages.found(partial(index_search, server, prefix, SELECTION)) == passages.found()
    assert indices(client, prefix) == []


def test_vectors_of_more_dimensions_than_the_server_takes_are_refused_with_a_remedy(
    own: Server | None, prefix: str
) -> None:
    server = ElasticsearchServer.of_connection("", remedies=REMEDIES)
    with (
        pytest.raises(FlywheelError, match=rf"{SETTING}: .*HTTP 400\).*8\.13 or newer.*4096 dimensions"),
        vector_index(server, prefix, SELECTION, 5000),
    ):
        pass


def test_a_server_that_dies_is_an_error_and_the_retry_removes_what_is_left(
    own: Server | None, server: ElasticsearchServer, passages: Passages, client: Elasticsearch, prefix: str
) -> None:
    if own is None:
        pytest.skip("the server of ELASTICSEARCH_URL is not ours to kill")
    open_search = partial(index_search, server, prefix, SELECTION)

    def lose(search: Search) -> None:
        passages.add_to(search)
        own.kill()
        search.found(0)

    with pytest.raises(SearchUnavailableError, match=rf"{SETTING}: .*did not answer.*A retry may help"):
        used(open_search, passages, lose)
    own.start()
    [left] = indices(client, prefix)
    assert f"-{SELECTION}-" in left
    assert passages.found(open_search) == passages.found()
    assert indices(client, prefix) == []


def test_numbers_in_no_order_of_memory_are_written_as_they_are(
    open_search: OpenSearch, passages: Passages
) -> None:
    passages.vectors = np.asfortranarray(passages.vectors)
    assert passages.found(open_search) == passages.found()
