"""Commits as the hub's clients send them: one JSON object a line, the first of them a header."""

import base64
import binascii
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson

from include.local_nemo.datastore import BadCommit, Datastore, RepoType
from include.local_nemo.hub_errors import HubError


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
    try:
        for line in _lines(raw):
            operation = orjson.loads(line)
            key, value = operation["key"], operation["value"]
            match key:
                case "header":
                    asked.title = str(value.get("summary", ""))
                case "file":
                    asked.written[value["path"]] = datastore.blobs.write([_content(value)])
                case "lfsFile":
                    asked.written[value["path"]] = value["oid"]
                    asked.large.add(value["path"])
                case "deletedFile":
                    asked.deleted.append(value["path"])
                case "deletedFolder":
                    asked.deleted_folders.append(value["path"])
                case _:
                    raise HubError(400, f"a commit cannot do {key} here")
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError, binascii.Error) as error:
        raise HubError(400, f"the commit cannot be read: {type(error).__name__}") from error
    return asked


def _lines(raw: bytes) -> Iterator[memoryview]:
    """Yield the lines that are not empty, without copying them: one line can be a whole training file."""
    view, start = memoryview(raw), 0
    while start < len(raw):
        end = raw.find(b"\n", start)
        end = len(raw) if end < 0 else end
        if end > start:
            yield view[start:end]
        start = end + 1


def _content(value: dict[str, Any]) -> bytes:
    if value.get("encoding", "base64") != "base64":
        return str(value["content"]).encode()
    return base64.b64decode(value["content"], validate=True)
