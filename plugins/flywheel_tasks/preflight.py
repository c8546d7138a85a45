"""Before anything is spent: is the platform there, and do its services answer?"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from airflow.sdk import task

from flywheel_tasks.embedding import check_search, embedding_key, token_counter
from flywheel_tasks.settings import flywheel_config
from include.flywheel.config_models import JudgeConfig
from include.flywheel.errors import FlywheelError
from nemo_provider.states import is_active


@task
def preflight() -> dict[str, Any]:
    """Ask each service once, read-only, and look for keys and the tokenizer's file.

    Raises NemoUnavailableError naming the address, NemoAuthError the credential, FlywheelError the variable or file,
    SearchUnavailableError the setting. Returns what was found, for the log. The config itself was checked when the DAG was read.
    """
    from nemo_provider.hooks.datastore import DatastoreHook
    from nemo_provider.hooks.nemo import NemoHook
    from nemo_provider.hooks.nim import NimHook

    config = flywheel_config()
    check_judge_key(config.llm_judge_config, os.environ)
    if config.embedding:
        embedding_key(config.embedding, os.environ)
    check_search()
    token_counter(config)
    nmp = config.nmp_config
    nemo = NemoHook(base_url=nmp.nemo_base_url)
    no_such_dataset = f"{nmp.nmp_namespace}/preflight"
    return {
        "unfinished jobs": {
            kind: sum(is_active(job.get("status")) for job in nemo.list_jobs(kind, nmp.nmp_namespace))
            for kind in ("customization", "evaluation")
        },
        "dataset store answers": DatastoreHook(base_url=nmp.datastore_base_url).list_files(no_such_dataset)
        is None,
        "models served": NimHook(base_url=nmp.nim_base_url).list_models(),
    }


def check_judge_key(judge: JudgeConfig | None, environment: Mapping[str, str]) -> None:
    """Raise FlywheelError if the judge needs a key that no variable holds: it would be missed after the training."""
    variables = judge.api_key_variables if judge else ()
    if variables and not any(environment.get(name) for name in variables):
        raise FlywheelError(
            f"The judge needs a key: set the environment variable {' or '.join(variables)} for the Airflow workers, or "
            'api_key_env: "" in llm_judge_config for a judge without one.'
        )
