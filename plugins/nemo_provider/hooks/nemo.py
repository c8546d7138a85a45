"""NeMo platform: Customizer, Evaluator, Deployment Management, Entity Store. One method, one call."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import IO, Any

from airflow.sdk.exceptions import AirflowNotFoundException
from airflow.sdk.log import mask_secret

from nemo_provider import references
from nemo_provider.cancels import Stopped, cancel
from nemo_provider.errors import NemoApiError, NemoConflictError, NemoNotFoundError, NemoUnavailableError
from nemo_provider.hooks import endpoints as api
from nemo_provider.hooks.answers import document_of
from nemo_provider.hooks.base import NemoHttpHook
from nemo_provider.hooks.endpoints import Endpoint
from nemo_provider.polls import split_name
from nemo_provider.reading import mapping, mappings, text

Document = dict[str, Any]

#: Entries per page when looking for what was made earlier.
_PAGE_SIZE = 100
_DEPLOYMENT_EXISTS = "model deployment already exists"
_LISTS = {"customization": api.LIST_CUSTOMIZATION_JOBS, "evaluation": api.LIST_EVALUATION_JOBS}
_CREATES = {"customization": api.CREATE_CUSTOMIZATION_JOB, "evaluation": api.CREATE_EVALUATION_JOB}
_GETS = {"customization": api.GET_CUSTOMIZATION_JOB, "evaluation": api.GET_EVALUATION_JOB}


class NemoHook(NemoHttpHook):
    """Call the NeMo platform.

    :param nemo_conn_id: Airflow connection of type HTTP, see `NemoHttpHook`.
    :param base_url: address if that connection does not exist.
    """

    conn_name_attr = "nemo_conn_id"
    default_conn_name = "nemo_default"
    hook_name = "NeMo"

    def __init__(self, nemo_conn_id: str = default_conn_name, base_url: str | None = None) -> None:
        super().__init__(nemo_conn_id, base_url)

    # Customizer

    def create_customization_config(self, body: Document) -> Document:
        """Create a customization config; raise ``NemoConflictError`` if the name is taken."""
        return self._document(api.CREATE_CUSTOMIZATION_CONFIG, json=body)

    def get_customization_config(self, reference: str) -> Document | None:
        """Return the config ``namespace/name@version``, or None."""
        return self._get(api.GET_CUSTOMIZATION_CONFIG, reference)

    # Jobs of either kind: "customization" or "evaluation"

    def create_job(self, kind: str, body: Document) -> Document:
        """Submit a job once, its secret references replaced on the wire, and return what the platform made of it."""
        resolved, secrets = self._resolved(body)
        job = self._document(_CREATES[kind], json=resolved, hidden=secrets)
        return _without_echo(kind, _with_id(job, _CREATES[kind]))

    def get_job(self, kind: str, job_id: str) -> Document:
        """Return a job; an evaluation without the config and target that it echoes, which may hold a key."""
        return _without_echo(kind, self._document(_GETS[kind], {"id": job_id}))

    def list_jobs(self, kind: str, namespace: str, page_size: int = _PAGE_SIZE) -> Iterator[Document]:
        """Yield the jobs of a namespace, newest first, page by page."""
        for job in self._pages(_LISTS[kind], namespace, page_size):
            if text(job.get("id")):
                yield _without_echo(kind, job)

    def cancel_job(self, kind: str, job_id: str) -> bool:
        """Cancel a job. Return False if it had ended before or is unknown.

        Release 25.4 cannot cancel an evaluation: there an active one is deleted, which stops it.
        """
        return self._stopped(kind, job_id, self.ask(cancel(kind, job_id)))

    async def acancel_job(self, kind: str, job_id: str) -> bool:
        """Cancel a job from an event loop. Return False if it had ended before or is unknown."""
        return self._stopped(kind, job_id, await self.aask(cancel(kind, job_id)))

    # Evaluator

    def get_evaluation_results(self, job_id: str) -> Document:
        """Return the scores of a completed evaluation: tasks, metrics, scores with value and stats."""
        return self._document(api.GET_EVALUATION_RESULTS, {"id": job_id})

    def download_evaluation_results(self, job_id: str, into: IO[bytes]) -> None:
        """Stream the zip with the samples of a completed evaluation into a seekable file."""
        self.call(api.DOWNLOAD_EVALUATION_RESULTS, {"id": job_id}, into=into)

    # Deployment Management

    def create_deployment(self, body: Document) -> Document:
        """Create a deployment, its secret references replaced on the wire; ``NemoConflictError`` if the name is taken.

        Older releases say so with a 500 whose text tells (seen with 25.4 to 25.12).
        """
        resolved, secrets = self._resolved(body)
        try:
            created = self._document(api.CREATE_DEPLOYMENT, json=resolved, hidden=secrets)
        except NemoApiError as error:
            if error.status == 500 and _DEPLOYMENT_EXISTS in error.detail.lower():
                raise NemoConflictError(409, error.detail, error.request) from None
            raise
        return references.strike_out(created, secrets)

    def get_deployment(self, reference: str) -> Document | None:
        """Return the deployment ``namespace/name``, its secrets struck out, or None."""
        return references.strike_out(self._get(api.GET_DEPLOYMENT, reference))

    def list_deployments(self, namespace: str) -> Iterator[Document]:
        """Yield the deployments of a namespace, newest first, their secrets struck out."""
        for deployment in self._pages(api.LIST_DEPLOYMENTS, namespace, _PAGE_SIZE):
            # Asked for only these; older releases may not know how to choose.
            if deployment.get("namespace") in (None, namespace) and text(deployment.get("name")):
                yield references.strike_out(deployment)

    def delete_deployment(self, reference: str) -> bool:
        """Ask for a deployment's removal. Return False if there is none."""
        return self._deleted(api.DELETE_DEPLOYMENT, reference)

    # Entity Store

    def create_namespace(self, namespace: str) -> bool:
        """Create a namespace. Return False if it was there."""
        try:
            self.call(api.CREATE_NAMESPACE, json={"id": namespace})
        except NemoConflictError:
            return False
        return True

    def get_dataset(self, reference: str) -> Document | None:
        """Return the dataset entity ``namespace/name``, or None."""
        return self._get(api.GET_DATASET, reference)

    def create_dataset(self, body: Document) -> Document:
        """Register a dataset; raise ``NemoConflictError`` if the name is taken."""
        return self.call(api.CREATE_DATASET, json=body)

    def update_dataset(self, reference: str, body: Document) -> Document:
        """Change the given fields of a dataset entity."""
        return self.call(api.UPDATE_DATASET, split_name(reference), json=body)

    def delete_dataset(self, reference: str) -> bool:
        """Remove a dataset entity; its files stay in the Data Store. Return False if there is none."""
        return self._deleted(api.DELETE_DATASET, reference)

    def get_model(self, reference: str) -> Document | None:
        """Return the model entity ``namespace/name@version``, or None."""
        return self._get(api.GET_MODEL, reference)

    def delete_model(self, reference: str) -> bool:
        """Remove a model entity. Return False if there is none."""
        return self._deleted(api.DELETE_MODEL, reference)

    def _document(
        self, endpoint: Endpoint, path: Mapping[str, str] | None = None, **request: Any
    ) -> Document:
        return document_of(self.call(endpoint, path, **request), str(endpoint))

    def _get(self, endpoint: Endpoint, reference: str) -> Document | None:
        try:
            return self._document(endpoint, split_name(reference))
        except NemoNotFoundError:
            return None

    def _deleted(self, endpoint: Endpoint, reference: str) -> bool:
        try:
            self.call(endpoint, split_name(reference))
        except NemoNotFoundError:
            return False
        return True

    def _pages(self, endpoint: Endpoint, namespace: str, page_size: int) -> Iterator[Document]:
        page, before = 1, None
        while True:
            query = {
                "page": page,
                "page_size": page_size,
                "sort": "-created_at",
                "filter[namespace]": namespace,
            }
            listing = self._document(endpoint, query=query)
            entries = mappings(listing.get("data"))
            # A server that does not count its pages ends with an empty one, one without pages repeats the first.
            if not entries or entries == before:
                return
            yield from entries
            if page == mapping(listing.get("pagination")).get("total_pages"):
                return
            page, before = page + 1, entries

    def _stopped(self, kind: str, job_id: str, done: Stopped) -> bool:
        if done is Stopped.DELETED:
            self.log.info("Deleted %s %s: this release of the platform cannot cancel one", kind, job_id)
        return done is not Stopped.NOTHING

    def _resolved(self, body: Document) -> tuple[Document, frozenset[str]]:
        resolved, secrets = references.resolve(body, os.environ, self._password_of)
        for secret in secrets:
            mask_secret(secret)
        return resolved, secrets

    def _password_of(self, conn_id: str) -> str | None:
        try:
            return self.get_connection(conn_id).password
        except AirflowNotFoundException:
            return None


def _without_echo(kind: str, job: Document) -> Document:
    return {k: v for k, v in job.items() if k not in ("config", "target")} if kind == "evaluation" else job


def _with_id(job: Document, endpoint: Endpoint) -> Document:
    if not text(job.get("id")):
        raise NemoUnavailableError(f"The answer to {endpoint} holds no id")
    return job
