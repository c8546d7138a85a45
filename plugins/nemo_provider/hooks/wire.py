"""What a request needs beside its path: address, credential, headers, timeouts, TLS, proxy."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from requests.auth import AuthBase, HTTPBasicAuth
from requests.models import PreparedRequest
from requests.utils import get_environ_proxies

from nemo_provider.errors import NemoConfigurationError

#: Seconds to connect. A service of a healthy cluster accepts at once.
CONNECT_TIMEOUT = 5.0
#: Seconds without a byte. Creating a job makes the Customizer look at dataset and target first.
READ_TIMEOUT = 60.0
#: Keys of a connection's extra that are settings; every other key is sent as a header, as the HTTP provider does.
_SETTINGS = frozenset(
    {
        *("headers", "timeout", "verify", "verify_ssl", "cert", "proxy", "proxies", "retries", "retry_wait"),
        *("allow_redirects", "max_redirects", "stream", "trust_env", "check_response", "srv_lookup"),
    }
)


class BearerAuth(AuthBase):
    """Send a bearer token. As ``auth`` and not as a header, so that a .netrc cannot replace it."""

    def __init__(self, token: str) -> None:
        self.token = token

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Put the token on a request."""
        request.headers["Authorization"] = f"Bearer {self.token}"
        return request


@dataclass(frozen=True)
class Wire:
    """Hold how to reach one service. ``source`` names where it comes from, for error messages."""

    source: str
    base_url: str
    login: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout: tuple[float, float] = (CONNECT_TIMEOUT, READ_TIMEOUT)
    verify: bool | str = True
    cert: Any = None
    proxies: Mapping[str, str] = field(default_factory=dict, repr=False)
    retries: int = 4
    retry_wait: float = 0.5

    @classmethod
    def from_connection(cls, connection: Any, extra: Mapping[str, Any]) -> Wire:
        """Read an Airflow connection of type HTTP.

        Host (with or without scheme), port, schema; a password alone is a bearer token, with a login it is basic
        authentication. Extra: ``timeout`` (seconds, or [connect, read]), ``verify`` (false, or a CA file),
        ``cert``, ``proxy`` or ``proxies``, ``headers``, ``retries``, ``retry_wait`` (seconds before the second
        try); any other key is a header.
        """
        host = connection.host or ""
        base_url = host if "://" in host else f"{connection.schema or 'http'}://{host}"
        if connection.port:
            parts = urlsplit(base_url)
            base_url = f"{parts.scheme}://{parts.netloc}:{connection.port}{parts.path}"
        source = f"Airflow connection {connection.conn_id!r}"
        if not host:
            raise NemoConfigurationError(f"{source} has no host")
        proxies = extra.get("proxies", extra.get("proxy"))
        headers = {**{k: v for k, v in extra.items() if k not in _SETTINGS}, **extra.get("headers", {})}
        return cls(
            source=source,
            base_url=plain_url(base_url, source),
            login=connection.login or None,
            password=connection.password or None,
            headers={name: str(value) for name, value in headers.items()},
            timeout=_timeouts(extra.get("timeout"), source),
            verify=extra.get("verify", extra.get("verify_ssl", True)),
            cert=extra.get("cert"),
            proxies={"http": proxies, "https": proxies} if isinstance(proxies, str) else proxies or {},
            retries=int(extra.get("retries", 4)),
            retry_wait=float(extra.get("retry_wait", 0.5)),
        )

    @property
    def auth(self) -> AuthBase | None:
        """Return how requests authenticates, or None."""
        if self.login:
            return HTTPBasicAuth(self.login, self.password or "")
        return BearerAuth(self.password) if self.password else None

    @property
    def credential(self) -> str:
        """Say which credential is sent, for the person who has to mend it."""
        if self.login:
            return f"The login and password of {self.source} were refused"
        if self.password:
            return f"The bearer token (password) of {self.source} was refused"
        if self.source.startswith("Airflow connection"):
            return f"{self.source} has no password, so no bearer token was sent: put the token there"
        return (
            f"No credential was sent, because the address came from {self.source}: define that Airflow connection "
            "(type HTTP) with the bearer token as its password"
        )

    def proxy(self, url: str) -> str | None:
        """Return the proxy for a URL: the connection's, else the environment's."""
        proxies = self.proxies or get_environ_proxies(url)
        return proxies.get(urlsplit(url).scheme)

    def ssl(self) -> ssl.SSLContext | bool:
        """Return what aiohttp wants to know about TLS."""
        if self.verify is False:
            return False
        if self.verify is True and not self.cert:
            return True
        context = ssl.create_default_context(cafile=self.verify if isinstance(self.verify, str) else None)
        if self.cert:
            context.load_cert_chain(*([self.cert] if isinstance(self.cert, str) else self.cert))
        return context


def plain_url(url: str, source: str) -> str:
    """Return a base URL without its trailing slash; refuse one that carries a credential or is none."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise NemoConfigurationError(f"{source} is no http(s) URL: give it as http://host:port")
    if parts.username or parts.password:
        raise NemoConfigurationError(
            f"{source} carries a credential in its URL, which Airflow shows and stores: put it into the login and "
            "password of an Airflow connection"
        )
    return url.rstrip("/")


def _timeouts(value: Any, source: str) -> tuple[float, float]:
    if value is None:
        return CONNECT_TIMEOUT, READ_TIMEOUT
    pair = value if isinstance(value, (list, tuple)) else (value, value)
    if len(pair) != 2 or not all(isinstance(v, (int, float)) and v > 0 for v in pair):
        raise NemoConfigurationError(f"timeout of {source} must be seconds, or [connect, read] in seconds")
    return float(pair[0]), float(pair[1])
