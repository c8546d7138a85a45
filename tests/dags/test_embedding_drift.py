"""Drift by embeddings, from the tasks to the report: kept and compared where examples are chosen, joined in the report."""

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import yaml

from flywheel_tasks import data, outcome
from flywheel_tasks.run import Run, history_folder
from flywheel_tasks.settings import flywheel_config, storage_path
from tests.dags.exports import whole_export
from tests.flywheel.samples import CLIENT, DAY_ONE, WORKLOAD, text_record, write_logs
from tests.nemo_provider.embedding_server import EmbeddingServer, embedding_server

DAY = 86400
CONVERSATIONS = 80


class Days:
    """The tasks of the runs of some days, one after the other, as the DAG would run them."""

    def __init__(self, root: Path, server: EmbeddingServer, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root, self.server, self._monkeypatch = root, server, monkeypatch
        self.configure()
        # The last day asks at length: the server's vectors hold a text's length and its last number.
        records = [
            text_record(
                f"d{day}c{number}",
                f"{'long ' * (60 if day == 3 else 2 + number % 3)}question of day {day}: {number}",
                f"Answer {number}",
                timestamp=DAY_ONE + day * DAY + number,
            )
            for day in range(4)
            for number in range(CONVERSATIONS)
        ]
        self.logs = str(write_logs(root / "logs.jsonl", records))
        self.handed: dict[tuple[int, str], Any] = {}

    def configure(
        self, model: str | None = "org/embed", artifacts: str = "artifacts", store: str = ""
    ) -> None:
        icl: dict[str, Any] = {}
        if model:
            remote = {
                "deployment_type": "remote",
                "url": self.server.url,
                "model_name": model,
                "api_key_env": "",
            }
            icl = {
                "example_selection": "semantic_similarity",
                "similarity_config": {"embedding_nim_config": remote},
            }
        config = {
            "nims": [{"model_name": "a/b", "context_length": 8192}],
            "data_split_config": {"eval_size": 10, "min_total_records": 0, "near_duplicate_similarity": None},
            "icl_config": icl,
        }
        path = self.root / "config.yaml"
        path.write_text(yaml.safe_dump(config))
        self.artifacts = f"{store}{self.root / artifacts}"
        self._monkeypatch.setenv("FLYWHEEL_CONFIG", str(path))
        self._monkeypatch.setenv("FLYWHEEL_ARTIFACTS", self.artifacts)
        flywheel_config.cache_clear()

    def run(self, day: int) -> Run:
        """Return the run of a day."""
        return Run(
            client_id=CLIENT,
            workload_id=WORKLOAD,
            logs=self.logs,
            window_start=f"2025-10-0{day + 1}T00:00:00+00:00",
            window_end=f"2025-10-0{day + 2}T00:00:00+00:00",
            models=[],
            folder=f"{self.artifacts}/run-{day}",
            key=f"k{day}",
        )

    def turn(self, day: int) -> None:
        """Run the tasks of a day up to the choice of examples."""
        run = self.run(day)
        self.handed[day, "export_logs"] = exported = whole_export(run)
        self.handed[day, "curate_records"] = curated = data.curate_records.function(run, exported)
        data.measure_drift.function(run, exported, curated)
        self.handed[day, "build_datasets"] = data.build_datasets.function(run, exported, curated)
        self.choose_examples(day)

    def choose_examples(self, day: int) -> None:
        split = self.handed[day, "build_datasets"]
        self.handed[day, "add_examples"] = data.add_examples.function(self.run(day), split)

    def measure(self, day: int) -> None:
        data.measure_drift.function(self.run(day), self.handed[day, "export_logs"], {})

    def report(self, day: int) -> tuple[dict[str, Any], str]:
        """Write the report of a day, with no candidates, and return both of its forms."""
        run = self.run(day)
        states = {"run": {"measure_drift": "success"}}
        pulled = {"open_run": run, **{name: of for (when, name), of in self.handed.items() if when == day}}
        ti = SimpleNamespace(
            dag_id="flywheel",
            run_id="run",
            xcom_pull=lambda task_ids: pulled[task_ids],
            get_task_states=lambda dag_id, run_ids: states,
        )
        written = outcome.write_report.function([], ti=ti)
        texts = [storage_path(written[form]).read_text() for form in ("json", "markdown")]
        return json.loads(texts[0]), texts[1]

    def found(self, day: int) -> list[Any]:
        """Return what the report of a day says of embeddings."""
        drift = self.report(day)[0]["drift"]
        return [finding for finding in drift["findings"] if finding["topic"] == "embedding"]


@pytest.fixture
def days(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Days]:
    with embedding_server() as server:
        yield Days(tmp_path, server, monkeypatch)
    monkeypatch.undo()
    flywheel_config.cache_clear()


def test_a_window_of_other_conversations_is_a_strong_finding_of_the_report(days: Days) -> None:
    for day in range(4):
        days.turn(day)
    assert [finding["severity"] for day in (1, 2) for finding in days.found(day)] == ["none", "none"]
    report, text = days.report(3)
    [finding] = days.found(3)
    assert finding["severity"] == report["drift"]["severity"] == "strong"
    assert "Conversations are unlike those of the last 3 windows" in finding["sentence"]
    assert f"- **strong**: {finding['sentence'].split(':')[0]}" in text
    assert "| embedding distance (Cliff's delta) | " in text
    assert "embedding_distance" in [figure["name"] for figure in report["drift"]["figures"]]
    kept = sorted(path.name for path in history_folder(days.run(0)).rglob("*.vectors"))
    assert len(kept) == 4
    assert kept[0] == "20251001T000000Z--20251002T000000Z.vectors"


def test_a_backfill_in_another_order_finds_the_same(days: Days) -> None:
    for day in (0, 1, 2, 3):
        days.turn(day)
    forwards = [days.found(day) for day in range(4)]
    days.configure(artifacts="backfill")
    for day in (2, 0, 3, 1):
        days.turn(day)
    for day in range(4):
        days.choose_examples(day)
    assert [days.found(day) for day in range(4)] == forwards


def test_object_storage_keeps_vectors_as_a_folder_does(days: Days) -> None:
    days.configure(store="file://", model="org/older")
    days.turn(0)
    days.configure(store="file://")
    for day in (1, 2):
        days.turn(day)
    assert "are of another model" in days.found(1)[0]["sentence"]
    assert "Conversations are like those of the window before" in days.found(2)[0]["sentence"]


def test_a_task_that_is_cleared_alone_changes_nothing_in_the_report(days: Days) -> None:
    for day in (0, 1):
        days.turn(day)
    once = days.report(1)
    days.measure(1)
    assert days.report(1) == once
    days.choose_examples(1)
    assert days.report(1) == once
    asked = sum(len(request["input"]) for request in days.server.requests)
    # Two days of conversations, each once as a passage; and what is evaluated also as a question.
    assert asked <= 2 * CONVERSATIONS + 2 * 20


def test_a_run_without_an_embedding_model_says_nothing_of_embeddings(days: Days) -> None:
    days.turn(0)
    days.configure(model=None)
    days.turn(1)
    assert days.handed[1, "add_examples"]["embedding_drift"] is None
    assert days.found(1) == []
    assert days.report(1)[0]["drift"]["previous"] != []


def test_another_embedding_model_is_told_and_not_compared(days: Days) -> None:
    days.turn(0)
    days.configure(model="org/newer")
    days.turn(1)
    [finding] = days.found(1)
    assert finding["severity"] == "none"
    assert "earlier windows are of another model than org/newer" in finding["sentence"]


def test_kept_vectors_that_are_damaged_are_named_in_the_report(days: Days) -> None:
    days.turn(0)
    [path] = history_folder(days.run(0)).rglob("*.vectors")
    path.write_bytes(path.read_bytes()[: -np.dtype("<f2").itemsize])
    days.turn(1)
    report, text = days.report(1)
    assert f"the kept vectors {path.name} cannot be read" in " ".join(report["drift"]["notes"])
    assert "it is damaged" in text
