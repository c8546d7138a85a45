"""Logs in an object store, read through Airflow's ObjectStoragePath."""

import gzip
import json
from pathlib import Path

import pytest
from airflow.sdk.io import attach
from fsspec.implementations.memory import MemoryFileSystem

from flywheel_tasks.run import Run
from flywheel_tasks.settings import storage_path
from tests.dags.exports import whole_export
from tests.flywheel.samples import CLIENT, WORKLOAD, read_rows, text_record


@pytest.mark.parametrize("scheme", ["file", "memory"])
def test_logs_at_a_url_are_exported_with_all_folders_below(scheme: str, tmp_path: Path) -> None:
    if scheme == "memory":
        # As the provider of a storage does for its scheme.
        attach("memory", fs=MemoryFileSystem())
    logs = storage_path(f"{scheme}://{tmp_path}/logs")
    (logs / "2025" / "10").mkdir(parents=True)
    lines = [json.dumps(text_record("c", name, "a")).encode() + b"\n" for name in "ab"]
    for name, written in (
        ("1.jsonl.gz", gzip.compress(lines[0])),
        ("10/2.json", lines[1]),
        ("notes.txt", b"-"),
    ):
        with (logs / "2025" / name).open("wb") as file:
            file.write(written)
    run = Run(
        client_id=CLIENT,
        workload_id=WORKLOAD,
        logs=str(logs),
        window_start=None,
        window_end=None,
        models=[],
        folder=str(tmp_path),
        key="k",
    )
    assert whole_export(run)["exported"] == 2
    rows = read_rows(tmp_path / "export/rows.jsonl.zst")
    assert [row["messages"][0]["content"] for row in rows] == ["a", "b"]
