"""Where logs are, as configs and people write it: a file, a folder, or `elasticsearch://<connection>/<index>`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from include.flywheel.errors import ConfigError

SCHEME = "elasticsearch://"
#: The blueprint's variables for the server and its index, and its index.
URL_VARIABLE, INDEX_VARIABLE = "ELASTICSEARCH_URL", "ES_COLLECTION_NAME"
DEFAULT_INDEX = "flywheel"


@dataclass(frozen=True)
class IndexPlace:
    """An index, an alias or a pattern of several, on the server of an Airflow connection; "" means that of ELASTICSEARCH_URL."""

    conn_id: str
    index: str


def index_place(logs: str) -> IndexPlace | None:
    """Read `elasticsearch://<connection>/<index>`; None for logs in files. Raises ConfigError when a part is missing."""
    if not logs.startswith(SCHEME):
        return None
    conn_id, _, index = logs.removeprefix(SCHEME).partition("/")
    if not index or not re.fullmatch(r"[^\s/?#\\\"<>|]+", index) or not re.fullmatch(r"[\w.-]*", conn_id):
        raise ConfigError(
            "logs",
            [
                f"{logs!r} does not name an index. Write {SCHEME}<Airflow connection>/<index>, or {SCHEME}/<index> for the "
                f"server of {URL_VARIABLE}"
            ],
        )
    return IndexPlace(conn_id, index)


def prefix_place(place: str) -> IndexPlace:
    """Read `elasticsearch://<connection>/<prefix of indices to make>`. Raises ValueError saying what to write."""
    conn_id, _, prefix = place.removeprefix(SCHEME).partition("/")
    # What Elasticsearch takes as the beginning of a name, with room for what follows it.
    is_prefix = re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,199}", prefix)
    if not place.startswith(SCHEME) or not is_prefix or not re.fullmatch(r"[\w.-]*", conn_id):
        raise ValueError(
            f"must be {SCHEME}<Airflow connection>/<prefix>, or {SCHEME}/<prefix> for the server of {URL_VARIABLE}; the prefix is "
            "the beginning of the names of indices, at most 200 of a-z, 0-9 and . _ -"
        )
    return IndexPlace(conn_id, prefix)


def logs_of_environment(variables: Mapping[str, str]) -> str | None:
    """Return the place that the blueprint's variables name, or None without ELASTICSEARCH_URL."""
    if not variables.get(URL_VARIABLE):
        return None
    return f"{SCHEME}/{variables.get(INDEX_VARIABLE) or DEFAULT_INDEX}"
