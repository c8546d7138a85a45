"""What is asked of the platform for one candidate, settled when the dataset is there."""

from __future__ import annotations

import os
from typing import Any

from airflow.sdk import task
from airflow.sdk.exceptions import AirflowSkipException

from flywheel_tasks.run import Run, run_folder
from flywheel_tasks.settings import flywheel_config


@task(multiple_outputs=True)
def plan_candidate(model: str, run: Run, dataset: dict[str, Any], dag_run: Any = None) -> dict[str, Any]:
    """Return names and evaluation configs of a candidate; skip it if the run did not choose it.

    Outputs: `dataset` and `output_model` (references), `deployment` (name), and for each planned evaluation its config under
    `base_eval`, `icl_eval`, `customized_eval`. `dataset` is what it trains on; where that is its own, `training_name`
    and `training_files` are what there is to upload.
    """
    from include.flywheel.customization import output_model_name
    from include.flywheel.evaluation import dataset_url, evaluation_config, judge_reference
    from include.flywheel.icl_files import icl_file
    from include.flywheel.manifest import DatasetSummary
    from include.flywheel.sides_writer import FILES

    if model not in run["models"]:
        raise AirflowSkipException(f"{model} is not among the models chosen for this run")
    config = flywheel_config()
    nim, namespace = config.candidate(model), config.nmp_config.nmp_namespace
    training, settings = config.training_for(nim), config.evaluation_for(nim)
    judge = config.llm_judge_config
    key_variable = next(
        (name for name in (judge.api_key_variables if judge else ()) if os.environ.get(name)), None
    )
    plan: dict[str, Any] = {}
    learned = dataset["name"]
    if nim.max_tool_parameters:
        limited = DatasetSummary(**dataset).limited[nim.max_tool_parameters]
        folder = run_folder(run) / "dataset" / limited.folder
        plan["training_name"] = learned = limited.name
        plan["training_files"] = {str(folder / path): path for path in limited.files}
    identity = f"{dag_run.dag_id}/{dag_run.run_id}"
    output_model = output_model_name(
        nim, training, workload_id=run["workload_id"], dataset=learned, run_identity=identity
    )
    plan |= {
        "dataset": f"{namespace}/{learned}",
        "output_model": f"{namespace}/{output_model}",
        "deployment": f"{nim.slug}-{run['key']}",
    }
    for name in config.evaluations_of(nim):
        path = icl_file(config.icl_context(nim)) if name == "icl-eval" else FILES["eval"]
        plan[name.replace("-", "_")] = evaluation_config(
            workload_type=dataset["workload_type"],
            files_url=dataset_url(namespace, dataset["name"], path),
            rows=dataset["eval_rows"],
            settings=settings,
            judge=judge_reference(judge, key_variable) if judge else None,
            tool_eval_type=config.evaluation_config.tool_eval_type,
        )
    return plan
