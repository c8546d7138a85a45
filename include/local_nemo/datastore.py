"""Repositories of the Data Store: namespaces, commits and files, for the hub API and other services."""

import hashlib
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, TypedDict

from include.local_nemo.blobs import Blobs
from include.local_nemo.commit_paths import BadCommit, check_folders, checked_path
from include.local_nemo.hf_urls import MAIN, Location, RepoType, parse_hf_url
from include.local_nemo.store import AlreadyExists, Store
from include.local_nemo.wire import Document, new_id, zulu

__all__ = [
    "MAIN",
    "BadCommit",
    "Datastore",
    "Entry",
    "Location",
    "NotFound",
    "RepoType",
    "parse_hf_url",
]


class NotFound(Exception):  # noqa: N818
    """A repository, revision or file is not there; `code` is the hub's word for which of them."""

    def __init__(
        self, code: Literal["RepoNotFound", "RevisionNotFound", "EntryNotFound"], message: str
    ) -> None:
        super().__init__(message)
        self.code = code


class Entry(TypedDict):
    """One file in a commit. `oid` is git's id, `sha256` addresses the content, `lfs` tells how it came."""

    sha256: str
    oid: str
    size: int
    lfs: bool


class Datastore:
    """Keep versioned repositories of files.

    A repository is named by its type and `"<namespace>/<name>"`. A revision is a branch (`main`; for
    models also the id of the job that trained an adapter) or the 40 hex digits of a commit. Commits are
    whole snapshots: `{path: Entry}`. Everything is on disk before a call returns.
    """

    def __init__(self, store: Store, blobs: Blobs) -> None:
        self._store = store
        self._commits = threading.RLock()
        self.blobs = blobs
        blobs.sweep({e["sha256"] for c in store.all("commit") for e in c["files"].values()})

    # Namespaces

    def create_namespace(self, namespace: str) -> Document:
        """Create a namespace; raise `AlreadyExists`."""
        created = zulu()
        doc = {"namespace": namespace, "created_at": created, "updated_at": created}
        self._store.insert("datastore_namespace", namespace, doc)
        return doc

    def namespace_exists(self, namespace: str) -> bool:
        """Return whether the namespace was created."""
        return self._store.get("datastore_namespace", namespace) is not None

    # Repositories

    def create_repo(self, repo_type: RepoType, repo: str) -> Document:
        """Create an empty repository; raise `AlreadyExists`, or `NotFound` without its namespace."""
        namespace = repo.partition("/")[0]
        if not self.namespace_exists(namespace):
            raise NotFound("RepoNotFound", f"namespace {namespace} not found")
        doc: Document = {"_id": new_id("repo"), "type": repo_type, "id": repo, "created_at": zulu()}
        doc["branches"] = {}
        with self._commits:
            self._store.insert("repo", _key(repo_type, repo), doc)
            sha = self._write_commit(repo_type, repo, MAIN, {}, "initial commit")
        return {**doc, "branches": {MAIN: sha}}

    def delete_repo(self, repo_type: RepoType, repo: str) -> None:
        """Delete a repository; raise `NotFound`. Its contents go at a later start, see `Blobs.sweep`."""
        key = _key(repo_type, repo)
        with self._commits:
            if self._store.delete("repo", key) is None:
                raise NotFound("RepoNotFound", f"{repo_type} {repo} not found")
            for commit in self._store.all("commit"):
                if commit["repo"] == key:
                    self._store.delete("commit", f"{key}@{commit['sha']}")

    def repo(self, repo_type: RepoType, repo: str) -> Document:
        """Return `{"_id", "type", "id", "created_at", "branches": {name: sha}}`; raise `NotFound`."""
        doc = self._store.get("repo", _key(repo_type, repo))
        if doc is None:
            raise NotFound("RepoNotFound", f"{repo_type} {repo} not found")
        return doc

    def repos(self, namespace: str) -> list[Document]:
        """Return the repositories of a namespace, oldest first."""
        return [doc for doc in self._store.all("repo") if doc["id"].startswith(f"{namespace}/")]

    def exists(self, repo_type: RepoType, repo: str, revision: str = MAIN) -> bool:
        """Return whether the repository has this revision."""
        try:
            self.snapshot(repo_type, repo, revision)
        except NotFound:
            return False
        return True

    # Files

    def snapshot(self, repo_type: RepoType, repo: str, revision: str = MAIN) -> Document:
        """Return the commit `{"repo", "sha", "parent", "created_at", "title", "files"}`; raise `NotFound`."""
        sha = self.repo(repo_type, repo)["branches"].get(revision, revision)
        commit = self._store.get("commit", f"{_key(repo_type, repo)}@{sha}")
        if commit is None:
            raise NotFound("RevisionNotFound", f"{repo_type} {repo} has no revision {revision}")
        return commit

    def list_files(self, repo_type: RepoType, repo: str, revision: str = MAIN) -> list[str]:
        """Return the paths of all files, sorted; raise `NotFound`."""
        return sorted(self.snapshot(repo_type, repo, revision)["files"])

    def entry(self, repo_type: RepoType, repo: str, path: str, revision: str = MAIN) -> Entry:
        """Return one file's entry; raise `NotFound`."""
        entry = self.snapshot(repo_type, repo, revision)["files"].get(path)
        if entry is None:
            raise NotFound("EntryNotFound", f"{repo_type} {repo} has no file {path} at {revision}")
        return entry

    def local_path(self, repo_type: RepoType, repo: str, path: str, revision: str = MAIN) -> Path:
        """Return where the file's bytes lie, to stream them from; never write there. Raises `NotFound`."""
        return self.blobs.path(self.entry(repo_type, repo, path, revision)["sha256"])

    def read(self, repo_type: RepoType, repo: str, path: str, revision: str = MAIN) -> bytes:
        """Return the file's bytes; raise `NotFound`."""
        return self.local_path(repo_type, repo, path, revision).read_bytes()

    def commit(
        self,
        repo_type: RepoType,
        repo: str,
        files: Mapping[str, bytes],
        revision: str = MAIN,
        title: str = "upload",
    ) -> str:
        """Add or replace files and return the new commit's sha.

        What is missing is made: the namespace, the repository, and a branch named `revision` that starts
        empty.
        """
        for create in (
            lambda: self.create_namespace(repo.partition("/")[0]),
            lambda: self.create_repo(repo_type, repo),
        ):
            try:
                create()
            except AlreadyExists:
                continue
        written = {path: self.blobs.write([content]) for path, content in files.items()}
        with self._commits:
            if revision in self.repo(repo_type, repo)["branches"]:
                return self.change(repo_type, repo, revision, written, title=title)
            entries = {checked_path(path): self._entry(sha) for path, sha in written.items()}
            return self._write_commit(repo_type, repo, revision, entries, title)

    def change(
        self,
        repo_type: RepoType,
        repo: str,
        branch: str,
        written: Mapping[str, str],
        *,
        large: frozenset[str] = frozenset(),
        deleted: Iterable[str] = (),
        deleted_folders: Iterable[str] = (),
        title: str = "",
    ) -> str:
        """Commit contents that are stored already onto an existing branch and return the commit's sha.

        `written` is path → sha256; `large` names those of the paths that came as LFS. Raises `NotFound`
        for the branch or a deleted file, `BadCommit` for a path or content that cannot be.
        """
        entries = {checked_path(path): self._entry(sha, lfs=path in large) for path, sha in written.items()}
        with self._commits:
            if branch not in self.repo(repo_type, repo)["branches"]:
                raise NotFound("RevisionNotFound", f"{repo_type} {repo} has no branch {branch}")
            files: dict[str, Any] = dict(self.snapshot(repo_type, repo, branch)["files"])
            for path in deleted:
                if files.pop(path, None) is None:
                    raise NotFound("EntryNotFound", f"{repo_type} {repo} has no file {path} at {branch}")
            for folder in deleted_folders:
                prefix = folder.rstrip("/") + "/"
                files = {path: entry for path, entry in files.items() if not path.startswith(prefix)}
            return self._write_commit(repo_type, repo, branch, {**files, **entries}, title)

    def _entry(self, sha256: str, *, lfs: bool = False) -> Entry:
        size = self.blobs.size(sha256)
        if size is None:
            raise BadCommit(f"object {sha256} was not uploaded")
        return {"sha256": sha256, "oid": self.blobs.git_oid(sha256), "size": size, "lfs": lfs}

    def _write_commit(
        self, repo_type: RepoType, repo: str, branch: str, files: Mapping[str, Entry], title: str
    ) -> str:
        check_folders(files, files)
        key = _key(repo_type, repo)
        parent = self.repo(repo_type, repo)["branches"].get(branch)
        created_at = zulu()
        contents = sorted((path, entry["sha256"]) for path, entry in files.items())
        described = repr((key, branch, parent, created_at, title, contents))
        sha = hashlib.sha1(described.encode(), usedforsecurity=False).hexdigest()
        # The commit first: a kill between the two writes leaves a commit that no branch shows.
        self._store.put(
            "commit",
            f"{key}@{sha}",
            {
                "repo": key,
                "sha": sha,
                "parent": parent,
                "created_at": created_at,
                "title": title,
                "files": files,
            },
        )

        def move_branch(doc: Document) -> None:
            doc["branches"][branch] = sha

        self._store.update("repo", key, move_branch)
        return sha


def _key(repo_type: RepoType, repo: str) -> str:
    return f"{repo_type}/{repo}"
