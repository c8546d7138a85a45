"""Which paths files may have in a commit."""

import posixpath
from collections.abc import Container, Iterable


class BadCommit(Exception):  # noqa: N818
    """A commit names an impossible path, or a content that was never uploaded."""


def checked_path(path: str) -> str:
    """Return the path if it lies inside a repository; raise `BadCommit`."""
    if (
        not path
        or path.startswith("/")
        or posixpath.normpath(path) != path
        or path.split("/")[0] in (".", "..")
    ):
        raise BadCommit(f"{path!r} is not a path inside a repository")
    return path


def check_folders(paths: Iterable[str], files: Container[str]) -> None:
    """Raise `BadCommit` when a path leads through a file, which cannot be a folder, too."""
    for path in paths:
        for place in (place for place, sign in enumerate(path) if sign == "/"):
            if path[:place] in files:
                raise BadCommit(f"{path[:place]} is a file, so it cannot be the folder of {path}")
