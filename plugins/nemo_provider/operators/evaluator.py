"""Evaluate a model, and fetch what came out."""

from __future__ import annotations

import json
import shutil
import tempfile
import zipfile
from collections.abc import Sequence
from typing import IO, Any

from airflow.sdk import ObjectStoragePath

from nemo_provider import references
from nemo_provider.errors import NemoConfigurationError, NemoUnavailableError
from nemo_provider.links.nemo import NemoLink, push_link
from nemo_provider.operators.base import NemoOperator, NemoSubmitOperator
from nemo_provider.reading import mapping

#: A zip up to this size is kept in memory, bytes.
_SPOOL = 8 << 20


class NemoEvaluationOperator(NemoSubmitOperator):
    """Submit an evaluation job, once, and return its id.

    How a retry finds the job: see `NemoSubmitOperator`.

    :param config: what to evaluate on and how: a reference ``namespace/name``, or the config itself,
        ``{"type": "custom", "tasks": {…}}``. Texts inside a config belong to the platform: its own templates
        (``{{ item.request.messages | tojson }}``) are left alone by Airflow, while outputs of other tasks anywhere
        in it are resolved. Secrets are references, ``secret://env/NAME`` or ``secret://conn/CONN_ID``.
    :param target: what is evaluated: a reference, or e.g. ``{"type": "model", "model": "ns/name@cust-…"}`` (templated).

    Further parameters: see `NemoSubmitOperator`.
    """

    kind = "evaluation"
    what = "evaluation"
    template_fields: Sequence[str] = (*NemoSubmitOperator.template_fields, "config", "target")
    template_fields_renderers = {"config": "json", "target": "json"}  # noqa: RUF012  # as Airflow declares it

    def __init__(self, *, config: Any, target: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        for payload in (config, target):
            try:
                references.refuse_literal_secrets(payload)
            except NemoConfigurationError as error:
                raise ValueError(str(error)) from None
        self.config = _raw(config) if isinstance(config, dict) else config
        self.target = target

    def request(self) -> dict[str, Any]:
        """Return what the Evaluator is asked."""
        references.refuse_literal_secrets([self.config, self.target])
        return {"config": self.config, "target": self.target}


class NemoEvaluationResultsOperator(NemoOperator):
    """Fetch the results of a completed evaluation into a folder.

    Writes ``evaluation_result.json`` (the scores) and ``results.json`` (task name -> list of samples), streamed.
    Returns, also as separate XComs::

        {"job_id": "eval-…", "path": "<folder>", "results": "<folder>/results.json",
         "evaluation_result": "<folder>/evaluation_result.json",
         "scores": {"<task>": {"<metric>": {"<score>": 0.83}}}}

    :param job_id: id of the evaluation job (templated).
    :param output_path: a folder, local or any URL that Airflow's ``ObjectStoragePath`` knows (templated).
    :param storage_conn_id: Airflow connection of that storage.
    """

    template_fields: Sequence[str] = (*NemoOperator.template_fields, "job_id", "output_path")
    operator_extra_links = (NemoLink(),)

    def __init__(
        self, *, job_id: str, output_path: str, storage_conn_id: str | None = None, **kwargs: Any
    ) -> None:
        kwargs.setdefault("multiple_outputs", True)
        super().__init__(**kwargs)
        self.job_id = job_id
        self.output_path = output_path
        self.storage_conn_id = storage_conn_id

    def execute(self, context: Any) -> dict[str, Any]:
        """Download, unpack, return paths and scores."""
        path = str(self.output_path).rstrip("/")
        folder = ObjectStoragePath(path, conn_id=self.storage_conn_id)
        folder.mkdir(parents=True, exist_ok=True)

        result = self.hook.get_evaluation_results(self.job_id)
        with (folder / "evaluation_result.json").open("w") as file:
            file.write(json.dumps(result))
        with tempfile.SpooledTemporaryFile(max_size=_SPOOL) as archive:
            self.hook.download_evaluation_results(self.job_id, archive)
            with _samples_in(archive, self.job_id) as member, (folder / "results.json").open("wb") as file:
                shutil.copyfileobj(member, file)
        self.log.info("Fetched the results of evaluation %s", self.job_id)
        push_link(context, self.hook.wire.base_url, "evaluation", self.job_id)
        return {
            "job_id": self.job_id,
            "path": path,
            "results": f"{path}/results.json",
            "evaluation_result": f"{path}/evaluation_result.json",
            "scores": _scores(result),
        }


def _samples_in(archive: IO[bytes], job_id: str) -> IO[bytes]:
    # The folders above results.json differ between releases and harnesses.
    try:
        unpacked = zipfile.ZipFile(archive)
    except zipfile.BadZipFile:
        raise NemoUnavailableError(
            f"The results of evaluation {job_id} did not arrive as a whole zip"
        ) from None
    name = next((n for n in unpacked.namelist() if n.rpartition("/")[2] == "results.json"), None)
    if name is None:
        raise NemoUnavailableError(f"The results of evaluation {job_id} hold no results.json")
    return unpacked.open(name)


def _scores(result: dict[str, Any]) -> dict[str, Any]:
    return {
        task: {
            metric: {
                name: mapping(score).get("value")
                for name, score in mapping(mapping(found).get("scores")).items()
            }
            for metric, found in mapping(mapping(outcome).get("metrics")).items()
        }
        for task, outcome in mapping(result.get("tasks")).items()
    }


def _raw(value: Any) -> Any:
    # Airflow renders template fields with the same braces that the platform uses for its own templates.
    if isinstance(value, str):
        return f"{{% raw %}}{value}{{% endraw %}}" if "{" in value else value
    if isinstance(value, dict):
        return {key: _raw(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_raw(item) for item in value]
    return value
