"""# Data flywheel

One turn: export a window of logs, curate a dataset, train and evaluate every candidate, compare, recommend.

```text
logs ─ export(window) ─ curate ─ split ─ ICL ─ upload ─┐
                                                       ├─ per candidate: train → deploy → evaluate three times → release
   preflight (before anything is spent) ───────────────┘                     compare → report → the run is judged
```

A candidate trains with no NIM up; then one deployment serves its evaluations; then it is released, whatever happened. A candidate
that fails is named in the report, and the run ends as failed although the others are compared. Beside the candidates the window is
compared with those before it (drift). Where examples are chosen by similarity, a local embedding model is up for that step alone,
before any candidate. `make up` starts it all on one machine; the README tells the rest.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pendulum
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, Param, TaskGroup, chain, get_parsing_context
from airflow.sdk.definitions.retry_policy import ExceptionRetryPolicy, RetryAction, RetryRule
from airflow.timetables.interval import CronDataIntervalTimetable

from flywheel_tasks.candidate import plan_candidate
from flywheel_tasks.data import (
    add_examples,
    build_datasets,
    curate_records,
    export_logs,
    export_part,
    measure_drift,
    plan_export,
)
from flywheel_tasks.failures import note_failure
from flywheel_tasks.outcome import close_run, compare, write_report
from flywheel_tasks.preflight import preflight
from flywheel_tasks.run import open_run
from flywheel_tasks.settings import flywheel_config
from include.flywheel.config import NimConfig, WorkloadConfig, slug
from include.flywheel.config_models import ServedModel
from include.flywheel.customization import customization_config, hyperparameters
from include.flywheel.deployment import deployment_body
from include.flywheel.errors import FlywheelError
from include.flywheel.evaluation import evaluation_target
from nemo_provider.operators.cleanup import NemoReleaseRunOperator
from nemo_provider.operators.customizer import NemoCustomizationConfigOperator, NemoCustomizationOperator
from nemo_provider.operators.datasets import NemoDatasetUploadOperator
from nemo_provider.operators.deployment import NemoDeleteDeploymentOperator, NemoDeployModelOperator
from nemo_provider.operators.evaluator import NemoEvaluationOperator, NemoEvaluationResultsOperator
from nemo_provider.sensors.customizer import NemoCustomizationSensor
from nemo_provider.sensors.deployment import NemoDeploymentSensor, NemoModelSensor
from nemo_provider.sensors.evaluator import NemoEvaluationSensor

CONFIG = flywheel_config()
NMP = CONFIG.nmp_config
MODELS = [nim.name for nim in CONFIG.candidates]
#: Deployed for the choice of examples alone.
EMBEDDING = CONFIG.embedding if CONFIG.embedding and CONFIG.embedding.is_local else None
JUDGE = CONFIG.llm_judge_config if CONFIG.llm_judge_config and CONFIG.llm_judge_config.is_local else None
#: Seconds between two looks at a job; None leaves it to each sensor, which knows what it waits for.
POLLING = {"poll_interval": CONFIG.poll_interval} if CONFIG.poll_interval else {}
#: What gives GPUs back is tried for half an hour and more: a platform that is being upgraded must not keep them.
UNTIL_RELEASED = {"retries": 12, "retry_exponential_backoff": 2.0, "max_retry_delay": timedelta(minutes=5)}


def flywheel_dag(dag_id: str, workload: WorkloadConfig | None) -> DAG:
    """Make the DAG of one workload of the config, or, without one, the DAG that any workload is run by."""
    schedule = workload.schedule if workload else None
    with DAG(
        dag_id,
        description=(
            f"One turn of the flywheel on {workload.workload_id} of {workload.client_id}"
            if workload
            else "One turn of the flywheel on any workload"
        ),
        doc_md=__doc__,
        schedule=CronDataIntervalTimetable(schedule, timezone="UTC") if schedule else None,
        start_date=pendulum.datetime(2025, 1, 1, tz="UTC"),
        catchup=False,
        # A workload's windows are compared with one another, in order. Different workloads may share the other DAG, but
        # not while each of them holds GPUs for a judge of its own: their candidates could all wait for the last ones.
        max_active_runs=1 if workload or JUDGE else 4,
        # A schedule spends GPUs by itself: a person switches it on.
        is_paused_upon_creation=schedule is not None,
        params=trigger_form(workload),
        tags=["flywheel"],
        default_args={
            "owner": "flywheel",
            # A deferred task that resumes at once can be failed by the scheduler; a retry attaches to the same job.
            "retries": 2,
            "retry_delay": timedelta(seconds=5),
            "retry_policy": ExceptionRetryPolicy([RetryRule(FlywheelError, RetryAction.FAIL)]),
            "on_failure_callback": note_failure,
            "base_url": NMP.nemo_base_url,
        },
    ) as dag:
        checked, run = preflight(), open_run()
        # More than one part of large files, and of an index where the config says so.
        parts = export_part.partial(run=run).expand(part=plan_export(run))
        exported = export_logs(run, parts)
        curated = curate_records(run, exported)
        drift = measure_drift(run, exported, curated)
        split = build_datasets(run, exported, curated)
        dataset = add_examples(run, split)
        uploaded = upload("upload_dataset", dataset["name"], dataset["local_files"])
        chain(checked, run)
        chain(dataset, uploaded)
        # Candidates train when the embedding model has given its GPUs back.
        prepared = [uploaded, embedding(split, dataset)] if EMBEDDING else [uploaded]

        judge = LocalJudge() if JUDGE else None
        finished = [
            last for nim in CONFIG.candidates for last in candidate(nim, run, dataset, prepared, judge)
        ]
        if judge:
            finished.append(judge.release)

        outcome = compare()
        report = write_report(outcome)
        # Normally there is nothing left. But no teardown follows a setup that failed, or whose task a person marked.
        cleaned = NemoReleaseRunOperator(
            task_id="release_run",
            namespace=NMP.nmp_namespace,
            trigger_rule="all_done",
            **POLLING,
            **UNTIL_RELEASED,
        )
        closed = close_run()
        # Comparing waits for the drift, and goes on without it: no candidate depends on it.
        chain(drift, outcome)
        chain(finished, outcome, report, closed)
        chain(finished, cleaned, closed)
    return dag


def embedding(split: Any, dataset: Any) -> Any:
    """Add the local embedding model around the choice of examples; return its release."""
    with TaskGroup("embedding", tooltip=EMBEDDING.model_name):
        name = f"embedding-{slug(EMBEDDING.model_name)}-{{{{ ti.xcom_pull('open_run')['key'] }}}}"
        deploy, ready, release = deployment(EMBEDDING, name)
        listed = NemoModelSensor(
            task_id="wait_model", model=EMBEDDING.model_name, base_url=NMP.nim_base_url, **POLLING
        )
    chain(split, deploy)
    chain(ready, listed, dataset, release)
    return release


def upload(task_id: str, name: Any, files: Any) -> NemoDatasetUploadOperator:
    """Add the upload of a dataset."""
    return NemoDatasetUploadOperator(
        task_id=task_id,
        namespace=NMP.nmp_namespace,
        name=name,
        files=files,
        datastore_base_url=NMP.datastore_base_url,
    )


def candidate(
    nim: NimConfig, run: Any, dataset: Any, prepared: list[Any], judge: LocalJudge | None
) -> list[Any]:
    """Add the task group of one candidate; return its last tasks: the release and what fetches results."""
    training = CONFIG.training_for(nim)
    with TaskGroup(nim.slug, tooltip=nim.name):
        plan = plan_candidate.override(task_id="plan")(nim.name, run, dataset)
        prepared >> plan
        # Runs when training has ended in whatever way; skipped when the candidate was not chosen for this run.
        admit = EmptyOperator(task_id="admit", trigger_rule="all_done_min_one_success")
        plan >> admit

        customized_model = None
        if nim.customization_enabled:
            config = NemoCustomizationConfigOperator(
                task_id="create_config", **customization_config(nim, training, NMP.nmp_namespace)
            )
            submit = NemoCustomizationOperator(
                task_id="submit_customization",
                config=config.output,
                dataset=plan["dataset"],
                hyperparameters=hyperparameters(training),
                output_model=plan["output_model"],
                namespace=NMP.nmp_namespace,
            )
            trained = NemoCustomizationSensor(task_id="wait_customization", job_id=submit.output, **POLLING)
            chain(plan, config, submit, trained, admit)
            if nim.max_tool_parameters:
                upload("upload_training", plan["training_name"], plan["training_files"]) >> submit
            customized_model = submit.output["output_model"]

        deploy, ready, release = deployment(nim, plan["deployment"])
        admit >> deploy
        if judge:
            # The judge first: a candidate that waits for it would hold GPUs for nothing.
            admit >> judge.deploy
            judge.ready >> deploy

        waits, fetched = [], []
        for name in CONFIG.evaluations_of(nim):
            model, after = nim.name, ready
            if name == "customized-eval":
                after = NemoModelSensor(
                    task_id="wait_customized_model",
                    model=customized_model,
                    base_url=NMP.nim_base_url,
                    **POLLING,
                )
                chain([ready, trained], after)
                model = customized_model
            wait, results = evaluation(name, plan, model, after)
            waits.append(wait)
            fetched.append(results)
        chain(waits, release)
        if judge:
            chain(waits, judge.release)
    return [release, *fetched]


def deployment(model: ServedModel, name: Any) -> tuple[Any, Any, Any]:
    """Add deploying, waiting for ready, and releasing, which follows from deploying whatever happens in between."""
    body = deployment_body(model, NMP.nmp_namespace)
    deploy = NemoDeployModelOperator(
        task_id="deploy",
        name=name,
        namespace=NMP.nmp_namespace,
        config=body["config"],
        gpus=model.serving_gpus,
    ).as_setup()
    ready = NemoDeploymentSensor(task_id="wait_ready", deployment=deploy.output, **POLLING)
    release = NemoDeleteDeploymentOperator(
        task_id="release", deployment=deploy.output, **POLLING, **UNTIL_RELEASED
    )
    chain(deploy, ready, release.as_teardown(setups=deploy))
    return deploy, ready, release


def evaluation(name: str, plan: Any, model: Any, after: Any) -> tuple[Any, Any]:
    """Add one evaluation. Returns the wait, after which no NIM is needed, and the task that fetches the results."""
    with TaskGroup(name.replace("-", "_")) as group:
        submit = NemoEvaluationOperator(
            task_id="submit",
            config=plan[group.label],
            target=evaluation_target(model),
            namespace=NMP.nmp_namespace,
        )
        wait = NemoEvaluationSensor(task_id="wait", job_id=submit.output, **POLLING)
        results = NemoEvaluationResultsOperator(
            task_id="results",
            job_id=submit.output,
            output_path="{{ ti.xcom_pull('open_run')['folder'] }}/evaluations/{{ ti.task_id.rpartition('.')[0] }}",
        )
        chain(after, submit, wait, results)
    return wait, results


class LocalJudge:
    """The local judge's tasks: deployed when the first candidate is ready to be, released after the last evaluation."""

    def __init__(self) -> None:
        with TaskGroup("judge"):
            name = f"judge-{slug(JUDGE.model_name)}-{{{{ ti.xcom_pull('open_run')['key'] }}}}"
            self.deploy, self.ready, self.release = deployment(JUDGE, name)
        self.deploy.trigger_rule = "one_success"


