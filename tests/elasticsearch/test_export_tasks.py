"""The DAG's export from an index, task by task."""

from pathlib import Path
from typing import Any

import pytest

from flywheel_tasks.data import curate_records, export_logs, export_part, plan_export
from flywheel_tasks.run import Run
from flywheel_tasks.settings import flywheel_config
from include.flywheel.errors import NotEnoughRecordsError
from tests.elasticsearch.conftest import Index
from tests.flywheel.samples import CLIENT, DAY_ONE, WORKLOAD, read_rows, tool_record

HOUR = 3600


def a_run(folder: Path, name: str, **changes: Any) -> Run:
    run = Run(
        client_id=CLIENT,
        workload_id=WORKLOAD,
        logs=f"elasticsearch:///{name}",
        window_start=None,
        window_end=None,
        models=[],
        folder=str(folder),
        key="k",
    )
    return {**run, **changes}


@pytest.fixture
def slices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Set how many slices the config asks for."""

    def configure(number: int) -> None:
        config = tmp_path / "config.yaml"
        config.write_text(
            "nims: [{model_name: a/b, context_length: 8192}]\nicl_config: {max_context_length: 8192}\n"
            f"elasticsearch_config: {{slices: {number}, page_size: 20}}\n"
        )
        monkeypatch.setenv("FLYWHEEL_CONFIG", str(config))
        flywheel_config.cache_clear()

    yield configure
    flywheel_config.cache_clear()


def test_parts_are_exported_side_by_side_and_curated_in_their_order(
    index: Index, tmp_path: Path, slices
) -> None:
    records = [{**tool_record(f"c{hour}", hour), "timestamp": DAY_ONE + hour * HOUR} for hour in range(60)]
    run = a_run(tmp_path / "run", index(records), window_start="2025-10-01", window_end="2025-10-03")
    summaries, curations = [], []
    # The other way round would leave parts of the earlier export behind.
    for number in (3, 1):
        slices(number)
        parts = plan_export.function(run)
        assert len(parts) == number
        summaries.append(export_logs.function(run, [export_part.function(run, part) for part in parts]))
        files = sorted((tmp_path / "run" / "export").rglob("rows.jsonl.zst"))
        assert len(files) == number
        asked = [row["messages"][1]["content"] for file in files for row in read_rows(file)]
        assert asked == [record["request"]["messages"][1]["content"] for record in records[:48]]
        curations.append(curate_records.function(run, summaries[-1]))
    assert summaries[0] == summaries[1]
    assert summaries[0]["exported"] == 48
    assert curations[0] == curations[1]
    assert curations[0]["exported"] == 48


def test_a_window_without_records_says_what_the_index_holds(index: Index, tmp_path: Path, slices) -> None:
    slices(4)
    run = a_run(tmp_path, index([tool_record("c", 0)]), window_start="2024-01-01", window_end="2024-01-02")
    parts = [export_part.function(run, part) for part in plan_export.function(run)]
    with pytest.raises(NotEnoughRecordsError, match=rf"{WORKLOAD} of client {CLIENT} \(1\)"):
        export_logs.function(run, parts)
