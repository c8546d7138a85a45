"""Commits as the hub's clients send them: one JSON object a line, the first of them a header."""

import base64
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson
from pydantic import BaseModel

from include.local_nemo.datastore import BadCommit, Datastore, RepoType
from include.local_nemo.hub_errors import HubError, read_as


class Header(BaseModel):
    """What the commit is about."""

    summary: str = ""


class File(BaseModel):
    """A file with its content."""

    path: str
    content: str
    encoding: str = "base64"

    def read(self) -> bytes:
        """Return the content; raise `ValueError`."""
        if self.encoding != "base64":
            return self.content.encode()
        return base64.b64decode(self.content, validate=True)


class LfsFile(BaseModel):
    """A file whose content was uploaded before."""

    path: str
    oid: str
    size: int | None = None


class Deleted(BaseModel):
    """A file or folder to delete."""

    path: str


VALUES: dict[str, type[BaseModel]] = {
    "header": Header,
    "file": File,
    "lfsFile": LfsFile,
    "deletedFile": Deleted,
    "deletedFolder": Deleted,
}
"""What a commit can do, and what it needs for that."""


class Operation(BaseModel):
    """One line of a commit."""

    key: str
    value: dict[str, Any]


@dataclass
class _Operations:
    """What one commit asks for; `written` is path → sha256 of a content that is stored already."""

    title: str = ""
    written: dict[str, str] = field(default_factory=dict)
    large: set[str] = field(default_factory=set)
    deleted: list[str] = field(default_factory=list)
    deleted_folders: list[str] = field(default_factory=list)


def apply(datastore: Datastore, repo_type: RepoType, repo: str, branch: str, raw: bytes) -> str:
    """Commit what the body says, return the new sha; raise `NotFound`, or `HubError` for a bad body."""
    datastore.snapshot(repo_type, repo, branch)
    asked = _read(datastore, raw)
    try:
        return datastore.change(
            repo_type,
            repo,
            branch,
            asked.written,
            large=frozenset(asked.large),
            deleted=asked.deleted,
            deleted_folders=asked.deleted_folders,
            title=asked.title,
        )
    except BadCommit as error:
        raise HubError(400, str(error)) from error


def _read(datastore: Datastore, raw: bytes) -> _Operations:
    asked = _Operations()
    for line in _lines(raw):
        try:
            _add(datastore, asked, read_as(Operation, orjson.loads(line)))
        except ValueError as error:
            raise HubError(400, f"the commit cannot be read: {type(error).__name__}") from error
    return asked


def _add(datastore: Datastore, asked: _Operations, operation: Operation) -> None:
    if operation.key not in VALUES:
        raise HubError(400, f"a commit cannot do {operation.key} here")
    match read_as(VALUES[operation.key], operation.value):
        case Header(summary=summary):
            asked.title = summary
        case File(path=path) as file:
            asked.written[path] = datastore.blobs.write([file.read()])
        case LfsFile(path=path, oid=oid, size=size):
            if size is not None and datastore.blobs.size(oid) not in (None, size):
                raise HubError(400, f"object {oid} has another size than {size}")
            asked.written[path] = oid
            asked.large.add(path)
        case Deleted(path=path):
            (asked.deleted if operation.key == "deletedFile" else asked.deleted_folders).append(path)


def _lines(raw: bytes) -> Iterator[memoryview]:
    """Yield the lines that are not empty, without copying them: one line can be a whole training file."""
    view, start = memoryview(raw), 0
    while start < len(raw):
        end = raw.find(b"\n", start)
        end = len(raw) if end < 0 else end
        if end > start:
            yield view[start:end]
        start = end + 1
