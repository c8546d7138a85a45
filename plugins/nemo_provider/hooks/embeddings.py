"""Embeddings of texts, from a NIM or any service that speaks the same API."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nemo_provider.errors import NemoApiError, NemoUnavailableError
from nemo_provider.hooks import endpoints as api
from nemo_provider.hooks.answers import document_of, retry_after
from nemo_provider.hooks.base import NemoHttpHook
from nemo_provider.hooks.endpoints import Endpoint
from nemo_provider.hooks.nim import NimHook
from nemo_provider.hooks.urls import endpoint_of_url, wire_of_url
from nemo_provider.hooks.wire import Wire, plain_url
from nemo_provider.reading import mappings

#: Texts in one request, as the blueprint sends them.
BATCH = 32
#: Requests at a time: enough to keep one GPU busy, few enough for a hosted service's rate limit.
PARALLELISM = 4
#: Tries of one request at a service with a URL of its own: with the back-off between them a minute.
_RETRIES = 7


class EmbeddingsHook(NemoHttpHook):
    """Call an embedding model, on the NIM proxy or at a URL of its own.

    :param model: name of the model.
    :param url: whole address of the endpoint, as ``https://host/v1/embeddings``. Without it the NIM proxy is called.
    :param api_key: bearer token for ``url``, if it wants one.
    :param key_source: where the key comes from, or was looked for: for the message when it is refused.
    :param nim_conn_id: Airflow connection of the NIM proxy, see `NemoHttpHook`.
    :param base_url: address of the NIM proxy if that connection does not exist.
    """

    conn_name_attr = "nim_conn_id"
    default_conn_name = NimHook.default_conn_name
    hook_name = "NeMo embeddings"

    def __init__(
        self,
        model: str,
        *,
        url: str | None = None,
        api_key: str | None = None,
        key_source: str = "api_key",
        nim_conn_id: str = default_conn_name,
        base_url: str | None = None,
    ) -> None:
        super().__init__(nim_conn_id, base_url)
        self.model, self.url = model, url and plain_url(url, "The URL of the embedding model")
        self._api_key, self._key_source = api_key, key_source

    @cached_property
    def wire(self) -> Wire:
        """Read the connection of the NIM proxy, or make one for the URL."""
        if not self.url:
            return super().wire
        return wire_of_url(self.url, self._api_key, self._key_source, _RETRIES)

    @property
    def endpoint(self) -> Endpoint:
        """The call that embeds."""
        if not self.url:
            return api.CREATE_EMBEDDINGS
        return endpoint_of_url(self.url, self.wire)

    def embed(self, texts: Sequence[str], input_type: str) -> NDArray[np.float32]:
        """Return one vector per text (at least one), in order. ``input_type`` is ``query`` or ``passage``.

        Texts are sent in batches, several at a time. A text that is too long is cut by the model. Raise the errors of
        ``nemo_provider.errors`` when one batch fails for good.
        """
        batches = [texts[start : start + BATCH] for start in range(0, len(texts), BATCH)]
        # Read before there are threads.
        _ = self.wire
        with ThreadPoolExecutor(PARALLELISM) as threads:
            futures = [threads.submit(self._batch, batch, input_type) for batch in batches]
            try:
                vectors = [future.result() for future in futures]
            except BaseException:
                threads.shutdown(cancel_futures=True)
                raise
        try:
            return np.concatenate(vectors)
        except ValueError:
            raise NemoUnavailableError(
                f"{self.model} at {self.wire.base_url} returned vectors of different dimensions"
            ) from None

    def _batch(self, texts: Sequence[str], input_type: str) -> NDArray[np.float32]:
        body = {"model": self.model, "input": list(texts), "input_type": input_type, "truncate": "END"}
        try:
            answer = document_of(self.call(self.endpoint, json=body), str(self.endpoint))
        except NemoUnavailableError as lost:
            service = f"{self.model} at {self.wire.base_url}"
            raise NemoUnavailableError(
                f"No embeddings from {service}: {lost}", lost.sent, lost.remedy, lost.may_pass
            ) from None
        vectors = _vectors(mappings(answer.get("data")))
        if vectors is None or len(vectors) != len(texts):
            raise NemoUnavailableError(
                f"The answer of {self.model} at {self.wire.base_url} to {self.endpoint} is not one vector of numbers for "
                f"each of {len(texts)} texts"
            )
        return vectors

    def _value(
        self,
        endpoint: Endpoint,
        status: int,
        headers: Mapping[str, str],
        body: bytes,
        hidden: Collection[str] = (),
    ) -> Any:
        try:
            return super()._value(endpoint, status, headers, body, hidden)
        except NemoApiError as refusal:
            # An embedding changes nothing, so any failure of the server's is worth another try.
            if refusal.status < 500:
                raise
            lost = NemoUnavailableError(str(refusal))
            lost.retry_after = retry_after(headers.get("Retry-After"), datetime.now(UTC))
            raise lost from None


def _vectors(rows: list[dict[str, Any]]) -> NDArray[np.float32] | None:
    """Return the vectors of an answer in the order of their ``index``, or None if they are not usable."""
    by_index = {row.get("index", place): row.get("embedding") for place, row in enumerate(rows)}
    try:
        vectors = np.array([by_index[place] for place in range(len(rows))], np.float32)
    except (KeyError, TypeError, ValueError):
        return None
    return vectors if vectors.ndim == 2 and np.isfinite(vectors).all() else None
