"""Turn an Airflow connection of type HTTP into a `Wire`.

Whatever is wrong in a connection is a ``NemoConfigurationError`` that names the connection and the field or key, never a
value, which may be a secret.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from nemo_provider.errors import NemoConfigurationError
from nemo_provider.hooks.wire import CONNECT_TIMEOUT, READ_TIMEOUT, Wire, header_text, plain_url

#: Keys of a connection's extra that are settings; every other key is sent as a header, as the HTTP provider does.
_SETTINGS = frozenset(
    {
        *("headers", "timeout", "verify", "verify_ssl", "cert", "proxy", "proxies", "retries", "retry_wait"),
        *("allow_redirects", "max_redirects", "stream", "trust_env", "check_response", "srv_lookup"),
    }
)
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_SWITCH = {"true": True, "false": False}


def wire_of(connection: Any, extra: Mapping[str, Any]) -> Wire:
    """Read a connection.

    Host (with or without scheme), port, schema; a password alone is a bearer token, with a login it is basic
    authentication. Extra: ``timeout`` (seconds, or [connect, read]), ``verify`` (false, or the path of a CA file),
    ``cert`` (a path, or [certificate, key]), ``proxy`` or ``proxies``, ``headers``, ``retries``, ``retry_wait`` (seconds
    before the second try); any other key is a header. null is as good as left out.
    """
    source = f"Airflow connection {connection.conn_id!r}"
    given = {key: value for key, value in extra.items() if value is not None}
    login = header_text(connection.login or "", f"The login of {source}")
    if ":" in login:
        raise NemoConfigurationError(
            f"The login of {source} holds a colon, which basic authentication cannot send"
        )
    return Wire(
        source=source,
        base_url=_address(connection, source),
        login=login or None,
        password=header_text(connection.password or "", f"The password of {source}") or None,
        headers=_headers(given, source),
        timeout=_timeouts(given.get("timeout"), source),
        verify=_verify(given.get("verify", given.get("verify_ssl", True)), source),
        cert=_cert(given.get("cert"), source),
        proxies=_proxies(given.get("proxies", given.get("proxy")), source),
        retries=int(_number(given.get("retries", 4), "retries", source, least=1)),
        retry_wait=_number(given.get("retry_wait", 0.5), "retry_wait", source, least=0),
    )


def _address(connection: Any, source: str) -> str:
    host = connection.host or ""
    if not host:
        raise NemoConfigurationError(f"{source} has no host")
    base_url = plain_url(host if "://" in host else f"{connection.schema or 'http'}://{host}", source)
    if not connection.port:
        return base_url
    parts = urlsplit(base_url)
    if parts.port not in (None, int(connection.port)):
        raise NemoConfigurationError(
            f"{source} has one port in its host and another as its port: give one of them"
        )
    netloc = parts.netloc if parts.port else f"{parts.netloc.rstrip(':')}:{connection.port}"
    return plain_url(f"{parts.scheme}://{netloc}{parts.path}", source)


def _headers(given: Mapping[str, Any], source: str) -> dict[str, str]:
    listed = given.get("headers", {})
    if not isinstance(listed, Mapping):
        raise _wrong("headers", source, 'must be an object such as {"X-Team": "a"}')
    headers = {**{key: value for key, value in given.items() if key not in _SETTINGS}, **listed}
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name):
            raise _wrong(name, source, "is sent as a header, and is no name of one")
        if not isinstance(value, (str, int, float)):
            raise _wrong(name, source, "is sent as a header, so it must be a text")
    return {name: header_text(str(value), f"{name} of {source}") for name, value in headers.items()}


def _verify(value: Any, source: str) -> bool | str:
    # Forms and environment variables give texts.
    value = _SWITCH.get(value.strip().lower(), value) if isinstance(value, str) else value
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and Path(value).exists():
        return value
    raise _wrong("verify", source, "must be true, false, or the path of a CA file that is there")


def _cert(value: Any, source: str) -> str | tuple[str, str] | None:
    if value is None:
        return None
    paths = value if isinstance(value, (list, tuple)) else [value]
    if len(paths) not in (1, 2) or not all(isinstance(path, str) and Path(path).is_file() for path in paths):
        raise _wrong("cert", source, "must be the path of a file that is there, or [certificate, key]")
    return paths[0] if len(paths) == 1 else (paths[0], paths[1])


def _proxies(value: Any, source: str) -> dict[str, str]:
    if value is None or isinstance(value, str):
        return {"http": value, "https": value} if value else {}
    if not isinstance(value, Mapping) or not all(isinstance(proxy, str) for proxy in value.values()):
        raise _wrong("proxy", source, 'must be a URL, or an object such as {"https": "http://proxy:3128"}')
    return dict(value)


def _timeouts(value: Any, source: str) -> tuple[float, float]:
    if value is None:
        return CONNECT_TIMEOUT, READ_TIMEOUT
    pair = value if isinstance(value, (list, tuple)) else (value, value)
    seconds = [_number(one, "timeout", source, least=0) for one in pair]
    if len(seconds) != 2 or not all(seconds):
        raise _wrong("timeout", source, "must be seconds above 0, or [connect, read] in seconds")
    return seconds[0], seconds[1]


def _number(value: Any, key: str, source: str, *, least: float) -> float:
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not least <= number < math.inf:
        raise _wrong(key, source, f"must be a number, at least {least}")
    return number


def _wrong(key: str, source: str, problem: str) -> NemoConfigurationError:
    return NemoConfigurationError(f"{key} in the extra of {source} {problem}")
