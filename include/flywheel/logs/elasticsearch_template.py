"""The index of logs that new installations get."""

from typing import Any

import orjson

from include.flywheel.errors import LogsRefusedError, LogsUnavailableError
from include.flywheel.logs.elasticsearch_server import LogServer, index_path

#: Raised with every change below; a server shows which one an index was made from.
VERSION = 1
MAPPINGS: dict[str, Any] = {
    "_meta": {"flywheel_version": VERSION},
    # Other fields are kept in the text of a document; no record can add fields to the index.
    "dynamic": False,
    "properties": {
        # Seconds, also with a fraction, are seconds here; a bare `date` takes them as milliseconds. Milliseconds are taken as
        # seconds, which no format could tell apart: the export finds them all the same, by their size. What is no time
        # at all is kept, and counted by the export.
        "timestamp": {
            "type": "date",
            "format": "epoch_second||strict_date_optional_time",
            "ignore_malformed": True,
        },
        "client_id": {"type": "keyword"},
        "workload_id": {"type": "keyword"},
        # Only kept, not even parsed: the shape of prompts and tools is the application's, and two records that differ in it
        # would else refuse each other. `flattened` would index every leaf, and refuse texts of more than 32 KB.
        "request": {"type": "object", "enabled": False},
        "response": {"type": "object", "enabled": False},
    },
}
#: Tools and instructions repeat themselves: records of 41 KB took a sixth of the disk that they take by default, and an export of
#: them a fifth longer.
SETTINGS: dict[str, Any] = {"index": {"codec": "best_compression"}}


def make_index(server: LogServer, index: str) -> bool:
    """Make an index of logs unless there is one of this name, or an alias; return whether it was made.

    The name becomes an alias of `<index>-000001`, and `POST /<index>/_rollover`, once a day, say, or a lifecycle policy
    begins the next one with the same mappings. Raises LogsRefusedError or LogsUnavailableError.
    """
    try:
        server.ask("GET", index_path(index, ""))
        return False
    except LogsRefusedError as error:
        if "index_not_found_exception" not in error.kinds:
            raise
    template = {
        # Numbered, or by date; but not whatever else begins with the same word.
        "index_patterns": [f"{index}-0*", f"{index}-2*"],
        "priority": 200,
        "version": VERSION,
        "template": {"settings": SETTINGS, "mappings": MAPPINGS},
    }
    server.ask("PUT", f"/_index_template/{index}-logs", template)
    body = {"aliases": {index: {"is_write_index": True}}}
    made = orjson.loads(server.ask("PUT", index_path(f"{index}-000001", ""), body))
    if not made["shards_acknowledged"]:
        raise LogsUnavailableError(
            f"Elasticsearch has made the index {index}, but found no place for it within 30 s. Is a disk of it nearly full? "
            f"GET /_cluster/allocation/explain tells why"
        )
    return True
