"""Datasets: uploaded once, registered, verified."""

from pathlib import Path
from typing import Any

import pytest
import requests

from nemo_provider.hooks.datastore import DatastoreHook
from nemo_provider.operators.datasets import NemoDatasetUploadOperator
from tests.nemo_provider.conftest import StartPlatform
from tests.nemo_provider.support import TaskInstance, Tenant


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    for name in ("train", "validation"):
        (tmp_path / f"{name}.jsonl").write_text(f'{{"file": "{name}"}}\n')
    return {
        str(tmp_path / "train.jsonl"): "training/train.jsonl",
        f"file://{tmp_path}/validation.jsonl": "validation/validation.jsonl",
    }


def upload(platform: Tenant, files: dict[str, str], **changes: Any) -> dict[str, Any]:
    arguments = {
        "task_id": "upload",
        "files": files,
        "name": "logs",
        "namespace": platform.namespace,
        "description": "a night's logs",
        "base_url": platform.nemo_url,
        "datastore_base_url": platform.datastore_url,
        **changes,
    }
    return NemoDatasetUploadOperator(**arguments).execute({"ti": TaskInstance()})


@pytest.mark.parametrize("mode", ["regular", "lfs"])
def test_hub_upload_is_idempotent(start_platform: StartPlatform, files: dict[str, str], mode: str) -> None:
    platform = start_platform(upload_mode=mode)
    first, second = upload(platform, files), upload(platform, files)
    assert (first["uploaded"], first["skipped"]) == (2, 0)
    assert (second["uploaded"], second["skipped"], second["commit"]) == (0, 2, None)
    assert first["files"] == second["files"]
    stored = platform.platform.datastore.read("dataset", f"{platform.namespace}/logs", "training/train.jsonl")
    assert stored == b'{"file": "train"}\n'


def test_only_changed_content_is_uploaded_again(
    start_platform: StartPlatform, files: dict[str, str], tmp_path: Path
) -> None:
    platform = start_platform()
    upload(platform, files)
    (tmp_path / "train.jsonl").write_text('{"file": "tra1n"}\n')
    again = upload(platform, files)
    assert (again["uploaded"], again["skipped"]) == (1, 1)


def test_the_dataset_is_registered(start_platform: StartPlatform, files: dict[str, str]) -> None:
    platform = start_platform()
    upload(platform, files)
    upload(platform, files, description="another night's logs")
    entity = requests.get(f"{platform.nemo_url}/v1/datasets/{platform.namespace}/logs", timeout=10).json()
    assert entity["files_url"] == f"hf://datasets/{platform.namespace}/logs"
    assert entity["description"] == "another night's logs"
    assert entity["custom_fields"]["airflow_dag_id"] == "a_dag"


@pytest.mark.parametrize(
    "lost", [r"/v1/hf/api/repos/create", r"/v1/hf/api/datasets/.*/commit/main", r"/v1/datasets"]
)
def test_a_lost_answer_does_not_lose_the_upload(
    start_platform: StartPlatform, files: dict[str, str], lost: str
) -> None:
    platform = start_platform({"method": "POST", "path": lost, "nth": [1], "action": "lose_answer"})
    upload(platform, files)
    assert upload(platform, files)["skipped"] == 2


def test_a_busy_data_store_is_asked_again(start_platform: StartPlatform, files: dict[str, str]) -> None:
    platform = start_platform(
        {"service": "data_store", "path": ".*", "nth": [1, 3, 6], "action": {"status": 503, "body": "busy"}}
    )
    assert upload(platform, files)["uploaded"] == 2


def test_the_hub_client_gets_the_connections_token(
    start_platform: StartPlatform, files: dict[str, str], connection: Any
) -> None:
    platform = start_platform(bearer_token="right")
    connection("nemo_default", platform.nemo_url, password="right")
    connection("nemo_datastore_default", platform.datastore_url, password="right")
    assert upload(platform, files, base_url=None, datastore_base_url=None)["uploaded"] == 2


def test_paths_of_the_run_are_templates_on_both_sides() -> None:
    files = {"/runs/{{ ti.run_id }}/train.jsonl": "training/{{ ti.run_id }}.jsonl"}
    task = NemoDatasetUploadOperator(task_id="upload", files=files, name="d", namespace="n")
    task.render_template_fields({"ti": TaskInstance()})
    assert task.files == {"/runs/a_run/train.jsonl": "training/a_run.jsonl"}


def test_a_repository_that_is_not_there_has_no_files(platform: Tenant) -> None:
    assert DatastoreHook(base_url=platform.datastore_url).list_files("ns/none") is None
