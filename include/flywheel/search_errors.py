"""What goes wrong when examples are searched by Elasticsearch, in words that name the setting and the remedy."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from include.flywheel.errors import (
    FlywheelError,
    LogsRefusedError,
    LogsUnavailableError,
    SearchUnavailableError,
)

SETTING = "icl_config.similarity_config.elasticsearch"
#: What to do about a refusal, by the status of the HTTP answer.
REMEDIES = {
    400: "The server must be Elasticsearch 8.13 or newer (fields dense_vector of index type flat), a vector have at most 4096 "
    "dimensions",
    403: "Its role needs manage, write and read for the indices that begin with the prefix",
}
#: Of answers to a part of a request: too busy, or something in the cluster is down for a moment.
_TRANSIENT = {429, 500, 502, 503, 504}
_GONE = "index_not_found_exception"
_IN_PROCESS = f"Without {SETTING} the search is done in process"


@contextmanager
def explained(index: str) -> Iterator[None]:
    """Raise what a server is asked about an index in vain with as FlywheelError or SearchUnavailableError."""
    try:
        yield
    except LogsRefusedError as error:
        if _GONE in error.kinds:
            raise gone(index) from error
        raise FlywheelError(f"{SETTING}: {error}. {_IN_PROCESS}") from error
    except LogsUnavailableError as error:
        raise SearchUnavailableError(f"{SETTING}: {error}") from error


def refusal(
    index: str, what: str, error: Mapping[str, Any], status: int
) -> FlywheelError | SearchUnavailableError:
    """Return what it means that the server refused a part of a request, with its `error`."""
    if error["type"] == _GONE:
        return gone(index)
    text = f"{SETTING}: Elasticsearch refused {what} of the index {index}: {error['reason']} (HTTP {status})"
    if status in _TRANSIENT:
        return SearchUnavailableError(f"{text}. A retry may help")
    return FlywheelError(f"{text}. {REMEDIES.get(status, 'See the log of the server')}. {_IN_PROCESS}")


def gone(index: str) -> SearchUnavailableError:
    """Return what it means that an index is not there any more."""
    return SearchUnavailableError(
        f"{SETTING}: the index {index} was deleted while it was used, by another try of this task or by somebody else. A retry "
        "makes it anew"
    )
