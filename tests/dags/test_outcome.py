"""What is told of a candidate that went wrong."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests

from flywheel_tasks import outcome
from flywheel_tasks.settings import flywheel_config
from include.flywheel.config import FlywheelConfig, load_config
from include.local_nemo.testing import running_platform, wait_until
from tests.nemo_provider.support import Tenant, customizable, customization, jobs

DATASET = {"eval": 100}
CONFIG = """
nmp_config: {nemo_base_url: "%s"}
nims:
  - model_name: local/student-s
    context_length: 16384
    gpus: 2
    customization_enabled: true
    customizer_configs: {target: "local/student-s@1.0", gpus: 1}
"""


class Airflow:
    """The XComs that the tasks of one candidate have left."""

    def __init__(self, xcoms: dict[tuple[str, str], Any]) -> None:
        self.xcoms = xcoms

    def xcom_pull(self, task_ids: str, key: str = "return_value") -> Any:
        return self.xcoms.get((task_ids.removeprefix("local-student-s."), key))


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Make a config for a platform the one that tasks find."""

    def use(nemo_url: str) -> FlywheelConfig:
        path = tmp_path / "config.yaml"
        path.write_text(CONFIG % nemo_url)
        monkeypatch.setenv("FLYWHEEL_CONFIG", str(path))
        flywheel_config.cache_clear()
        return load_config(path)

    yield use
    monkeypatch.undo()
    flywheel_config.cache_clear()


def candidate(
    config: FlywheelConfig,
    folder: Path,
    xcoms: dict[tuple[str, str], Any],
    failed: str = "wait_customization",
) -> Any:
    run = {"folder": str(folder), "models": ["local/student-s"]}
    states = {f"local-student-s.{failed}": "failed"}
    nim = config.candidates[0]
    return outcome._Pieces(nim, run, DATASET, states, Airflow(xcoms)).candidate()


def test_a_training_that_was_cancelled_has_cost_the_gpus_that_it_held(tmp_path: Path, config: Any) -> None:
    with running_platform(training_min=60) as platform:
        tenant = Tenant(platform, "ns")
        job_id = customization(tenant, customizable(tenant, tmp_path)).execute(
            {
                "ti": SimpleNamespace(
                    dag_id="d", run_id="r", task_id="t", map_index=-1, xcom_push=lambda key, value: None
                )
            }
        )
        wait_until(lambda: jobs(tenant)[0]["status"] == "running")
        requests.post(
            f"{platform.nemo_url}/v1/customization/jobs/{job_id}/cancel", timeout=10
        ).raise_for_status()
        wait_until(lambda: jobs(tenant)[0]["status"] == "cancelled")
        xcoms = {("submit_customization", "return_value"): job_id}
        found = candidate(config(platform.nemo_url), tmp_path, xcoms)
        assert found.customization.status == "failed"
        assert found.gpu_seconds == jobs(tenant)[0]["status_details"]["elapsed_time"] > 0


def test_a_training_whose_cost_nobody_can_tell_says_so_and_loses_no_report(
    tmp_path: Path, config: Any
) -> None:
    with running_platform() as platform:
        gone = platform.nemo_url
    found = candidate(config(gone), tmp_path, {("submit_customization", "return_value"): "cust-1"})
    assert found.gpu_seconds == 0
    assert "what it cost is not known: No connection" in found.customization.error


def test_a_deployment_that_nobody_saw_end_has_cost_gpus_until_now(tmp_path: Path, config: Any) -> None:
    made = datetime.now(UTC) - timedelta(seconds=100)
    created_at = made.strftime("%Y-%m-%dT%H:%M:%S.%f000Z")
    settings = config("http://nemo.test")
    found = candidate(settings, tmp_path, {("deploy", "created_at"): created_at})
    assert 200 <= found.gpu_seconds < 260
    released = {
        ("deploy", "created_at"): created_at,
        ("release", "return_value"): {"existed": True, "lifetime_seconds": 7.5},
    }
    assert candidate(settings, tmp_path, released).gpu_seconds == 15


@pytest.mark.parametrize("step", ["upload_training", "create_config", "submit_customization"])
def test_a_training_that_never_began_is_told_with_the_reason_of_the_step_before_it(
    tmp_path: Path, config: Any, step: str
) -> None:
    task_id = f"local-student-s.{step}"
    (tmp_path / "errors").mkdir()
    (tmp_path / "errors" / f"{task_id}.json").write_text(
        json.dumps({"task_id": task_id, "error": "nothing there"})
    )
    found = candidate(config("http://nemo.test"), tmp_path, {}, failed=step)
    assert found.customization.error == "nothing there"
    assert "customization: nothing there" in found.errors
