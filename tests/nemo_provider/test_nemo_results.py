"""Results of an evaluation: fetched, unpacked, summed up."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from nemo_provider.errors import NemoNotFoundError
from nemo_provider.operators.evaluator import NemoEvaluationResultsOperator
from tests.nemo_provider.conftest import StartPlatform
from tests.nemo_provider.support import TaskInstance, Tenant, evaluation, jobs, until


def completed(platform: Tenant) -> str:
    task = evaluation(platform)
    task.render_template_fields({})
    job_id = task.execute({"ti": TaskInstance()})
    until(lambda: jobs(platform, "evaluation")[0]["status"] == "completed")
    return job_id


def fetch(platform: Tenant, job_id: str, path: str) -> dict[str, Any]:
    task = NemoEvaluationResultsOperator(
        task_id="fetch", job_id=job_id, output_path=path, base_url=platform.nemo_url
    )
    return task.execute({"ti": TaskInstance()})


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_results_are_fetched_into_a_folder(platform: Tenant, tmp_path: Path, scheme: str) -> None:
    job_id, folder = completed(platform), tmp_path / "run" / "base-eval"
    found = fetch(platform, job_id, f"{scheme}{folder}")
    assert found["scores"]["check"]["says"] == {"string-check": 0.5}
    assert found["results"] == f"{scheme}{folder}/results.json"
    samples = orjson.loads((folder / "results.json").read_bytes())
    assert [sample["item"]["wanted"] for sample in samples["check"]] == ["a", "b"]
    assert orjson.loads((folder / "evaluation_result.json").read_bytes())["job"] == job_id


def test_a_download_that_breaks_off_is_started_again(start_platform: StartPlatform, tmp_path: Path) -> None:
    path = "/v1/evaluation/jobs/[^/]+/download-results"
    platform = start_platform({"path": path, "nth": [1], "action": "reset"})
    assert fetch(platform, completed(platform), str(tmp_path))["scores"]


def test_an_unfinished_evaluation_has_no_results(platform: Tenant, tmp_path: Path) -> None:
    with pytest.raises(NemoNotFoundError):
        fetch(platform, "eval-none", str(tmp_path))
