"""The store keeps documents, in order, through restarts and from many threads."""

import sqlite3
import threading
from pathlib import Path

import pytest

from include.local_nemo.store import Absent, AlreadyExists, Document, Store, StoreClosed


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "s.sqlite")


def test_documents_are_kept_in_the_order_of_their_creation(store: Store) -> None:
    for key in "bca":
        store.insert("thing", key, {"key": key})
    store.put("thing", "c", {"key": "c", "new": True})
    store.put("other", "x", {})
    assert store.all("thing") == [{"key": "b"}, {"key": "c", "new": True}, {"key": "a"}]


def test_insert_refuses_a_key_that_is_taken(store: Store) -> None:
    store.insert("thing", "a", {"n": 1})
    with pytest.raises(AlreadyExists):
        store.insert("thing", "a", {"n": 2})
    assert store.get("thing", "a") == {"n": 1}


def test_delete_returns_what_was_there(store: Store) -> None:
    store.insert("thing", "a", {"n": 1})
    assert store.delete("thing", "a") == {"n": 1}
    assert store.delete("thing", "a") is None
    assert store.get("thing", "a") is None


def test_update_is_one_step_for_many_threads(store: Store) -> None:
    store.insert("count", "c", {"n": 0})

    def add(doc: Document) -> None:
        doc["n"] += 1

    def add_often() -> None:
        for _ in range(50):
            store.update("count", "c", add)

    threads = [threading.Thread(target=add_often) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.get("count", "c") == {"n": 400}


def test_update_that_raises_leaves_everything_as_it_was(store: Store) -> None:
    store.insert("thing", "a", {"n": 1})

    def fail(doc: Document) -> None:
        doc["n"] = 2
        store.put("thing", "b", {})
        raise RuntimeError

    with pytest.raises(RuntimeError):
        store.update("thing", "a", fail)
    assert store.all("thing") == [{"n": 1}]


def test_an_update_tells_an_absent_document_from_a_key_that_the_change_misses(store: Store) -> None:
    def miss(doc: Document) -> None:
        del doc["missing"]

    store.insert("thing", "a", {"n": 1})
    with pytest.raises(Absent):
        store.update("thing", "b", miss)
    with pytest.raises(KeyError):
        store.update("thing", "a", miss)


def test_what_is_written_together_is_there_as_a_whole_or_not_at_all(store: Store) -> None:
    def insert(*keys: str) -> None:
        with store.together():
            for key in keys:
                store.insert("thing", key, {"key": key})

    store.insert("thing", "taken", {})
    with pytest.raises(AlreadyExists):
        insert("a", "taken")
    assert store.get("thing", "a") is None
    insert("a", "b")
    assert store.all("thing") == [{}, {"key": "a"}, {"key": "b"}]


def test_a_copy_that_was_read_is_the_readers_own(store: Store) -> None:
    store.insert("thing", "a", {"list": [1]})
    read = store.get("thing", "a")
    assert read is not None
    read["list"].append(2)
    assert store.get("thing", "a") == {"list": [1]}


def test_documents_survive_without_a_close(tmp_path: Path) -> None:
    Store(tmp_path / "s.sqlite").insert("thing", "a", {"n": 1})
    assert Store(tmp_path / "s.sqlite").get("thing", "a") == {"n": 1}


def test_a_frozen_store_accepts_nothing(store: Store) -> None:
    store.freeze()
    for call in (
        lambda: store.put("thing", "a", {}),
        lambda: store.get("thing", "a"),
        lambda: store.all("thing"),
    ):
        with pytest.raises(StoreClosed):
            call()


def test_a_file_of_another_schema_is_refused_with_a_remedy(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(ValueError, match=r"schema 99.*another state folder"):
        Store(path)
