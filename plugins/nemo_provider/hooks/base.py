"""One way to the platform for every service: a connection becomes a session, an answer a value or a typed error."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from functools import cached_property
from typing import IO, Any, TypeVar
from urllib.parse import quote, urlencode

import aiohttp
import requests
import tenacity
from airflow.providers.http.hooks.http import HttpHook
from airflow.sdk.exceptions import AirflowNotFoundException

from nemo_provider.errors import NemoConfigurationError, NemoError, NemoUnavailableError
from nemo_provider.hooks.aio import AsyncDoor
from nemo_provider.hooks.answers import error_of, json_of
from nemo_provider.hooks.connections import wire_of
from nemo_provider.hooks.endpoints import Endpoint
from nemo_provider.hooks.losses import loss_of, never_sent
from nemo_provider.hooks.retries import retrying
from nemo_provider.hooks.wire import Wire, plain_url
from nemo_provider.polls import Kind, poll
from nemo_provider.questions import Questions
from nemo_provider.states import Observation

_CHUNK = 1 << 16
T = TypeVar("T")


class NemoHttpHook(HttpHook):
    """Call one service of the platform.

    :param conn_id: Airflow connection of type HTTP; see ``connections.wire_of`` for what it can say.
    :param base_url: address to use if that connection does not exist, as ``http://nemo.test``. Never a secret.

    Safe calls are retried with exponential back-off and jitter on 408, 429, 502, 503, 504 and lost connections,
    honouring ``Retry-After``. A call that is not repeatable is retried only where the platform cannot have got it.
    """

    conn_type = "http"

    def __init__(self, conn_id: str, base_url: str | None = None) -> None:
        super().__init__(method="GET", http_conn_id=conn_id)
        self.fallback_url = plain_url(base_url, "base_url") if base_url else None

    @cached_property
    def wire(self) -> Wire:
        """Read the connection once, or fall back to ``base_url``."""
        try:
            connection = self.get_connection(self.http_conn_id)
        except AirflowNotFoundException:
            return self._fallback()
        return wire_of(connection, connection.extra_dejson)

    async def awire(self) -> Wire:
        """Read the connection once without blocking the event loop, or fall back to ``base_url``."""
        if "wire" not in self.__dict__:
            try:
                connection = await self.aget_connection(self.http_conn_id)
            except AirflowNotFoundException:
                self.__dict__["wire"] = self._fallback()
            else:
                self.__dict__["wire"] = wire_of(connection, await _extra(connection))
            # Reads certificates from disk, for long enough to make every other trigger late.
            await asyncio.to_thread(lambda: self.wire.tls)
        return self.wire

    def _fallback(self) -> Wire:
        if self.fallback_url is None:
            raise NemoConfigurationError(
                f"There is no Airflow connection {self.http_conn_id!r} and no base_url. Define the connection (type "
                "HTTP: host, port, the bearer token as password), or give the task base_url='http://…'"
            )
        return Wire(f"base_url, there is no Airflow connection {self.http_conn_id!r}", self.fallback_url)

    def get_conn(
        self, headers: dict[Any, Any] | None = None, extra_options: dict[str, Any] | None = None
    ) -> requests.Session:
        """Return a session with the connection's credential, headers, TLS and proxy."""
        session = requests.Session()
        session.auth = self.wire.auth
        session.headers.update({**self.wire.headers, **(headers or {})})
        session.verify, session.cert = self.wire.verify, self.wire.cert
        session.proxies.update(self.wire.proxies)
        self.base_url, self.merged_extra = (
            self.wire.base_url,
            {"timeout": self.wire.timeout, **(extra_options or {})},
        )
        return self._configure_session_from_mount_adapters(session)

    def call(
        self,
        endpoint: Endpoint,
        path: Mapping[str, str] | None = None,
        *,
        query: Mapping[str, Any] | None = None,
        json: Any = None,
        form: Mapping[str, str] | None = None,
        hidden: Collection[str] = (),
        into: IO[bytes] | None = None,
    ) -> Any:
        """Make one call and return the decoded JSON body, or None for an empty one.

        ``hidden`` are secrets in the request, kept out of error texts. With ``into`` the body is streamed to that
        file instead. Raise the errors of ``nemo_provider.errors``.
        """

        def send() -> Any:
            with (
                self.get_conn() as session,
                session.request(
                    endpoint.method,
                    url_of(self.wire, endpoint, path),
                    params=query,
                    json=json,
                    data=form,
                    timeout=self.wire.timeout,
                    stream=into is not None,
                    # Said per request: for a session, the environment's CA file would overrule it.
                    verify=self.wire.verify,
                    # A redirected POST would arrive as a GET.
                    allow_redirects=endpoint.method == "GET",
                ) as response,
            ):
                if response.status_code >= 300 or into is None:
                    return self._value(
                        endpoint, response.status_code, response.headers, response.content, hidden
                    )
                into.seek(0)
                into.truncate()
                for chunk in response.iter_content(_CHUNK):
                    into.write(chunk)
                return None

        def attempt() -> Any:
            try:
                return send()
            except requests.RequestException as error:
                raise self._unanswered(endpoint, error) from None

        return tenacity.Retrying(**retrying(self.wire, endpoint))(attempt)

    async def acall(
        self, endpoint: Endpoint, path: Mapping[str, str] | None = None, *, retry: bool = True
    ) -> Any:
        """Make one call from an event loop, and no second one with ``retry=False``."""
        wire = await self.awire()

        async def attempt() -> Any:
            door = AsyncDoor(wire, endpoint.method)
            try:
                async with door.session(method=endpoint.method) as http:
                    response = await http.run(endpoint=_path(endpoint, path), extra_options=door.options)
                    body = await response.read()
            except aiohttp.ClientConnectorError as error:
                raise self._lost(endpoint, type(error).__name__, sent=False) from None
            except (aiohttp.ClientError, TimeoutError) as error:
                raise self._lost(endpoint, type(error).__name__, sent=True) from None
            return self._value(endpoint, response.status, response.headers, body)

        if not retry:
            return await attempt()
        return await tenacity.AsyncRetrying(**retrying(wire, endpoint))(attempt)

    def ask(self, questions: Questions[T]) -> T:
        """Ask questions one after the other; return what they come to."""
        try:
            question = next(questions)
            while True:
                try:
                    answer = self.call(question.endpoint, question.path)
                except NemoError as error:
                    question = questions.throw(error)
                else:
                    question = questions.send(answer)
        except StopIteration as end:
            return end.value

    async def aask(self, questions: Questions[T], *, retry: bool = True) -> T:
        """Ask the same from an event loop. ``retry=False`` for polls: the poller forgives lost ones itself."""
        try:
            question = next(questions)
            while True:
                try:
                    answer = await self.acall(question.endpoint, question.path, retry=retry)
                except NemoError as error:
                    question = questions.throw(error)
                else:
                    question = questions.send(answer)
        except StopIteration as end:
            return end.value

    def poll(self, kind: Kind, name: str) -> Observation:
        """Ask the platform how a job, deployment or model is."""
        return self.ask(poll(kind, name))

    async def apoll(self, kind: Kind, name: str) -> Observation:
        """Ask the same from an event loop, one try per question."""
        return await self.aask(poll(kind, name), retry=False)

    def _value(
        self,
        endpoint: Endpoint,
        status: int,
        headers: Mapping[str, str],
        body: bytes,
        hidden: Collection[str] = (),
    ) -> Any:
        if 200 <= status < 300:
            return json_of(body, str(endpoint))
        secrets = {*hidden, *self.wire.secrets}
        raise error_of(status, headers, body, str(endpoint), self.wire.credential, secrets)

    def _unanswered(self, endpoint: Endpoint, error: requests.RequestException) -> NemoUnavailableError:
        loss = loss_of(error)
        lost = self._lost(endpoint, loss.what, sent=not never_sent(error))
        lost.remedy, lost.may_pass = (
            f"{loss.remedy}. The address comes from {self.wire.address_source}",
            loss.may_pass,
        )
        return lost

    def _lost(self, endpoint: Endpoint, problem: str, sent: bool) -> NemoUnavailableError:
        what = "No answer to" if sent else "No connection for"
        return NemoUnavailableError(f"{what} {endpoint} at {self.wire.base_url} ({problem})", sent=sent)


def url_of(wire: Wire, endpoint: Endpoint, path: Mapping[str, str] | None = None, **query: str) -> str:
    """Return the whole URL of a call."""
    return wire.base_url + _path(endpoint, path) + (f"?{urlencode(query)}" if query else "")


def _path(endpoint: Endpoint, path: Mapping[str, str] | None) -> str:
    # Names hold @ and +, which the platform's own client sends as they are.
    return endpoint.path.format(**{k: quote(v, safe="@+:") for k, v in (path or {}).items()})


async def _extra(connection: Any) -> Mapping[str, Any]:
    # Connections of the metadata database have no async reader; theirs does not block.
    read = getattr(connection, "aextra_dejson", None)
    return await read() if read else connection.extra_dejson
