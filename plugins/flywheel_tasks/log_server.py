"""An Elasticsearch server that is asked with patience, and whose refusals say what to do."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import orjson
from elastic_transport import ConnectionError as NotConnectedError
from elastic_transport import ConnectionTimeout, JsonSerializer, TlsError, TransportError
from elasticsearch import ApiError, UnsupportedProductError
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_delay, wait_random_exponential

from flywheel_tasks.elasticsearch_client import connect
from include.flywheel.errors import LogsRefusedError, LogsUnavailableError

if TYPE_CHECKING:
    from elasticsearch import Elasticsearch

#: Answers after which another try may fare better: too busy, or something between or in the cluster is down for a moment.
TRANSIENT = {429, 500, 502, 503, 504}
#: Seconds for which one request is tried again: a node of a cluster is replaced in less.
PATIENCE = 60.0
REMEDIES = {
    401: "Mend login and password, or api_key, of the connection, or ELASTICSEARCH_API_KEY, ELASTICSEARCH_USERNAME and _PASSWORD",
    403: "Its role needs read and view_index_metadata for the index to export, and create_doc to import (besides, to make the "
    "index, create_index and manage_index_templates)",
    404: "GET /_cat/indices?v at the server lists the indices there are",
}

log = logging.getLogger(__name__)


class PlainText(JsonSerializer):
    """Leaves answers as they are: whoever asked knows what of them to parse."""

    def loads(self, data: bytes) -> bytes:
        """Return the answer."""
        return data


class ElasticsearchServer:
    """Answers one request after another through a client; what the domain calls a LogServer."""

    def __init__(
        self, client: Elasticsearch, patience: float = PATIENCE, remedies: Mapping[int, str] | None = None
    ):
        """Ask through a client; `remedies`, by status, are told instead of those for logs."""
        self._client = client
        self._patience = patience
        self._remedies = {**REMEDIES, **(remedies or {})}

    @classmethod
    def of_connection(
        cls, conn_id: str, patience: float = PATIENCE, remedies: Mapping[int, str] | None = None
    ) -> ElasticsearchServer:
        """Return the server of an Airflow connection, or, for "", that of the environment."""
        return cls(connect(conn_id, serializer=PlainText()), patience, remedies)

    @property
    def address(self) -> str:
        """Where the server is, without credentials."""
        return ", ".join(node.base_url for node in self._client.transport.node_pool.all())

    def ask(self, method: str, path: str, body: dict[str, Any] | list[bytes] | None = None) -> bytes:
        """Send one request, again while that may help, and return the answer's text; a list is lines of JSON.

        Raises LogsRefusedError when the server refused it, LogsUnavailableError when no try was answered in time.
        """
        kind = "application/x-ndjson" if isinstance(body, list) else "application/json"
        headers = {"accept": "application/json", "content-type": kind}
        tries = Retrying(
            retry=retry_if_exception(_is_transient),
            wait=wait_random_exponential(max=10),
            stop=stop_after_delay(self._patience),
            before_sleep=_tell,
            reraise=True,
        )
        try:
            return tries(self._client.perform_request, method, path, headers=headers, body=body).body
        except ApiError as error:
            raise refused(error, self.address, self._remedies) from error
        except TransportError as error:
            raise unavailable(error, self.address) from error


def refused(
    error: ApiError, address: str, remedies: Mapping[int, str] = REMEDIES
) -> LogsRefusedError | LogsUnavailableError:
    """Return what an answer that is an error means, with a remedy."""
    if isinstance(error, UnsupportedProductError):
        return LogsRefusedError(
            f"The server at {address} is not Elasticsearch, or an older one than 8: {error.message}"
        )
    reason, kinds = reasons(error)
    text = f"Elasticsearch at {address}: {reason} (HTTP {error.status_code})"
    if error.status_code in TRANSIENT:
        return LogsUnavailableError(f"{text}. A retry may help")
    remedy = remedies.get(error.status_code, "See the server's log")
    return LogsRefusedError(f"{text}. {remedy}", error.status_code, kinds)


def unavailable(error: TransportError, address: str) -> LogsRefusedError | LogsUnavailableError:
    """Return what it means that no answer came, with a remedy."""
    if isinstance(error, TlsError):
        return LogsRefusedError(
            f"Elasticsearch at {address} has a certificate that is not trusted: {error.message}. Name its CA: ca_certs in the "
            "connection's extra, or ELASTICSEARCH_CA_CERTS"
        )
    return LogsUnavailableError(
        f"Elasticsearch at {address} did not answer: {error.message}. Is it running there? A retry may help"
    )


def reasons(error: ApiError) -> tuple[str, frozenset[str]]:
    """Return why a request was refused: the first reason in words, and the kinds of all."""
    try:
        answer = (orjson.loads(error.body) if isinstance(error.body, bytes) else error.body)["error"]
        causes = answer.get("root_cause") or [answer]
        return str(causes[0].get("reason") or answer), frozenset(cause["type"] for cause in (*causes, answer))
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        # A proxy's page, for example.
        return str(error.body)[:200], frozenset()


def _is_transient(error: BaseException) -> bool:
    if isinstance(error, ApiError):
        return error.status_code in TRANSIENT
    return isinstance(error, NotConnectedError | ConnectionTimeout) and not isinstance(error, TlsError)


def _tell(state: RetryCallState) -> None:
    if state.outcome and state.next_action:
        log.warning(
            "Elasticsearch: %s; trying again in %.0f s", state.outcome.exception(), state.next_action.sleep
        )
