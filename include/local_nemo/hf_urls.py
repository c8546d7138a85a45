"""Addresses of files in the Data Store: `hf://datasets/<namespace>/<name>/<path>`."""

from dataclasses import dataclass
from typing import Literal

RepoType = Literal["dataset", "model"]

MAIN = "main"


@dataclass(frozen=True)
class Location:
    """The parts of an `hf://` address; `path` is empty for a whole repository."""

    repo_type: RepoType
    repo: str
    path: str
    revision: str


def parse_hf_url(url: str) -> Location:
    """Return the parts of `hf://datasets/<ns>/<name>[@rev][/<path>]`, or of `hf://[models/]<ns>/<name>…`.

    Raises `ValueError` for anything else.
    """
    scheme, _, rest = url.partition("://")
    parts = rest.split("/")
    repo_type: RepoType = "model"
    if parts[0] in ("datasets", "models"):
        repo_type = "dataset" if parts[0] == "datasets" else "model"
        parts = parts[1:]
    if scheme != "hf" or len(parts) < 2 or not all(parts[:2]):
        raise ValueError(f"{url!r} is not an address like hf://datasets/<namespace>/<name>/<path>")
    name, _, revision = parts[1].partition("@")
    return Location(repo_type, f"{parts[0]}/{name}", "/".join(parts[2:]), revision or MAIN)
