"""After the candidates: compare what came of them, report it, and judge the run."""

from __future__ import annotations

import logging
import os
import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from airflow.sdk import task
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from flywheel_tasks.failures import NO_NOTE, noted_failure
from flywheel_tasks.run import Run, run_folder
from flywheel_tasks.settings import ROOT, flywheel_config, storage_path
from include.flywheel.config import NimConfig
from include.flywheel.drift.result import Drift
from include.flywheel.results import Candidate, Customization, Evaluation
from nemo_provider.errors import NemoError
from nemo_provider.hooks.nemo import NemoHook
from nemo_provider.times import parse_time

log = logging.getLogger(__name__)


@task(trigger_rule="all_done")
def compare(ti: Any = None) -> list[dict[str, Any]]:
    """Put together what became of each chosen candidate, failed ones included. Skipped when there was no dataset."""
    run, dataset = ti.xcom_pull(task_ids="open_run"), ti.xcom_pull(task_ids="add_examples")
    states = task_states(ti)
    if states.get("upload_dataset") != "success":
        raise AirflowSkipException("There is no dataset, so no candidate ran")
    chosen = [nim for nim in flywheel_config().candidates if nim.name in run["models"]]
    return [_Pieces(nim, run, dataset, states, ti).candidate().model_dump(mode="json") for nim in chosen]


@task
def write_report(candidates: list[dict[str, Any]], ti: Any = None) -> dict[str, Any]:
    """Write report.json and report.md; return their paths and the verdict."""
    from include.flywheel.curate import CurationSummary
    from include.flywheel.export import ExportSummary
    from include.flywheel.manifest import DatasetSummary
    from include.flywheel.report import make_report, verdict, write_report

    run: Run = ti.xcom_pull(task_ids="open_run")
    dataset = ti.xcom_pull(task_ids="add_examples")
    drift, unmeasured = measured_drift(
        run, task_states(ti).get("measure_drift"), dataset.get("embedding_drift")
    )
    report = make_report(
        config=flywheel_config(),
        run_id=ti.run_id,
        dag_id=ti.dag_id,
        client_id=run["client_id"],
        workload_id=run["workload_id"],
        exported=ExportSummary(**ti.xcom_pull(task_ids="export_logs")),
        curated=CurationSummary(**ti.xcom_pull(task_ids="curate_records")),
        dataset=DatasetSummary(**dataset),
        candidates=[Candidate(**candidate) for candidate in candidates],
        drift=drift,
        notes=unmeasured,
    )
    json_path, markdown_path = write_report(report, run_folder(run), reproduce=_command(run))
    log.info("%s %s", verdict(report).strip("*"), report.recommendation.reasons[0])
    return {"json": str(json_path), "markdown": str(markdown_path), "verdict": report.recommendation.verdict}


@task(trigger_rule="all_done", retries=0)
def close_run(ti: Any = None) -> None:
    """Fail the run if anything in it failed, and say what: Airflow looks at the last tasks only."""
    run = ti.xcom_pull(task_ids="open_run")
    failed = sorted(task_id for task_id, state in task_states(ti).items() if state == "failed")
    if failed:
        reasons = [
            f"{task_id}: {(noted_failure(run, task_id) if run else None) or NO_NOTE}" for task_id in failed
        ]
        raise AirflowFailException("This run is not complete.\n" + "\n".join(reasons))


def measured_drift(
    run: Run, state: str | None, embedding: dict[str, Any] | None = None
) -> tuple[Drift | None, list[str]]:
    """Return the drift that the task in this state has measured; None, with a note why, where it has not.

    `embedding` is what was compared where examples were chosen by similarity, in another task: it is joined here, so that
    either task can be run again alone.
    """
    from include.flywheel.drift.measure import DRIFT_FILE

    path = run_folder(run) / DRIFT_FILE
    if state == "failed":
        return None, [f"Drift was not measured: {noted_failure(run, 'measure_drift') or NO_NOTE}"]
    if state != "success":
        return None, [f"Drift was not measured: its task ended as {state}"]
    if not path.is_file():
        return None, [f"Drift was measured, but {path} is not there any more"]
    drift = Drift.model_validate_json(path.read_bytes())
    return drift.joined(Drift(**embedding)) if embedding else drift, []


def task_states(ti: Any) -> dict[str, str]:
    """Return the states of all tasks of this run."""
    states: dict[str, str] = ti.get_task_states(dag_id=ti.dag_id, run_ids=[ti.run_id])[ti.run_id]
    return states


