"""File contents on disk, addressed by their SHA-256."""

import hashlib
import os
import re
import time
from collections.abc import Iterable
from pathlib import Path
from tempfile import NamedTemporaryFile

CHUNK = 1 << 20
SHA256 = re.compile(r"[0-9a-f]{64}")
ORPHAN_SECONDS = 24 * 3600
"""An upload that no commit has named within this time is removed at the next start."""


class HashMismatch(Exception):  # noqa: N818
    """What arrived is not what its checksum promised."""


class Blobs:
    """Keep each content once, as `<root>/ab/abcdef…`. Contents never change, so readers need no lock."""

    def __init__(self, root: Path) -> None:
        self._root = root
        root.mkdir(parents=True, exist_ok=True)

    def write(self, chunks: Iterable[bytes], expected: str | None = None) -> str:
        """Store a content given in pieces and return its SHA-256; durable when this returns.

        Raises `HashMismatch` when it is not `expected`, and keeps nothing.
        """
        digest = hashlib.sha256()
        with NamedTemporaryFile(dir=self._root, suffix=".part", delete=False) as file:
            part = Path(file.name)
            try:
                for chunk in chunks:
                    digest.update(chunk)
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
                sha = digest.hexdigest()
                if expected is not None and sha != expected:
                    raise HashMismatch(f"expected {expected}, received {sha}")
                path = self.path(sha)
                path.parent.mkdir(exist_ok=True)
                part.replace(path)
            finally:
                part.unlink(missing_ok=True)
        return sha

    def path(self, sha: str) -> Path:
        """Return where the content is or would be."""
        return self._root / sha[:2] / sha

    def size(self, sha: str) -> int | None:
        """Return the length in bytes, or None when the content is not here or no SHA-256 reads like that."""
        if not SHA256.fullmatch(sha):
            return None
        try:
            return self.path(sha).stat().st_size
        except FileNotFoundError:
            return None

    def git_oid(self, sha: str) -> str:
        """Return the id that git would give the content: the hub uses it as the ETag of a plain file."""
        path = self.path(sha)
        digest = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                digest.update(chunk)
        return digest.hexdigest()

    def sweep(self, named: set[str]) -> None:
        """Remove contents that no commit names, but leave recent uploads: their commit may still come."""
        oldest = time.time() - ORPHAN_SECONDS
        for path in self._root.rglob("*"):
            if path.is_file() and path.name not in named and path.stat().st_mtime < oldest:
                path.unlink()
