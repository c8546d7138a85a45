"""The link from a task to the remote thing that it made or waits for."""

from __future__ import annotations

from typing import Any

from airflow.sdk import BaseOperatorLink
from airflow.sdk.execution_time.xcom import XCom

from nemo_provider.hooks import endpoints as api
from nemo_provider.polls import split_name

_KEY = "nemo_link"
_PAGES = {
    "customization_config": api.GET_CUSTOMIZATION_CONFIG,
    "customization": api.GET_CUSTOMIZATION_JOB,
    "evaluation": api.GET_EVALUATION_JOB,
    "deployment": api.GET_DEPLOYMENT,
    "dataset": api.GET_DATASET,
    "model": api.LIST_NIM_MODELS,
}


class NemoLink(BaseOperatorLink):
    """Open the job, deployment, config, dataset or model of a task, as the platform's API shows it."""

    name = "NeMo"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Return the URL that the task pushed; empty while there is none."""
        return XCom.get_value(ti_key=ti_key, key=_KEY) or ""


def push_link(context: Any, base_url: str, kind: str, name: str) -> None:
    """Store the URL of a remote thing for the link. ``base_url`` never carries a credential."""
    page = _PAGES[kind].path
    path = {"id": name} if "{id}" in page else split_name(name) if "{name}" in page else {}
    context["ti"].xcom_push(key=_KEY, value=base_url + page.format(**path))
