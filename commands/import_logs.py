"""`make import`: load log files into Elasticsearch.

Reads LOGS, CLIENT and INDEX from the environment (make hands them over). The server is the one of ELASTICSEARCH_URL, else that of
the Airflow connection `elasticsearch_default`, or of the one that INDEX=elasticsearch://<connection>/<index> names. Exit codes:
0 all records are in the index; 1 some were rejected; 2 it could not start, or lost the server; 130 interrupted.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console

from commands.bulk_load import LoadStatistics, load
from commands.interrupts import Interrupted, raise_on_signals
from commands.places import HOME
from commands.voice import complain, refusal, say
from include.flywheel.errors import FlywheelError, LogsUnavailableError
from include.flywheel.logs.elasticsearch_server import index_path
from include.flywheel.logs.elasticsearch_template import make_index
from include.flywheel.logs.files import FileLogs
from include.flywheel.logs.place import (
    DEFAULT_INDEX,
    INDEX_VARIABLE,
    SCHEME,
    URL_VARIABLE,
    IndexPlace,
    index_place,
)

#: Seconds for which one request is tried again while somebody waits.
PATIENCE = 5.0
#: How many reasons for rejections are told.
TOLD = 10
#: The Airflow connection that is asked where nothing names a server.
CONNECTION = "elasticsearch_default"


def main() -> int:
    """Load the logs; return the exit code."""
    raise_on_signals()
    seen = LoadStatistics()
    again = "Run it again when that is mended: what is there already is not written twice"
    try:
        return _import(os.environ, seen)
    except Interrupted as interrupted:
        say(f"Interrupted ({interrupted}) after {seen.written} new records. {again}.")
        return 130
    except (FlywheelError, LogsUnavailableError) as error:
        complain(
            f"{error}."
            + (f" {seen.written} new records were written before. {again}." if seen.written else "")
        )
        return 2
    except OSError as error:
        complain(refusal(error))
        return 2


def _import(variables: Mapping[str, str], seen: LoadStatistics) -> int:
    place, logs = target(variables), _logs(variables)
    if place.conn_id:
        # Airflow, which reads connections, makes a folder for its settings.
        os.environ.setdefault("AIRFLOW_HOME", str(HOME / "airflow"))
    from elasticsearch import ApiError, TransportError

    from flywheel_tasks.elasticsearch_client import connect
    from flywheel_tasks.log_server import ElasticsearchServer, refused, unavailable

    server = ElasticsearchServer.of_connection(place.conn_id, PATIENCE)
    console = Console()
    if make_index(server, place.index):
        console.print(f"Made the index {place.index} at {server.address}.", highlight=False)
    begun = time.monotonic()
    with console.status("importing") as status:

        def tell() -> None:
            rate = seen.lines / max(time.monotonic() - begun, 0.001)
            status.update(f"{seen.lines} records, {rate:.0f} a second")

        client = connect(place.conn_id)
        try:
            load(client, place.index, logs.lines(), variables.get("CLIENT") or None, seen, tell)
        except ApiError as error:
            raise refused(error, server.address) from error
        except TransportError as error:
            raise unavailable(error, server.address) from error
    server.ask("POST", index_path(place.index, "_refresh"))
    _tell_outcome(console, seen, f"{place.index} at {server.address}", time.monotonic() - begun)
    return 1 if seen.rejected else 0


def target(variables: Mapping[str, str]) -> IndexPlace:
    """Return the index that the variables name, `flywheel` by default. Raises FlywheelError when they name no server."""
    given = variables.get("INDEX") or variables.get(INDEX_VARIABLE) or DEFAULT_INDEX
    if given.startswith(SCHEME):
        place = index_place(given)
    elif variables.get(URL_VARIABLE):
        place = index_place(f"{SCHEME}/{given}")
    elif variables.get(f"AIRFLOW_CONN_{CONNECTION.upper()}"):
        place = index_place(f"{SCHEME}{CONNECTION}/{given}")
    else:
        raise FlywheelError(f"No server is named. Set {URL_VARIABLE}, or AIRFLOW_CONN_{CONNECTION.upper()}")
    if place is None or any(letter in place.index for letter in "*,"):
        raise FlywheelError(f"INDEX={given} is not one index. Name the one to write to")
    return place


def _logs(variables: Mapping[str, str]) -> FileLogs:
    if not variables.get("LOGS"):
        raise FlywheelError("LOGS is missing. Name a file or folder: make import LOGS=<file or folder>")
    return FileLogs(Path(variables["LOGS"]).expanduser())


def _tell_outcome(console: Console, seen: LoadStatistics, where: str, seconds: float) -> None:
    parts = [
        f"{seen.written} new records in {where} in {seconds:.1f} s ({seen.lines / seconds:.0f} a second)"
    ]
    parts += [f"{seen.present} were there already"] if seen.present else []
    parts += [f"{seen.of_others} of other clients were left out"] if seen.of_others else []
    console.print("; ".join(parts) + ".", highlight=False, markup=False, soft_wrap=True)
    if seen.rejected:
        complain(f"{seen.rejected.total()} were rejected:")
    for reason, count in seen.rejected.most_common(TOLD):
        complain(f"  {count} × {reason} (first: {seen.examples[reason]})")
    if len(seen.rejected) > TOLD:
        complain(f"  and {len(seen.rejected) - TOLD} more reasons")


if __name__ == "__main__":
    sys.exit(main())
