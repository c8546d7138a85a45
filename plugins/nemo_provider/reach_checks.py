"""Is anybody at an address, and does it say that it is well?"""

from __future__ import annotations

import io
import json
from dataclasses import replace
from typing import TypeVar

from nemo_provider.checks import Check, CheckError, NotTold
from nemo_provider.errors import NemoApiError, NemoNotFoundError, NemoUnavailableError
from nemo_provider.hooks import endpoints as api
from nemo_provider.hooks.base import NemoHttpHook
from nemo_provider.hooks.endpoints import Endpoint
from nemo_provider.reading import mapping, text

CONNECTION = "connection"
#: Seconds to connect and seconds without a byte: two tries fit into the limit of a check.
_CONNECT, _READ, _TRIES = 2.0, 4.0, 2
_UNHEALTHY = frozenset({"unhealthy", "down", "error", "failed"})

Hook = TypeVar("Hook", bound=NemoHttpHook)


def impatient(hook: Hook, read: float = _READ, tries: int = _TRIES) -> Hook:
    """Make a hook give up early, and read its connection now; raise ``NemoConfigurationError`` if that makes no sense."""
    wire = hook.wire
    timeout = (min(wire.timeout[0], _CONNECT), min(wire.timeout[1], read))
    # The wire is kept where `cached_property` keeps it.
    hook.__dict__["wire"] = replace(wire, timeout=timeout, retries=min(wire.retries, tries))
    return hook


def reached(service: str, hook: NemoHttpHook) -> Check:
    """Ask whether connection, DNS, TCP and TLS lead to anything that speaks HTTP."""

    def ask() -> str:
        try:
            impatient(hook)
            hook.call(api.HEALTH, into=io.BytesIO())
        except NemoApiError:
            pass  # whatever it says, somebody is there
        except NemoUnavailableError as error:
            # A status such as 503 has come from there, too; the next checks ask what it means.
            if error.remedy:
                raise
        return hook.wire.base_url

    return Check(service, CONNECTION, ask)


def healthy(service: str, hook: NemoHttpHook, paths: tuple[Endpoint, ...]) -> Check:
    """Ask the health checks that are routed."""

    def ask() -> str:
        routed = [endpoint for endpoint in paths if _is_healthy(hook, endpoint)]
        if not routed:
            asked = ", ".join(endpoint.path for endpoint in paths)
            raise NotTold(f"the address does not route {asked} (404); the services are asked one by one")
        return ", ".join(endpoint.path for endpoint in routed)

    return Check(service, "health", ask, (f"{service}, {CONNECTION}",))


def _is_healthy(hook: NemoHttpHook, endpoint: Endpoint) -> bool:
    """Return False if nobody answers there; raise `CheckError` for an answer that says it is not well."""
    body = io.BytesIO()
    try:
        hook.call(endpoint, into=body)
    except NemoNotFoundError:
        return False
    try:
        said = mapping(json.loads(body.getvalue() or b"{}"))
    except ValueError:
        said = {}  # some say it in plain text: the status is what counts
    status = text(said.get("status")) or ""
    if said.get("ready") is False or said.get("live") is False or status.lower() in _UNHEALTHY:
        raise CheckError(
            f"{endpoint} says {status or text(said.get('message')) or 'that it is not ready'}",
            "See the log of the service; it may still be starting",
            may_pass=True,
        )
    return True
