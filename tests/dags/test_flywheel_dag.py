"""The shape of the DAG: what runs after what, and what runs whatever happens."""

import importlib
from datetime import timedelta

import flywheel
import pytest
from airflow.sdk import DAG

from nemo_provider.operators.deployment import NemoDeployModelOperator
from nemo_provider.sensors.base import NemoSensor

CANDIDATES = ["local-student-s", "local-student-m", "local-student-l"]


@pytest.fixture(scope="module")
def dag() -> DAG:
    return flywheel.flywheel_dag("under_test", None)


def upstream_of(dag: DAG, task_id: str) -> set[str]:
    return dag.get_task(task_id).get_flat_relative_ids(upstream=True)


def test_every_candidate_is_a_group_named_after_its_model(dag: DAG) -> None:
    assert set(CANDIDATES) <= {dag.task_group.get_child_by_label(name).group_id for name in CANDIDATES}


@pytest.mark.parametrize("candidate", CANDIDATES)
def test_a_candidate_trains_before_it_is_deployed(dag: DAG, candidate: str) -> None:
    assert f"{candidate}.wait_customization" in upstream_of(dag, f"{candidate}.deploy")
    assert f"{candidate}.deploy" not in upstream_of(dag, f"{candidate}.wait_customization")


@pytest.mark.parametrize("candidate", CANDIDATES)
def test_a_failed_training_does_not_keep_base_and_icl_from_being_evaluated(dag: DAG, candidate: str) -> None:
    assert dag.get_task(f"{candidate}.admit").trigger_rule == "all_done_min_one_success"
    direct = dag.get_task(f"{candidate}.base_eval.submit").upstream_task_ids
    assert f"{candidate}.wait_customization" not in direct


def test_every_deployment_has_a_teardown_after_its_last_evaluation(dag: DAG) -> None:
    deployments = [task for task in dag.tasks if isinstance(task, NemoDeployModelOperator)]
    assert len(deployments) == len(CANDIDATES) + 1  # the judge's
    for deploy in deployments:
        group = deploy.task_id.rpartition(".")[0]
        release = dag.get_task(f"{group}.release")
        assert deploy.is_setup
        assert release.is_teardown
        assert deploy.task_id in release.upstream_task_ids
        waits = {t.task_id for t in dag.tasks if t.task_id.endswith("_eval.wait")}
        own = waits if group == "judge" else {w for w in waits if w.startswith(f"{group}.")}
        assert own
        assert own <= release.upstream_task_ids


def test_no_candidate_is_deployed_before_the_judge_is_ready(dag: DAG) -> None:
    for candidate in CANDIDATES:
        assert "judge.wait_ready" in upstream_of(dag, f"{candidate}.deploy")


def test_everything_that_defers_is_retried_twice_and_holds_no_worker(dag: DAG) -> None:
    sensors = [task for task in dag.tasks if isinstance(task, NemoSensor)]
    assert sensors
    for task in [*sensors, *(dag.get_task(f"{c}.release") for c in CANDIDATES)]:
        assert task.deferrable
        assert task.retries >= 2


def test_the_run_is_judged_after_every_release(dag: DAG) -> None:
    upstream = upstream_of(dag, "close_run")
    assert {f"{c}.release" for c in CANDIDATES} | {"judge.release", "write_report"} <= upstream
    assert dag.get_task("close_run").trigger_rule == "all_done"


def test_what_no_teardown_has_released_is_released_before_the_run_is_judged(dag: DAG) -> None:
    cleaned = dag.get_task("release_run")
    assert cleaned.trigger_rule == "all_done"
    assert {f"{c}.release" for c in CANDIDATES} | {"judge.release"} <= cleaned.upstream_task_ids
    assert "release_run" in dag.get_task("close_run").upstream_task_ids


def test_giving_gpus_back_is_tried_for_longer_than_a_platform_is_upgraded(dag: DAG) -> None:
    for name in ("release_run", "judge.release", *(f"{c}.release" for c in CANDIDATES)):
        task = dag.get_task(name)
        waits = [
            min(task.retry_delay * task.retry_exponential_backoff**n, task.max_retry_delay)
            for n in range(task.retries)
        ]
        assert sum(waits, timedelta()) > timedelta(minutes=30)


def test_no_candidate_waits_for_the_drift_and_the_comparison_goes_on_without_it(dag: DAG) -> None:
    for task in dag.tasks:
        waits = "measure_drift" in upstream_of(dag, task.task_id)
        assert waits == (task.task_id in {"compare", "write_report", "close_run"})
    assert dag.get_task("compare").trigger_rule == "all_done"


def test_nothing_is_spent_before_preflight(dag: DAG) -> None:
    for task in dag.tasks:
        assert task.task_id == "preflight" or "preflight" in upstream_of(dag, task.task_id)


def test_a_workload_of_the_config_has_a_dag_with_its_schedule_that_a_person_switches_on(
    tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flywheel_tasks.settings import flywheel_config

    config = tmp_path / "config.yaml"
    config.write_text(
        "nims: [{model_name: a/b, context_length: 8192}]\n"
        "icl_config: {max_context_length: 8192}\n"
        'workloads: [{workload_id: support.desk, client_id: acme, schedule: "0 2 * * *", logs: /logs}]\n'
    )
    monkeypatch.setenv("FLYWHEEL_CONFIG", str(config))
    flywheel_config.cache_clear()
    try:
        module = importlib.reload(flywheel)
        nightly = module.flywheel_dag("nightly", module.CONFIG.workloads[0])
        assert nightly.timetable.summary == "0 2 * * *"
        assert nightly.is_paused_upon_creation
        assert nightly.max_active_runs == 1
        assert nightly.params["workload_id"] == "support.desk"
        assert "judge.deploy" not in nightly.task_ids
        assert "a-b.wait_customization" not in nightly.task_ids
        assert "a-b.base_eval.wait" in nightly.task_ids
    finally:
        monkeypatch.undo()
        flywheel_config.cache_clear()
        importlib.reload(flywheel)


@pytest.mark.parametrize(
    ("name", "bad"),
    [("client_id", ""), ("window_start", "nonsense"), ("window_end", "2025-10-11"), ("models", ["no/such"])],
)
def test_the_trigger_form_refuses_what_makes_no_sense(dag: DAG, name: str, bad: object) -> None:
    from airflow.sdk.exceptions import ParamValidationError

    with pytest.raises(ParamValidationError):
        dag.params.get_param(name).resolve(bad)


@pytest.mark.parametrize(
    ("name", "good"),
    [("window_start", "2025-10-01T00:00:00.000Z"), ("window_start", None), ("models", ["local/student-s"])],
)
def test_the_trigger_form_takes_what_the_ui_sends(dag: DAG, name: str, good: object) -> None:
    assert dag.params.get_param(name).resolve(good) == good
