"""Read the platform's answers: bodies, and refusals in all the shapes that its services and gateways have."""

from __future__ import annotations

import email.utils
import html
import json
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, quote_plus

from nemo_provider.errors import NemoError, NemoUnavailableError, api_error
from nemo_provider.reading import mapping, mappings

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


def document_of(answer: Any, request: str) -> dict[str, Any]:
    """Return a decoded body that is a JSON object; anything else is no usable answer, ``NemoUnavailableError``."""
    if isinstance(answer, dict):
        return answer
    found = "empty" if answer is None else f"a {type(answer).__name__} where an object was due"
    raise NemoUnavailableError(f"The answer to {request} is {found}")


def error_of(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    request: str,
    credential: str,
    secrets: Collection[str] = (),
) -> NemoError:
    """Return the error that an answer means; ``secrets`` never appear in it."""
    detail = detail_of(body, secrets)
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


def detail_of(body: bytes, secrets: Collection[str] = ()) -> str:
    """Return the platform's words from an error body, without ``secrets``, cut to a length that logs can bear."""
    # Cut last: half a secret would not be recognised as one.
    return without(_words_of(body.decode("utf-8", "replace").strip()), secrets)[:_MAX_DETAIL]


def without(text: str, secrets: Collection[str]) -> str:
    """Return a text with every secret struck out, also where it is written as in JSON, a URL, or HTML."""
    spellings = {spelling for secret in secrets if secret for spelling in _spellings(secret)}
    # Longest first: one secret, or spelling, may be a part of another.
    for spelling in sorted(spellings, key=len, reverse=True):
        text = text.replace(spelling, "***")
    return text


def _words_of(text: str) -> str:
    """Return what a body says: ``detail`` (text or list), ``error``, ``message``, ``title``, or all of it if no JSON.

    Of a list of validation errors only place and message are taken: it repeats the input, which may hold a secret.
    """
    try:
        document = mapping(json.loads(text)) if text else {}
    except ValueError:
        return text
    detail = next(
        (document[k] for k in ("detail", "error", "message", "title") if document.get(k)), "no reason given"
    )
    if isinstance(detail, list):
        detail = "; ".join(
            f"{_place(item.get('loc'))}: {item.get('msg', 'invalid')}" for item in mappings(detail)
        )
    return str(detail)


def _place(loc: Any) -> str:
    return ".".join(str(part) for part in loc) if isinstance(loc, list) else str(loc or "")


def _spellings(secret: str) -> set[str]:
    in_json = (json.dumps(secret, ensure_ascii=ascii_only)[1:-1] for ascii_only in (True, False))
    in_url = (quote(secret), quote(secret, safe=""), quote_plus(secret))
    return {secret, html.escape(secret), *in_json, *in_url}


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