def trigger_form(workload: WorkloadConfig | None) -> dict[str, Param]:
    """Return the parameters of a run, as the trigger form shows them."""
    return {
        "client_id": Param(
            workload.client_id if workload else "",
            type="string",
            minLength=1,
            title="Client",
            description="The client_id of the log records.",
            section="Logs",
        ),
        "workload_id": Param(
            workload.workload_id if workload else "",
            type="string",
            minLength=1,
            maxLength=200,
            title="Workload",
            description="The workload_id of the log records.",
            section="Logs",
        ),
        "logs": Param(
            None,
            type=["null", "string"],
            title="Logs",
            description=(
                "File, folder or URL: .jsonl, .json (also .gz, .xz, .zst) or .parquet; or elasticsearch://<connection>/<index>. "
                "Empty: what the config says."
            ),
            section="Logs",
        ),
        "window_start": Param(
            None,
            type=["null", "string"],
            format="date-time",
            title="Window start",
            description="First moment of the window. Empty: the run's data interval; all logs for a manual run.",
            section="Window",
        ),
        "window_end": Param(
            None,
            type=["null", "string"],
            format="date-time",
            title="Window end",
            description="First moment after the window.",
            section="Window",
        ),
        "models": Param(
            [],
            type="array",
            items={"type": "string", "enum": MODELS},
            uniqueItems=True,
            examples=MODELS,
            title="Models",
            description="Candidates of this run. None chosen: all of them.",
            section="Candidates",
        ),
    }


DAGS: dict[str, WorkloadConfig | None] = {"flywheel": None}
DAGS |= {each.dag_id: each for each in CONFIG.workloads}
#: A task of one DAG has no use for the others.
ASKED = get_parsing_context().dag_id
for name, configured in DAGS.items():
    if ASKED in (None, name):
        flywheel_dag(name, configured)
