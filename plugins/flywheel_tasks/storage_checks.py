"""Are logs there to be read, and can artifacts be written?"""

from __future__ import annotations

import shutil
import sys
import uuid
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson

from flywheel_tasks.settings import artifacts, storage_path
from include.flywheel.errors import FlywheelError, LogsUnavailableError, SearchUnavailableError
from include.flywheel.logs.place import IndexPlace, index_place
from nemo_provider.checks import Check, CheckError, NotTold

#: Datasets, results and plots of a few runs.
NEEDED_BYTES = 500 * 1024**2
#: Seconds for an answer of Elasticsearch, and for which it is asked again.
_ANSWER, PATIENCE = 4.0, 1.0
#: Roots of what clients of object stores raise beside OSError: refused and missing credentials, mostly.
_STORES = (
    ("botocore.exceptions", "BotoCoreError"),
    ("google.auth.exceptions", "GoogleAuthError"),
    ("azure.core.exceptions", "AzureError"),
)


def artifacts_check() -> Check:
    """Ask whether a small file can be written, read and removed where runs keep theirs."""
    return Check("artifacts", "writable", _artifacts)


def logs_check(place: str, written_later: Collection[str] = ()) -> Check:
    """Ask whether a file, a folder or an index of logs can be read; it may be missing if it is among `written_later`."""

    def ask() -> str:
        with explained():
            index = index_place(place)
        return _index(index) if index else _files(place, place in written_later)

    return Check("logs", place, ask)


@contextmanager
def explained() -> Iterator[None]:
    """Raise what is wrong with the flywheel's own places, servers and keys as `CheckError`."""
    from airflow.sdk.exceptions import AirflowNotFoundException

    try:
        yield
    except (FlywheelError, LogsUnavailableError, SearchUnavailableError) as error:
        what, _, remedy = str(error).partition(". ")
        raise CheckError(what, remedy, may_pass=not isinstance(error, FlywheelError)) from error
    except AirflowNotFoundException as error:
        raise CheckError(str(error), "Define the Airflow connection, or name another one") from error


def _artifacts() -> str:
    with _stored("artifacts_uri (or FLYWHEEL_ARTIFACTS)"):
        folder = artifacts()
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f".doctor-{uuid.uuid4().hex}"
        try:
            with file.open("wb") as written:
                written.write(b"ok")
            with file.open("rb") as read:
                if read.read() != b"ok":
                    raise CheckError(
                        f"{folder}: a file that was written reads otherwise", "Look at that storage"
                    )
        finally:
            if file.exists():
                file.unlink()
        if not isinstance(folder, Path):
            return f"{folder}; how much room there is an object store does not tell"
        return room(folder, shutil.disk_usage(folder).free)


def room(folder: Path, free: int) -> str:
    """Return in words how many bytes are free. Raises CheckError when they are too few."""
    words = f"{free / 1024**3:.1f} GB free in {folder}"
    if free < NEEDED_BYTES:
        raise CheckError(words, f"Free some space: a few runs need {NEEDED_BYTES / 1024**2:.0f} MB")
    return words


def _files(place: str, written_later: bool) -> str:
    from include.flywheel.logs.formats import is_log

    with _stored("logs"):
        path = storage_path(place)
        if not path.exists():
            if written_later:
                raise NotTold("not there yet: `make up` writes the sample logs, `make run` its own")
            raise CheckError(
                f"{path} is not there", "Name a log file or a folder of log files, in `logs` or LOGS"
            )
        in_it = (each for each in path.rglob("*") if is_log(each.name) and each.is_file())
        first = next(in_it, None) if path.is_dir() else path
        if first is None:
            raise CheckError(
                f"{path} has no log file in it", "Its files must end in .jsonl, .ndjson, .json or .parquet"
            )
        with first.open("rb") as file:
            file.read(1)
        return "can be read" if first is path else f"can be read; the first file is {first.name}"


def _index(place: IndexPlace) -> str:
    from flywheel_tasks.elasticsearch_client import connect
    from flywheel_tasks.log_server import ElasticsearchServer, PlainText
    from include.flywheel.logs.elasticsearch_fields import read_fields
    from include.flywheel.logs.elasticsearch_server import index_path

    with explained():
        client = connect(place.conn_id, serializer=PlainText(), request_timeout=_ANSWER)
        server = ElasticsearchServer(client, PATIENCE)
        try:
            fields = read_fields(server, place.index)
            count = orjson.loads(server.ask("GET", index_path(place.index, "_count")))["count"]
        except (orjson.JSONDecodeError, KeyError) as error:
            raise CheckError(
                f"{server.address} answers with something that Elasticsearch does not say",
                "Correct the address",
            ) from error
        slow = (
            "" if fields.ordered else "; its timestamp is not indexed as a time, so each record is looked at"
        )
        return f"{count} documents at {server.address}{slow}"


@contextmanager
def _stored(setting: str) -> Iterator[None]:
    """Raise what a file system or an object store refuses as `CheckError`."""
    try:
        yield
    except ImportError as error:
        raise CheckError(
            str(error), f"Install the Airflow provider of that storage, or change {setting}"
        ) from error
    except _store_errors() as error:
        what = (
            f"{error.filename}: {error.strerror}"
            if isinstance(error, OSError) and error.filename
            else str(error)
        )
        raise CheckError(what, f"Mend permissions, credentials or address, or change {setting}") from error


def _store_errors() -> tuple[type[Exception], ...]:
    """Return the errors of a file system, and of those clients of object stores that are in use, and so imported."""
    clients = (getattr(sys.modules[module], name) for module, name in _STORES if module in sys.modules)
    # Airflow says with a ValueError that it knows no such scheme.
    return (OSError, ValueError, *clients)
