"""Put files where the platform's jobs find them."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from airflow.sdk import ObjectStoragePath

from nemo_provider import identity
from nemo_provider.errors import NemoConfigurationError, NemoConflictError, NemoUnavailableError
from nemo_provider.hooks.datastore import DatastoreHook, LocalFile
from nemo_provider.links.nemo import NemoLink, push_link
from nemo_provider.operators.base import NemoOperator, check_base_url, owner_mark


class NemoDatasetUploadOperator(NemoOperator):
    """Upload files as a dataset, register it, and verify that the Data Store has exactly these contents.

    Makes the namespace in both stores, the repository, one commit with what is missing or different, and the entity.
    Files that are there with the same content are not sent again. Returns, also as separate XComs::

        {"dataset": "ns/name", "files_url": "hf://datasets/ns/name", "uploaded": 2, "skipped": 1, "commit": "…",
         "files": {"training/train.jsonl": {"size": 8812, "sha256": "…"}}}

    :param files: local path (or any URL that ``ObjectStoragePath`` knows) -> path in the dataset, e.g.
        ``{"/data/run/train.jsonl": "training/train.jsonl"}`` (templated, values and keys).
    :param name: name of the dataset (templated).
    :param namespace: where it lives, in both stores (templated).
    :param datastore_conn_id: Airflow connection of the Data Store (templated).
    :param datastore_base_url: address of the Data Store if that connection does not exist (templated).
    :param storage_conn_id: Airflow connection of the storage that the files are read from.
    """

    template_fields: Sequence[str] = (
        *NemoOperator.template_fields,
        *("files", "name", "namespace", "project", "description", "datastore_conn_id", "datastore_base_url"),
    )
    operator_extra_links = (NemoLink(),)

    def __init__(
        self,
        *,
        files: dict[str, str],
        name: str,
        namespace: str,
        project: str | None = None,
        description: str | None = None,
        datastore_conn_id: str = DatastoreHook.default_conn_name,
        datastore_base_url: str | None = None,
        storage_conn_id: str | None = None,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("multiple_outputs", True)
        super().__init__(**kwargs)
        check_base_url(datastore_base_url)
        self.files = files
        self.name = name
        self.namespace = namespace
        self.project = project
        self.description = description
        self.datastore_conn_id = datastore_conn_id
        self.datastore_base_url = datastore_base_url
        self.storage_conn_id = storage_conn_id

    @cached_property
    def datastore(self) -> DatastoreHook:
        """Make the hook when the task runs."""
        return DatastoreHook(self.datastore_conn_id, self.datastore_base_url)

    def render_template(self, content: Any, *args: Any, **kwargs: Any) -> Any:
        """Render the keys of dictionaries too: those of ``files`` are paths of the run."""
        rendered = super().render_template(content, *args, **kwargs)
        if not isinstance(content, dict):
            return rendered
        return {
            super(NemoDatasetUploadOperator, self).render_template(k, *args, **kwargs): v
            for k, v in rendered.items()
        }

    def execute(self, context: Any) -> dict[str, Any]:
        """Upload what is not there, register, verify."""
        reference = f"{self.namespace}/{self.name}"
        if not self.files:
            raise NemoConfigurationError(
                f"`files` of dataset {reference} is empty: there is nothing to upload"
            )
        with tempfile.TemporaryDirectory(prefix="nemo-upload-") as scratch:
            local = {
                in_repo: LocalFile.of(self._fetch(source, Path(scratch) / str(index)))
                for index, (source, in_repo) in enumerate(self.files.items())
            }
            self.hook.create_namespace(self.namespace)
            self.datastore.create_namespace(self.namespace)
            self.datastore.create_dataset_repo(reference)
            missing = self._missing(reference, local)
            commit = None
            if missing:
                commit = self.datastore.commit_files(reference, missing, f"{len(missing)} files")
                self.log.info("Uploaded %d files to dataset %s", len(missing), reference)
            if still := self._missing(reference, missing):
                raise NemoUnavailableError(
                    f"After the upload dataset {reference} does not have the content of {', '.join(still)}; a retry "
                    "uploads them again"
                )
        self._register(reference, context)
        push_link(context, self.hook.wire.base_url, "dataset", reference)
        return {
            "dataset": reference,
            "files_url": _files_url(reference),
            "uploaded": len(missing),
            "skipped": len(local) - len(missing),
            "commit": commit,
            "files": {path: {"size": file.size, "sha256": file.sha256} for path, file in local.items()},
        }

    def _fetch(self, source: str, scratch: Path) -> Path:
        path = ObjectStoragePath(str(source), conn_id=self.storage_conn_id)
        if path.protocol in ("file", ""):
            return Path(path.path)
        # The hub's client reads a file twice, once for its digest: remote ones are fetched once.
        with path.open("rb") as remote, scratch.open("wb") as copy:
            shutil.copyfileobj(remote, copy)
        return scratch

    def _missing(self, reference: str, files: dict[str, LocalFile]) -> dict[str, LocalFile]:
        stored = self.datastore.list_files(reference) or {}
        return {path: file for path, file in files.items() if not file.is_stored_as(stored.get(path))}

    def _register(self, reference: str, context: Any) -> None:
        body = {
            "name": self.name,
            "namespace": self.namespace,
            "files_url": _files_url(reference),
            "project": self.project,
            "description": self.description,
        }
        body = {key: value for key, value in body.items() if value is not None}
        found = self.hook.get_dataset(reference)
        if found is None:
            try:
                self.hook.create_dataset({**body, "custom_fields": owner_mark(context)})
            except NemoConflictError:
                # Made between our look and our request, or by our own request whose answer was lost.
                found = self.hook.get_dataset(reference)
        if found is not None and identity.differences(body, found):
            self.hook.update_dataset(reference, body)


def _files_url(reference: str) -> str:
    return f"hf://datasets/{reference}"
