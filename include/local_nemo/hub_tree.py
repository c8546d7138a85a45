"""Listings of a commit as the hub prints them."""

from collections.abc import Iterator

from include.local_nemo.datastore import Entry
from include.local_nemo.wire import Document

POINTER_SIZE = 134
"""Bytes of the text that git stores in place of a large file."""


def sibling(path: str, entry: Entry, sized: bool) -> Document:
    """Return one file of a repository's info; `sized` adds size and ids."""
    sibling: Document = {"rfilename": path}
    if sized:
        sibling |= {"size": entry["size"], "blobId": entry["oid"]}
        if entry["lfs"]:
            sibling["lfs"] = {"sha256": entry["sha256"], "size": entry["size"], "pointerSize": POINTER_SIZE}
    return sibling


def tree(commit: Document, folder: str, recursive: bool, expand: bool) -> Iterator[Document]:
    """Yield files and folders below `folder` ("" for all), each folder once and before what is in it."""
    last = {"id": commit["sha"], "title": commit["title"], "date": commit["created_at"]}
    prefix = f"{folder}/" if folder else ""
    seen: set[str] = set()
    for path in sorted(commit["files"]):
        if not path.startswith(prefix):
            continue
        inner = path.removeprefix(prefix).split("/")
        for depth in range(1, len(inner) if recursive else min(2, len(inner))):
            directory = prefix + "/".join(inner[:depth])
            if directory not in seen:
                seen.add(directory)
                entry: Document = {"type": "directory", "oid": commit["sha"], "size": 0, "path": directory}
                yield {**entry, "lastCommit": last} if expand else entry
        if recursive or len(inner) == 1:
            file: Entry = commit["files"][path]
            entry = {"type": "file", "oid": file["oid"], "size": file["size"], "path": path}
            if file["lfs"]:
                entry["lfs"] = {"oid": file["sha256"], "size": file["size"], "pointerSize": POINTER_SIZE}
            yield {**entry, "lastCommit": last} if expand else entry
