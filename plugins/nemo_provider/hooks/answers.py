"""Read the platform's answers: bodies, and refusals in all the shapes that its services and gateways have."""

from __future__ import annotations

import email.utils
import json
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any

from nemo_provider.errors import NemoError, NemoUnavailableError, api_error

#: The platform did not do it now and may do it later.
UNAVAILABLE = frozenset({408, 429, 502, 503, 504})
#: Longest text of the platform in an error, characters.
_MAX_DETAIL = 500


def json_of(body: bytes, request: str) -> Any:
    """Return the decoded body, None if it is empty; raise ``NemoUnavailableError`` if it is not JSON.

    NaN and Infinity, which are not JSON but which the platform prints, become None.
    """
    if not body:
        return None
    try:
        return json.loads(body, parse_constant=lambda _: None)
    except ValueError:
        # An ingress that answers 200 with a page of its own: the service behind it was not reached.
        raise NemoUnavailableError(f"The answer to {request} is not JSON") from None


def error_of(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    request: str,
    credential: str,
    secrets: Collection[str] = (),
) -> NemoError:
    """Return the error that an answer means; ``secrets`` never appear in it."""
    detail = detail_of(body)
    for secret in secrets:
        detail = detail.replace(secret, "***")
    if status in UNAVAILABLE:
        # Too many requests: this one was turned away at the door.
        error = NemoUnavailableError(f"{request} was answered with {status}: {detail}", sent=status != 429)
        error.retry_after = retry_after(headers.get("Retry-After"), datetime.now(UTC))
        return error
    if status in (401, 403):
        return api_error(status, detail, request, credential)
    if 300 <= status < 400:
        return api_error(status, "a redirect", request, "Give the address that it leads to")
    return api_error(status, detail, request)


def detail_of(body: bytes) -> str:
    """Return the platform's words from an error body: ``detail`` (text or list), ``error``, ``message``, ``title``.

    Of a list of validation errors only place and message are taken: it repeats the input, which may hold a secret.
    """
    text = body.decode("utf-8", "replace").strip()
    try:
        document = json.loads(text) if text else {}
    except ValueError:
        return text[:_MAX_DETAIL]
    if not isinstance(document, dict):
        return "no reason given"
    detail = next(
        (document[k] for k in ("detail", "error", "message", "title") if document.get(k)), "no reason given"
    )
    if isinstance(detail, list):
        detail = "; ".join(
            f"{'.'.join(str(part) for part in item.get('loc', ()))}: {item.get('msg', 'invalid')}"
            for item in detail
            if isinstance(item, dict)
        )
    return str(detail)[:_MAX_DETAIL]


def retry_after(value: str | None, now: datetime) -> float | None:
    """Return the seconds that a Retry-After header asks for, given as seconds or as an HTTP date; else None."""
    if not value:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        when = email.utils.parsedate_to_datetime(value)
    except ValueError:
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return max(0.0, (when - now).total_seconds())
