"""A candidate with a limit on tool parameters: what it trains on is uploaded for it, and what that means for the others."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from flywheel_tasks import data
from flywheel_tasks.candidate import plan_candidate
from include.local_nemo.platform import Platform
from include.local_nemo.testing import running_platform
from nemo_provider.errors import NemoConfigurationError
from nemo_provider.hooks.datastore import DatastoreHook
from nemo_provider.hooks.nemo import NemoHook
from tests.dags.exports import whole_export
from tests.flywheel.samples import CLIENT, WORKLOAD, tool_record, write_logs
from tests.nemo_provider.support import context

AIRFLOW = SimpleNamespace(dag_id="flywheel", run_id="run-1")


def config(platform: Platform | None = None, limit: int = 8) -> dict[str, Any]:
    addresses = {
        "nemo_base_url": platform.nemo_url if platform else "http://nemo.test",
        "datastore_base_url": platform.datastore_url if platform else "http://data.test",
        "nim_base_url": platform.nim_url if platform else "http://nim.test",
    }
    common = {"context_length": 8192, "customization_enabled": True}
    return {
        "nmp_config": addresses,
        "nims": [
            {"model_name": "a/small", "max_tool_parameters": limit, **common},
            {"model_name": "a/large", **common},
        ],
        "data_split_config": {"eval_size": 10, "min_total_records": 0},
    }


def planned(tmp_path: Path) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Return a dataset, of whose conversations every third is shown a tool with nine parameters, and the plan by model."""
    records = [tool_record(f"c{c}", turn) for c in range(60) for turn in range(2)]
    for number, each in enumerate(records):
        properties = {f"p{i}": {} for i in range(9 if number // 2 % 3 == 0 else 2)}
        parameters = {"type": "object", "properties": properties}
        each["request"]["tools"] = [
            {"type": "function", "function": {"name": "get_order", "parameters": parameters}}
        ]
    run: Any = {
        "client_id": CLIENT, "workload_id": WORKLOAD, "logs": str(write_logs(tmp_path / "logs.jsonl", records)),
        "folder": str(tmp_path / "run"), "window_start": None, "window_end": None, "key": "k",
        "models": ["a/small", "a/large"],
    }  # fmt: skip
    exported = whole_export(run)
    split = data.build_datasets.function(run, exported, data.curate_records.function(run, exported))
    dataset = data.add_examples.function(run, split)
    plans = {model: plan_candidate.function(model, run, dataset, dag_run=AIRFLOW) for model in run["models"]}
    return dataset, plans


def test_only_a_limited_candidate_has_an_upload_and_only_its_training_waits_for_it(dag_of: Any) -> None:
    dag = dag_of(config())
    assert [task_id for task_id in dag.task_ids if "upload" in task_id] == [
        "upload_dataset",
        "a-small.upload_training",
    ]
    assert dag.get_task("a-small.upload_training").downstream_task_ids == {"a-small.submit_customization"}
    assert dag.get_task("a-small.admit").trigger_rule == "all_done_min_one_success"


def test_a_limited_candidate_trains_on_its_own_dataset_and_is_evaluated_on_the_common_one(
    dag_of: Any, tmp_path: Path
) -> None:
    dag_of(config())
    dataset, plans = planned(tmp_path)
    small, large = plans["a/small"], plans["a/large"]
    assert large["dataset"] == f"dfwbp/{dataset['name']}"
    assert small["dataset"] == f"dfwbp/{small['training_name']}" != large["dataset"]
    assert small["output_model"] != large["output_model"]
    assert small["base_eval"] == large["base_eval"]
    assert "training_files" not in large


def test_its_upload_puts_the_rows_where_the_customizer_reads_them(dag_of: Any, tmp_path: Path) -> None:
    with running_platform() as platform:
        dag = dag_of(config(platform))
        dataset, plans = planned(tmp_path)
        upload = dag.get_task("a-small.upload_training")
        upload.name, upload.files = plans["a/small"]["training_name"], plans["a/small"]["training_files"]
        upload.execute(context())
        reference = plans["a/small"]["dataset"]
        stored = DatastoreHook(base_url=platform.datastore_url).list_files(reference)
        assert stored is not None
        files = dataset["limited"]["8"]["files"]
        assert {path: stored[path].size for path in files} == {path: files[path]["bytes"] for path in files}
        assert NemoHook(base_url=platform.nemo_url).get_dataset(reference) is not None


def test_a_limit_that_leaves_nothing_fails_the_upload_before_anything_is_made(
    dag_of: Any, tmp_path: Path
) -> None:
    with running_platform() as platform:
        dag = dag_of(config(platform, limit=1))
        _, plans = planned(tmp_path)
        upload = dag.get_task("a-small.upload_training")
        upload.name, upload.files = plans["a/small"]["training_name"], plans["a/small"]["training_files"]
        with pytest.raises(NemoConfigurationError, match="is empty"):
            upload.execute(context())
        hook = DatastoreHook(base_url=platform.datastore_url)
        assert hook.list_files(plans["a/small"]["dataset"]) is None
