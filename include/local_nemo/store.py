"""Durable JSON documents: what the services know, in one SQLite file."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

Document = dict[str, Any]

SCHEMA_VERSION = 1


class AlreadyExists(Exception):  # noqa: N818 - named after the answer it becomes on the wire
    """A document of this kind and key is there already."""


class Absent(Exception):  # noqa: N818
    """There is no document of this kind and key."""


class StoreClosed(Exception):  # noqa: N818
    """The platform is stopping; what was written before is safe, nothing more is accepted."""


class Store:
    """Keep documents by kind and key, in the order in which they were created.

    Safe to use from any thread. A call returns only after SQLite has committed, so whatever was
    acknowledged to a client survives a kill. Documents must hold JSON values only; what `get` returns is
    the caller's own copy.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.RLock()
        self._closed = False
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version not in (0, SCHEMA_VERSION):
            self._db.close()
            raise ValueError(
                f"{path} was written by another version of the platform (schema {version}, this one reads "
                f"{SCHEMA_VERSION}). Choose another state folder or remove this one."
            )
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS documents ("
            " seq INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, key TEXT NOT NULL,"
            " body BLOB NOT NULL, UNIQUE (kind, key))"
        )
        self._db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    def put(self, kind: str, key: str, doc: Document) -> None:
        """Write a document, replacing one of the same key but keeping its place in the order."""
        with self._transaction() as db:
            db.execute(
                "INSERT INTO documents (kind, key, body) VALUES (?, ?, ?)"
                " ON CONFLICT (kind, key) DO UPDATE SET body = excluded.body",
                (kind, key, orjson.dumps(doc)),
            )

    def insert(self, kind: str, key: str, doc: Document) -> None:
        """Write a new document; raise `AlreadyExists` when the key is taken."""
        with self._transaction() as db:
            try:
                db.execute(
                    "INSERT INTO documents (kind, key, body) VALUES (?, ?, ?)", (kind, key, orjson.dumps(doc))
                )
            except sqlite3.IntegrityError:
                raise AlreadyExists(f"{kind} {key}") from None

    def get(self, kind: str, key: str) -> Document | None:
        """Return the document, or None."""
        with self._transaction() as db:
            row = db.execute("SELECT body FROM documents WHERE kind = ? AND key = ?", (kind, key)).fetchone()
        return orjson.loads(row[0]) if row else None

    def delete(self, kind: str, key: str) -> Document | None:
        """Remove the document and return what it was, or None when there was none."""
        with self._transaction() as db:
            row = db.execute(
                "DELETE FROM documents WHERE kind = ? AND key = ? RETURNING body", (kind, key)
            ).fetchone()
        return orjson.loads(row[0]) if row else None

    def all(self, kind: str) -> list[Document]:
        """Return every document of the kind, oldest first."""
        with self._transaction() as db:
            rows = db.execute("SELECT body FROM documents WHERE kind = ? ORDER BY seq", (kind,)).fetchall()
        return [orjson.loads(body) for (body,) in rows]

    def update(self, kind: str, key: str, change: Callable[[Document], Document | None]) -> Document:
        """Read, change and write a document as one step, and return it as written.

        `change` gets the document and may alter it in place or return another. Raises `Absent` when
        there is no such document; whatever `change` raises leaves the document as it was.
        """
        with self._transaction() as db:
            row = db.execute("SELECT body FROM documents WHERE kind = ? AND key = ?", (kind, key)).fetchone()
            if row is None:
                raise Absent(f"{kind} {key}")
            doc: Document = orjson.loads(row[0])
            changed = change(doc)
            doc = doc if changed is None else changed
            db.execute(
                "UPDATE documents SET body = ? WHERE kind = ? AND key = ?", (orjson.dumps(doc), kind, key)
            )
        return doc

    @contextmanager
    def together(self) -> Iterator[None]:
        """Make everything that this thread writes inside the block one step: all of it, or nothing after an error."""
        with self._transaction():
            yield

    def freeze(self) -> None:
        """Refuse everything from now on with `StoreClosed`; threads that still run change nothing more."""
        with self._lock:
            self._closed = True

    def close(self) -> None:
        """Freeze the store and close its file."""
        with self._lock:
            self._closed = True
            self._db.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            if self._closed:
                raise StoreClosed
            if self._db.in_transaction:  # inside `together`, or an `update` whose change reads or writes more
                yield self._db
                return
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")
