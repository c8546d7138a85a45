"""`make import`, as a person runs it."""

import gzip
import os
import subprocess
import sys
from pathlib import Path

import orjson
import pytest
from elasticsearch import Elasticsearch

from tests.conftest import ROOT
from tests.elasticsearch.conftest import Export, Index, small


def run_import(logs: Path | str, index: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": "plugins:.", "LOGS": str(logs), "INDEX": index, **variables}
    command = [sys.executable, "-m", "commands.import_logs"]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment, timeout=120)


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """A folder with two files of ten records each, one packed."""
    lines = [orjson.dumps(small(number)) + b"\n" for number in range(20)]
    (tmp_path / "a.jsonl").write_bytes(b"".join(lines[:10]))
    (tmp_path / "b.jsonl.gz").write_bytes(gzip.compress(b"".join(lines[10:])))
    return tmp_path


def test_importing_twice_doubles_nothing_and_the_export_gives_back_what_was_imported(
    logs: Path, prefix: str, export: Export
) -> None:
    first = run_import(logs, prefix)
    assert (first.returncode, first.stderr) == (0, "")
    assert "20 new records" in first.stdout
    second = run_import(logs, prefix)
    assert second.returncode == 0
    assert "0 new records" in second.stdout
    assert "20 were there already" in second.stdout
    assert export(prefix) == [small(number) for number in range(20)]


def test_a_new_index_keeps_any_shape_of_record_and_rolls_over(
    logs: Path, prefix: str, client: Elasticsearch, export: Export
) -> None:
    odd = [
        small(20.5, request="text", response=["list"]),
        small(21, "2025-10-01T00:00:21.250Z", request={"messages": 1}),
        small(22, 1759276822000),
        small(23, "soon", unknown={"deep": [1]}),
    ]
    run_import(logs, prefix)
    client.indices.rollover(alias=prefix)
    (logs / "c.jsonl").write_bytes(b"\n".join(orjson.dumps(record) for record in odd))
    assert run_import(logs / "c.jsonl", prefix).returncode == 0
    assert set(client.indices.get(index=prefix)) == {f"{prefix}-000001", f"{prefix}-000002"}
    mapped = client.indices.get_mapping(index=f"{prefix}-000002")[f"{prefix}-000002"]["mappings"]
    assert sorted(mapped["properties"]) == ["client_id", "request", "response", "timestamp", "workload_id"]
    found = export(prefix)
    assert sorted(map(str, found)) == sorted(map(str, [*(small(number) for number in range(20)), *odd]))


def test_only_the_records_of_one_client_are_imported_where_one_is_named(
    tmp_path: Path, index: Index, export: Export
) -> None:
    records = [small(0), small(1, client_id="other"), small(2)]
    (tmp_path / "a.jsonl").write_bytes(b"\n".join(map(orjson.dumps, records)))
    done = run_import(tmp_path, index([]), CLIENT=records[0]["client_id"])
    assert "2 new records" in done.stdout
    assert "1 of other clients" in done.stdout


def test_rejected_records_are_counted_by_reason_and_named_by_line_and_the_others_are_imported(
    tmp_path: Path, index: Index, export: Export
) -> None:
    lines = [
        *(orjson.dumps(small(number)) for number in range(3)),
        orjson.dumps(small(3, "soon")),
        orjson.dumps(small(4, "later")),
        b'{"half',
    ]
    (tmp_path / "a.jsonl").write_bytes(b"\n".join(lines))
    name = index([])
    done = run_import(tmp_path, name)
    assert done.returncode == 1
    assert "3 new records" in done.stdout
    assert "3 were rejected" in done.stderr
    assert "1 × the line is no JSON object (first: a.jsonl:6)" in done.stderr
    assert "(first: a.jsonl:4)" in done.stderr
    assert len(export(name)) == 3


def test_a_server_without_room_on_its_disk_is_named_at_once(
    logs: Path, index: Index, client: Elasticsearch
) -> None:
    name = index([])
    # What Elasticsearch itself sets when a disk is nearly full.
    client.indices.put_settings(index=name, settings={"index.blocks.read_only_allow_delete": True})
    done = run_import(logs, name)
    assert done.returncode == 2
    assert "Free disk space" in done.stderr


def test_what_cannot_work_says_why_before_anything_is_read(logs: Path, prefix: str) -> None:
    for variables, words in [
        ({"ELASTICSEARCH_URL": "http://127.0.0.1:9"}, "did not answer"),
        ({"ELASTICSEARCH_URL": ""}, "No server is named"),
        ({"INDEX": "a,b"}, "is not one index"),
        ({"LOGS": ""}, "LOGS is missing"),
        ({"LOGS": "/no/such"}, "/no/such is not there"),
    ]:
        given = {"LOGS": str(logs), "INDEX": prefix, **variables}
        done = run_import(given.pop("LOGS"), given.pop("INDEX"), **given)
        assert done.returncode == 2
        assert words in done.stderr


def test_the_server_of_an_airflow_connection_is_used(logs: Path, prefix: str, tmp_path: Path) -> None:
    connection = {
        "conn_type": "elasticsearch",
        "host": os.environ["ELASTICSEARCH_URL"],
        "login": os.environ.get("ELASTICSEARCH_USERNAME"),
        "password": os.environ.get("ELASTICSEARCH_PASSWORD"),
    }
    done = run_import(
        logs,
        prefix,
        ELASTICSEARCH_URL="",
        ELASTICSEARCH_USERNAME="",
        AIRFLOW_CONN_ELASTICSEARCH_DEFAULT=orjson.dumps(connection).decode(),
        AIRFLOW_HOME=str(tmp_path / "airflow"),
    )
    assert "20 new records" in done.stdout, done.stderr
