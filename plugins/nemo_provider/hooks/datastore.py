"""Data Store: files of datasets, through huggingface_hub. Namespaces have an API of their own."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import requests
import tenacity
from huggingface_hub import CommitOperationAdd, HfApi, configure_http_backend
from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError
from huggingface_hub.hf_api import RepoFile
from huggingface_hub.utils import disable_progress_bars
from requests.adapters import HTTPAdapter

from nemo_provider.errors import NemoConflictError, NemoUnavailableError
from nemo_provider.hooks import endpoints as api
from nemo_provider.hooks.answers import error_of
from nemo_provider.hooks.base import NemoHttpHook
from nemo_provider.hooks.retries import retrying
from nemo_provider.hooks.wire import Wire, header_text
from nemo_provider.polls import split_name

_BLOCK = 1 << 20
#: The hub's client wants a token; an installation without authentication takes any.
_ANY_TOKEN = "nothing"  # noqa: S105


@dataclass(frozen=True)
class StoredFile:
    """Hold what the Data Store knows of a file. One of the digests is given: git's for a small file, else SHA-256."""

    size: int
    git_sha1: str | None
    sha256: str | None


@dataclass(frozen=True)
class LocalFile:
    """Hold what there is to know of a file before it is uploaded."""

    path: Path
    size: int
    git_sha1: str
    sha256: str

    @classmethod
    def of(cls, path: Path) -> LocalFile:
        """Read a file once, in blocks."""
        size = path.stat().st_size
        git, sha = hashlib.sha1(f"blob {size}\0".encode(), usedforsecurity=False), hashlib.sha256()
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                git.update(block)
                sha.update(block)
        return cls(path, size, git.hexdigest(), sha.hexdigest())

    def is_stored_as(self, stored: StoredFile | None) -> bool:
        """Say whether the Data Store has exactly this content."""
        if stored is None or stored.size != self.size:
            return False
        return stored.sha256 == self.sha256 if stored.sha256 else stored.git_sha1 == self.git_sha1


class DatastoreHook(NemoHttpHook):
    """Call the Data Store.

    :param datastore_conn_id: Airflow connection of type HTTP, see `NemoHttpHook`. Without a credential of its own the
        environment variable ``HF_TOKEN`` is the bearer token for files.
    :param base_url: address if that connection does not exist.
    """

    conn_name_attr = "datastore_conn_id"
    default_conn_name = "nemo_datastore_default"
    hook_name = "NeMo Data Store"

    def __init__(self, datastore_conn_id: str = default_conn_name, base_url: str | None = None) -> None:
        super().__init__(datastore_conn_id, base_url)

    def create_namespace(self, namespace: str) -> bool:
        """Create a namespace. Return False if it was there."""
        try:
            self.call(api.CREATE_DATASTORE_NAMESPACE, form={"namespace": namespace})
        except NemoConflictError:
            return False
        return True

    def create_dataset_repo(self, reference: str) -> None:
        """Create the repository of a dataset ``namespace/name``, unless it is there."""
        self._hub("create_repo", lambda hub: hub.create_repo(reference, repo_type="dataset", exist_ok=True))

    def list_files(self, reference: str) -> dict[str, StoredFile] | None:
        """Return the files of a dataset by path, or None if it has no repository."""

        def tree(hub: HfApi) -> dict[str, StoredFile] | None:
            try:
                entries = list(hub.list_repo_tree(reference, recursive=True, repo_type="dataset"))
            except RepositoryNotFoundError:
                return None
            return {entry.path: _stored(entry) for entry in entries if isinstance(entry, RepoFile)}

        return self._hub("list_repo_tree", tree)

    def commit_files(self, reference: str, files: Mapping[str, LocalFile], message: str) -> str:
        """Add files, path in the repository -> file, in one commit; return the commit's id.

        Content that is there already is committed by git as what it is, so repeating this changes nothing.
        """
        split_name(reference)

        def commit(hub: HfApi) -> str:
            # New operations for every try: the hub's client keeps the progress of an upload in them.
            operations = [CommitOperationAdd(path, file.path) for path, file in files.items()]
            return hub.create_commit(reference, operations, commit_message=message, repo_type="dataset").oid

        return self._hub("create_commit", commit)

    @cached_property
    def hub(self) -> HfApi:
        """Return the hub's client, pointed at the Data Store."""
        # A header and not the client's token: it would send every password as a bearer token.
        headers = {"authorization": self._authorization}
        return HfApi(endpoint=self.wire.base_url + api.HUB_PATH, token=False, headers=headers)

    @property
    def _authorization(self) -> str:
        token = header_text(os.environ.get("HF_TOKEN") or "", "The environment variable HF_TOKEN")
        return self.wire.authorization or f"Bearer {token or _ANY_TOKEN}"

    def _hub(self, what: str, call: Any) -> Any:
        request = api.Endpoint("HUB", what)

        def attempt() -> Any:
            with self._backend():
                try:
                    return call(self.hub)
                except HfHubHTTPError as error:
                    raise self._refused(error, request) from None
                except requests.RequestException as error:
                    raise self._unanswered(request, error) from None

        return tenacity.Retrying(**retrying(self.wire, request))(attempt)

    def _refused(self, error: HfHubHTTPError, request: api.Endpoint) -> Exception:
        answer = error.response
        if answer is None:
            return NemoUnavailableError(f"No answer to {request} at {self.wire.base_url}")
        secrets = {*self.wire.secrets, self._authorization.partition(" ")[2]} - {_ANY_TOKEN}
        credential = self.wire.credential
        if not self.wire.authorization and os.environ.get("HF_TOKEN"):
            credential = "The bearer token in the environment variable HF_TOKEN was refused"
        return error_of(answer.status_code, answer.headers, answer.content, str(request), credential, secrets)

    @contextmanager
    def _backend(self) -> Iterator[None]:
        """Give the hub's client, which has none of its own, our timeouts, TLS, headers and proxy."""
        wire = self.wire

        def session() -> requests.Session:
            made = requests.Session()
            for scheme in ("http://", "https://"):
                made.mount(scheme, _WireAdapter(wire))
            made.headers.update(wire.headers)
            made.proxies.update(wire.proxies)
            made.cert = wire.cert
            # The client's requests carry their credential; one that has none would be given that of a .netrc.
            made.auth = _as_it_is
            return made

        disable_progress_bars()
        configure_http_backend(session)
        try:
            yield
        finally:
            configure_http_backend()


class _WireAdapter(HTTPAdapter):
    """Put our timeout on requests that were sent without one, and our authorities on all."""

    def __init__(self, wire: Wire) -> None:
        super().__init__()
        self._wire = wire

    def send(self, request: Any, *args: Any, **kwargs: Any) -> requests.Response:
        """Send the request."""
        kwargs["timeout"] = kwargs.get("timeout") or self._wire.timeout
        if self._wire.verify is not True:
            # Said here: for a session, the environment's CA file would overrule it.
            kwargs["verify"] = self._wire.verify
        return super().send(request, *args, **kwargs)


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _stored(entry: RepoFile) -> StoredFile:
    if entry.lfs:
        return StoredFile(entry.lfs.size, None, entry.lfs.sha256)
    return StoredFile(entry.size, entry.blob_id, None)
