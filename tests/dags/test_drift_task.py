"""Where drift is kept, and what the report is told when it was not measured."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from flywheel_tasks import data
from flywheel_tasks.failures import note_failure
from flywheel_tasks.outcome import measured_drift
from flywheel_tasks.run import Run, history_folder
from tests.dags.exports import whole_export
from tests.flywheel.samples import CLIENT, WORKLOAD, tool_record, write_logs

RUN = Run(
    client_id=CLIENT,
    workload_id=WORKLOAD,
    logs="",
    window_start="2025-10-01T00:00:00+00:00",
    window_end="2025-10-02T00:00:00+00:00",
    models=[],
    folder="",
    key="k",
)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("FLYWHEEL_ARTIFACTS", str(tmp_path))
    logs = write_logs(tmp_path / "logs.jsonl", [tool_record(f"c{c}", 0) for c in range(12)])
    return Run(**{**RUN, "folder": str(tmp_path / "run"), "logs": str(logs)})


def measure(run: Run) -> Any:
    exported = whole_export(run)
    return data.measure_drift.function(run, exported, data.curate_records.function(run, exported))


def test_a_run_leaves_its_statistics_with_those_of_its_workload_and_hands_on_a_path(run: Run) -> None:
    handed = measure(run)
    kept = list(history_folder(run).rglob("*.json"))
    assert [path.name for path in kept] == ["20251001T000000Z--20251002T000000Z.json"]
    drift, notes = measured_drift(run, "success")
    assert drift is not None
    assert (drift.severity, drift.previous, notes) == (handed["severity"], [], [])
    assert Path(handed["json"]).parent == Path(run["folder"])


def test_object_storage_keeps_a_history_as_a_folder_does(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLYWHEEL_ARTIFACTS", f"file://{tmp_path}/store")
    run = Run(**{**run, "folder": f"file://{tmp_path}/store/run"})
    exported = whole_export(run)
    data.curate_records.function(run, exported)
    data.measure_drift.function(run, exported, {})
    later = {"start": "2025-10-02T00:00:00+00:00", "end": "2025-10-03T00:00:00+00:00"}
    data.measure_drift.function(run, later, {})
    drift, _ = measured_drift(run, "success")
    assert drift is not None
    assert [span.start for span in drift.previous] == ["2025-10-01T00:00:00+00:00"]


def test_the_history_is_one_folder_for_each_client_of_a_workload(run: Run) -> None:
    others = [{"client_id": "other"}, {"workload_id": "Support!"}, {"workload_id": f"{CLIENT}\n{WORKLOAD}"}]
    folders = {history_folder(Run(**{**run, **each})) for each in [{}, {"key": "another run"}, *others]}
    assert len(folders) == 4
    assert history_folder(run).parent.name == "support"
    assert history_folder(run).name.startswith("history-")


def test_the_report_says_why_there_is_no_drift(run: Run) -> None:
    measure(run)
    context = {
        "ti": SimpleNamespace(task_id="measure_drift", map_index=-1, xcom_pull=lambda task_ids: run),
        "exception": "no space",
    }
    note_failure(context)
    assert measured_drift(run, "failed") == (None, ["Drift was not measured: no space"])
    assert measured_drift(run, "skipped") == (None, ["Drift was not measured: its task ended as skipped"])
    (Path(run["folder"]) / "drift.json").unlink()
    drift, notes = measured_drift(run, "success")
    assert drift is None
    assert "is not there any more" in notes[0]


def test_drift_needs_no_more_of_a_summary_than_it_reads(run: Run) -> None:
    exported = whole_export(run)
    data.curate_records.function(run, exported)
    path = Path(run["folder"]) / "curated/summary.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "added_later": {"x": 1}}))
    assert data.measure_drift.function(run, exported, {})["severity"] == "none"