def _command(run: Run) -> str:
    """Return the make command that does this run again, on the stack that make starts."""
    parts = [f"LOGS={run['logs']}", f"WORKLOAD={run['workload_id']}", f"CLIENT={run['client_id']}"]
    config = os.environ.get("FLYWHEEL_CONFIG")
    parts += [f"CONFIG={config}"] if config and Path(config) != ROOT / "config" / "local.yaml" else []
    parts += [f"START={run['window_start']}"] if run["window_start"] else []
    parts += [f"END={run['window_end']}"] if run["window_end"] else []
    if len(run["models"]) < len(flywheel_config().candidates):
        parts.append(f"MODELS={','.join(run['models'])}")
    # make reads a dollar sign as the beginning of a variable, whatever the shell thinks of it.
    return shlex.join(["make", "run", *(part.replace("$", "$$") for part in parts)])


class _Pieces:
    """What the tasks of one candidate have left behind."""

    def __init__(
        self, nim: NimConfig, run: Run, dataset: dict[str, Any], states: dict[str, str], ti: Any
    ) -> None:
        self.nim, self.run, self.dataset, self.states, self.ti = nim, run, dataset, states, ti

    def candidate(self) -> Candidate:
        from include.flywheel.compare import candidate_result

        config = flywheel_config()
        planned = config.evaluations_of(self.nim)
        own = {"plan", "deploy", "wait_ready", "wait_customized_model", "release"}
        waits = ["wait_customization", "wait_ready", *(f"{name.replace('-', '_')}.wait" for name in planned)]
        return candidate_result(
            self.nim,
            planned=planned,
            evaluations={name: self._evaluation(name) for name in planned},
            customization=self._customization() if self.nim.customization_enabled else None,
            errors=[f"{name}: {error}" for name in sorted(own) if (error := self._error(name))],
            stopped=any(self._error(name) == NO_NOTE for name in waits),
            deployment_seconds=self._deployment_seconds(),
        )

    def _deployment_seconds(self) -> float:
        """Return how long the deployment lived: until now, where nobody knows that it ended before."""
        released = (self._xcom("release") or {}).get("lifetime_seconds")
        created = self._xcom("deploy", "created_at")
        if released is not None or not created:
            return float(released or 0.0)
        return (datetime.now(UTC) - parse_time(created)).total_seconds()

    def _customization(self) -> Customization:
        trained = self._xcom("wait_customization") or {}
        steps = ("upload_training", "create_config", "submit_customization", "wait_customization")
        error = next((e for step in steps if (e := self._error(step))), None)
        job_id = self._xcom("submit_customization")
        elapsed = trained.get("elapsed_time")
        if not trained and job_id:
            # It has cost what it has cost.
            hook = NemoHook(base_url=flywheel_config().nmp_config.nemo_base_url)
            try:
                job = hook.get_job("customization", job_id)
                elapsed = (job.get("status_details") or {}).get("elapsed_time")
            except NemoError as unknown:
                error = f"{error or 'ended'} (what it cost is not known: {unknown})"
        return Customization(
            status="complete" if trained else "failed",
            job_id=job_id,
            output_model=self._xcom("submit_customization", "output_model"),
            config=self._xcom("create_config"),
            train_loss=trained.get("train_loss"),
            val_loss=trained.get("val_loss"),
            elapsed_seconds=elapsed or 0.0,
            error=None if trained else error or "was not started",
        )

    def _evaluation(self, name: str) -> Evaluation:
        from include.flywheel.compare import score_evaluation
        from include.flywheel.evalset import rows_by_set
        from include.flywheel.evaluation import evaluated_rows
        from include.flywheel.sides_writer import FILES

        config, group = flywheel_config(), name.replace("-", "_")
        fetched = self._xcom(f"{group}.results")
        if fetched is None:
            error = next(
                (e for t in ("submit", "wait", "results") if (e := self._error(f"{group}.{t}"))), None
            )
            return Evaluation(status="failed", error=error or "was not started: a task before it failed")
        customized = name == "customized-eval"
        return score_evaluation(
            storage_path(fetched["results"]),
            rows=rows_by_set(
                run_folder(self.run) / "dataset" / FILES["eval"],
                evaluated_rows(self.dataset["eval_rows"], config.evaluation_for(self.nim)),
            ),
            model=self._xcom("submit_customization", "output_model") if customized else self.nim.name,
            job_id=fetched["job_id"],
            confidence=config.recommendation.confidence,
        )

    def _xcom(self, name: str, key: str = "return_value") -> Any:
        return self.ti.xcom_pull(task_ids=f"{self.nim.slug}.{name}", key=key)

    def _error(self, name: str) -> str | None:
        task_id = f"{self.nim.slug}.{name}"
        if self.states.get(task_id) != "failed":
            return None
        return noted_failure(self.run, task_id) or NO_NOTE
