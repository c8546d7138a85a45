"""What a request needs beside its path: address, credential, headers, timeouts, TLS, proxy."""

from __future__ import annotations

import base64
import os
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from urllib.parse import urlsplit

from requests.auth import AuthBase
from requests.models import PreparedRequest
from requests.utils import get_environ_proxies

from nemo_provider.errors import NemoConfigurationError

#: Seconds to connect. A service of a healthy cluster accepts at once.
CONNECT_TIMEOUT = 5.0
#: Seconds without a byte. Creating a job makes the Customizer look at dataset and target first.
READ_TIMEOUT = 60.0
#: Values of extra headers from this length on are taken for credentials and kept out of error texts.
_SECRET_LENGTH = 8
#: What a header's value cannot hold: anything but printable Latin-1.
_NO_HEADER = re.compile(r"[^\x20-\x7e\xa0-\xff]")


class HeaderAuth(AuthBase):
    """Send an ``Authorization`` header. As ``auth`` and not as a header, so that a .netrc cannot replace it."""

    def __init__(self, authorization: str) -> None:
        self.authorization = authorization

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Put the header on a request."""
        request.headers["Authorization"] = self.authorization
        return request


@dataclass(frozen=True)
class Wire:
    """Hold how to reach one service. ``source`` names where it comes from, for error messages.

    A password alone is a bearer token, with a login it is basic authentication.
    """

    source: str
    base_url: str
    login: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout: tuple[float, float] = (CONNECT_TIMEOUT, READ_TIMEOUT)
    verify: bool | str = True
    cert: str | tuple[str, str] | None = None
    proxies: Mapping[str, str] = field(default_factory=dict, repr=False)
    retries: int = 4
    retry_wait: float = 0.5

    @property
    def authorization(self) -> str | None:
        """Return the value of the ``Authorization`` header, or None."""
        if self.login:
            pair = f"{self.login}:{self.password or ''}"
            return f"Basic {base64.b64encode(pair.encode('latin-1')).decode()}"
        return f"Bearer {self.password}" if self.password else None

    @property
    def address_source(self) -> str:
        """Say where the address comes from, for the person who has to mend it."""
        return self.source

    @property
    def auth(self) -> AuthBase | None:
        """Return how requests authenticates, or None."""
        return HeaderAuth(self.authorization) if self.authorization else None

    @property
    def secrets(self) -> frozenset[str]:
        """Return what must not appear in an error text."""
        long_headers = {value for value in self.headers.values() if len(value) >= _SECRET_LENGTH}
        sent = (self.authorization or "").partition(" ")[2]
        return frozenset({self.password or "", sent, *long_headers} - {""})

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

    @cached_property
    def tls(self) -> ssl.SSLContext | bool:
        """Return what aiohttp wants to know about TLS.

        Made once: reading a file of authorities takes some 45 ms, in which the event loop of all triggers stands still.
        """
        if self.verify is False:
            return False
        # requests heeds these variables by itself; both sides must trust the same authorities.
        environment = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
        authorities = self.verify if isinstance(self.verify, str) else environment
        if not authorities and not self.cert:
            return True
        folder = bool(authorities) and Path(str(authorities)).is_dir()
        try:
            context = ssl.create_default_context(
                cafile=None if folder else authorities, capath=authorities if folder else None
            )
            if self.cert:
                context.load_cert_chain(*([self.cert] if isinstance(self.cert, str) else self.cert))
        except OSError as error:
            raise NemoConfigurationError(
                f"The certificates of {self.source} cannot be read ({error.strerror or type(error).__name__}): mend "
                "verify (or REQUESTS_CA_BUNDLE) and cert"
            ) from None
        return context


def plain_url(url: str, source: str) -> str:
    """Return a base URL without its trailing slash; refuse one that carries a credential or is none."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise NemoConfigurationError(f"{source} is no http(s) URL: give it as http://host:port")
    if parts.username or parts.password:
        raise NemoConfigurationError(
            f"{source} carries a credential in its URL, which Airflow shows and stores: put it into the login and "
            "password of an Airflow connection"
        )
    return url.rstrip("/")


def header_text(value: str, what: str) -> str:
    """Return a text that can be (part of) a header's value, without the white space around it.

    Tokens are pasted and read from files with a newline at their end. Raise ``NemoConfigurationError`` for characters
    that no header can hold, naming ``what`` it is and never the text.
    """
    stripped = value.strip()
    if _NO_HEADER.search(stripped):
        raise NemoConfigurationError(
            f"{what} holds a line break, another control character, or one outside of Latin-1, which cannot be sent. "
            "Enter it anew"
        )
    return stripped
