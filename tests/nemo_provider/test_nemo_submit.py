"""One job, one name: whatever happens to the task, the platform gets the work once."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from airflow.sdk.exceptions import AirflowFailException

from nemo_provider.errors import NemoConflictError, NemoInvalidRequestError
from nemo_provider.hooks.nemo import NemoHook
from nemo_provider.operators.customizer import NemoCustomizationConfigOperator
from nemo_provider.operators.evaluator import NemoEvaluationOperator
from tests.nemo_provider.conftest import StartPlatform
from tests.nemo_provider.support import (
    HYPERPARAMETERS,
    MODEL,
    OPTION,
    TaskInstance,
    Tenant,
    context,
    customizable,
    customization,
    jobs,
    statuses,
    until,
)

#: Long enough for a job to stay as it is while a test looks at it.
SLOW = 60.0
POST_JOB = {"method": "POST", "path": "/v1/customization/jobs", "nth": [1]}


@pytest.fixture
def slow(start_platform: StartPlatform) -> Tenant:
    return start_platform(job_start=SLOW)


def test_submit_returns_the_id_and_pushes_the_models_name(slow: Tenant, tmp_path: Path) -> None:
    ti = TaskInstance()
    job_id = customization(slow, customizable(slow, tmp_path)).execute({"ti": ti})
    [job] = jobs(slow)
    assert job_id == job["id"]
    assert ti.xcoms["output_model"] == f"{slow.namespace}/customized@{job_id}"
    assert ti.xcoms["origin"] == "submit"
    assert ti.xcoms["nemo_link"] == f"{slow.nemo_url}/v1/customization/jobs/{job_id}"
    assert job["custom_fields"]["airflow_run_id"] == "a_run"


def test_retry_attaches_instead_of_submitting_twice(slow: Tenant, tmp_path: Path) -> None:
    wanted, ti = customizable(slow, tmp_path), TaskInstance()
    first = customization(slow, wanted).execute(context())
    assert customization(slow, wanted).execute({"ti": ti}) == first
    assert ti.xcoms["origin"] == "attach"
    assert ti.xcoms["output_model"].endswith(first)
    assert len(jobs(slow)) == 1


def test_another_key_is_another_job(slow: Tenant, tmp_path: Path) -> None:
    wanted = customizable(slow, tmp_path)
    customization(slow, wanted).execute(context())
    customization(slow, wanted, job_key="night-2/customize").execute(context())
    assert len(jobs(slow)) == 2


def test_a_completed_job_is_reused_while_its_model_is_there(platform: Tenant, tmp_path: Path) -> None:
    wanted, ti = customizable(platform, tmp_path), TaskInstance()
    first = customization(platform, wanted).execute(context())
    until(lambda: statuses(platform) == ["completed"])
    assert customization(platform, wanted).execute({"ti": ti}) == first
    assert ti.xcoms["origin"] == "reuse"
    NemoHook(base_url=platform.nemo_url).delete_model(ti.xcoms["output_model"])
    assert customization(platform, wanted).execute(context()) != first


@pytest.mark.parametrize("end", ["fail", "cancel"])
def test_a_failed_or_cancelled_job_is_submitted_anew(
    start_platform: StartPlatform, tmp_path: Path, end: str
) -> None:
    faults = [{"kind": "customization", "nth": [1], "fail": "CUDA error"}] if end == "fail" else []
    platform = start_platform(*faults, job_start=0 if faults else SLOW)
    wanted = customizable(platform, tmp_path)
    first = customization(platform, wanted).execute(context())
    if end == "cancel":
        NemoHook(base_url=platform.nemo_url).cancel_job("customization", first)
    until(lambda: statuses(platform)[0] in ("failed", "cancelled"))
    assert customization(platform, wanted).execute(context()) != first


def test_a_changed_request_cancels_the_unfinished_job_first(slow: Tenant, tmp_path: Path) -> None:
    wanted = customizable(slow, tmp_path)
    customization(slow, wanted).execute(context())
    customization(slow, wanted, hyperparameters={**HYPERPARAMETERS, "epochs": 3}).execute(context())
    until(lambda: statuses(slow) == ["cancelled", "created"])


def test_a_refused_request_is_not_retried(slow: Tenant, tmp_path: Path) -> None:
    wanted = customizable(slow, tmp_path)
    with pytest.raises(NemoInvalidRequestError) as refused:
        customization(slow, wanted, hyperparameters={"finetuning_type": "no such thing"}).execute(context())
    assert isinstance(refused.value, AirflowFailException)


def test_kill_cancels_the_job(slow: Tenant, tmp_path: Path) -> None:
    task = customization(slow, customizable(slow, tmp_path))
    task.execute(context())
    task.on_kill()
    until(lambda: statuses(slow) == ["cancelled"])


def test_a_kill_while_submitting_cancels_what_is_submitted(slow: Tenant, tmp_path: Path) -> None:
    task = customization(slow, customizable(slow, tmp_path))
    task.on_kill()
    with pytest.raises(AirflowFailException, match="was cancelled"):
        task.execute(context())
    until(lambda: statuses(slow) == ["cancelled"])


def test_the_platforms_templates_pass_through_airflow(platform: Tenant) -> None:
    messages = "{{ item.request.messages | tojson }}"
    config = {"tasks": {"t": {"params": {"template": {"messages": messages, "note": "{% x %} {# y #}"}}}}}
    task = NemoEvaluationOperator(
        task_id="e",
        config=config,
        target={"type": "model", "model": "{{ ti.run_id }}"},
        base_url=platform.nemo_url,
    )
    task.render_template_fields({"ti": TaskInstance()})
    assert task.config == config
    assert task.target["model"] == "a_run"
    assert task.job_key == "a_dag/a_run/a_task/-1"


def test_a_literal_key_is_refused_when_the_dag_is_parsed() -> None:
    config = {
        "tasks": {"t": {"metrics": {"m": {"params": {"model": {"api_endpoint": {"api_key": "sk-1"}}}}}}}
    }
    with pytest.raises(ValueError, match=r"api_endpoint\.api_key holds a literal secret") as refused:
        NemoEvaluationOperator(task_id="e", config=config, target="ns/t")
    assert "sk-1" not in str(refused.value)


def config_operator(platform: Tenant, **changes: Any) -> NemoCustomizationConfigOperator:
    arguments = {
        "task_id": "config",
        "name": "student-s",
        "namespace": platform.namespace,
        "target": f"{MODEL}@1.0",
        "training_options": [OPTION],
        "base_url": platform.nemo_url,
        **changes,
    }
    return NemoCustomizationConfigOperator(**arguments)


def test_a_config_without_version_gets_one_from_its_content(platform: Tenant) -> None:
    first = config_operator(platform).execute(context())
    assert first.startswith(f"{platform.namespace}/student-s@v1.0.0+")
    assert config_operator(platform).execute(context()) == first
    assert config_operator(platform, max_seq_length=8192).execute(context()) != first


def test_a_version_is_never_reused_for_other_content(platform: Tenant) -> None:
    version = "student-s@v2.0.0+t"
    config_operator(platform, name=version).execute(context())
    config_operator(platform, name=version).execute(context())
    with pytest.raises(
        NemoConflictError, match=r"other content \(training_options\[0\].num_gpus\).*new version"
    ):
        config_operator(platform, name=version, training_options=[{**OPTION, "num_gpus": 2}]).execute(
            context()
        )


def test_a_config_whose_answer_was_lost_is_there(start_platform: StartPlatform) -> None:
    path = "/v1/customization/configs"
    lossy = start_platform({"method": "POST", "path": path, "nth": [1], "action": "lose_answer"})
    reference = config_operator(lossy).execute(context())
    assert requests.get(f"{lossy.nemo_url}{path}/{reference}", timeout=10).ok


def test_the_link_of_a_job_opens_it(slow: Tenant, tmp_path: Path, connection: Callable[..., None]) -> None:
    connection("nemo_linked", slow.nemo_url, password="s3cret-token")
    ti = TaskInstance()
    customization(slow, customizable(slow, tmp_path), nemo_conn_id="nemo_linked", base_url=None).execute(
        {"ti": ti}
    )
    assert requests.get(ti.xcoms["nemo_link"], timeout=10).ok
    assert "s3cret-token" not in str(ti.xcoms)
