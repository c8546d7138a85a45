"""Conventions that all services of the platform share on the wire: ids, times, bodies, errors."""

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from time import time_ns
from typing import Annotated, Any
from urllib.parse import parse_qs

import orjson
from fastapi import Depends, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError

Document = dict[str, Any]

BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
MAX_DEPTH = 100
"""Bodies are nested no deeper: they are kept inside other documents, and those, too, must be written as JSON."""


def new_id(prefix: str) -> str:
    """Return a fresh id such as `cust-FarcM8gwhL1XFDXQ57qGLL`: the prefix and 22 base58 characters."""
    return f"{prefix}-" + "".join(secrets.choice(BASE58) for _ in range(22))


def now() -> str:
    """Return the current time as the Python services print it: UTC, microseconds, no zone."""
    return datetime.now(UTC).replace(tzinfo=None).isoformat(timespec="microseconds")


def zulu() -> str:
    """Return the current time as the Data Store prints it: whole seconds and `Z`."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def go_time() -> str:
    """Return the current time as Deployment Management, a Go service, prints it: nanoseconds and `Z`."""
    seconds, nanoseconds = divmod(time_ns(), 1_000_000_000)
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S") + f".{nanoseconds:09d}Z"


def api_error(status: int, detail: str, headers: Mapping[str, str] | None = None) -> HTTPException:
    """Return the error to raise for an answer of `{"detail": "…"}` with this status."""
    return HTTPException(status, detail, dict(headers) if headers else None)


def invalid(field: str, message: str, kind: str = "value_error") -> RequestValidationError:
    """Return the error to raise for a 422 whose detail is a list that names one field, such as `target.type`.

    An empty field stands for the whole body.
    """
    where = ("body", *field.split(".")) if field else ("body",)
    return RequestValidationError([{"type": kind, "loc": where, "msg": message}])


def delete_response(key: str, moment: str | None = None) -> Document:
    """Return the body of a successful delete."""
    return {"message": "Resource deleted successfully.", "id": key, "deleted_at": moment or now()}


class BadJson(ValueError):  # noqa: N818
    """Bytes that are no JSON object of a reasonable depth."""


def read_object(raw: bytes) -> Document:
    """Return the JSON object that a body holds; raise `BadJson`."""
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise BadJson(f"JSON decode error: {error}") from None
    if not isinstance(body, dict):
        raise BadJson("Input should be an object")
    if _deeper(body, MAX_DEPTH):
        raise BadJson(f"Input should not be nested deeper than {MAX_DEPTH} levels")
    return body


def _deeper(value: object, levels: int) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return inner is not None and (levels == 0 or any(_deeper(one, levels - 1) for one in inner))


async def decode_body(request: Request) -> Document:
    """Return the body as an object, whether it came as JSON or as a form; raise 422 for anything else.

    A form field that is repeated becomes a list.
    """
    raw = await request.body()
    if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        try:
            form = parse_qs(raw.decode(), keep_blank_values=True)
        except ValueError as error:
            raise invalid("", f"Form decode error: {error}") from None
        return {name: values[0] if len(values) == 1 else values for name, values in form.items()}
    try:
        return read_object(raw)
    except BadJson as error:
        raise invalid("", str(error), "json_invalid") from None


Body = Annotated[Document, Depends(decode_body)]
"""The type of a handler's parameter that receives the decoded body."""


def validated(model: type[BaseModel], body: Mapping[str, Any]) -> Document:
    """Return the body as `model` reads it, without what was not sent; raise 422 with the list of errors."""
    try:
        checked = model.model_validate(body).model_dump(mode="json", exclude_unset=True, by_alias=True)
    except ValidationError as error:
        errors = error.errors(include_url=False, include_context=False, include_input=False)
        raise RequestValidationError(
            [{**one, "loc": ("body", *_sent_path(body, one["loc"], one["type"]))} for one in errors]
        ) from None
    for name, value in checked.items():
        try:
            orjson.dumps(value)
        except TypeError as error:
            raise invalid(name, f"Input cannot be kept: {error}") from None
    return checked


def _sent_path(body: object, path: tuple[int | str, ...], kind: str) -> list[int | str]:
    """Return the steps of an error's place that lead through the body: not those that only name a type.

    Only what is missing may be named although it leads nowhere.
    """
    steps: list[int | str] = []
    for number, step in enumerate(path, 1):
        if isinstance(body, Mapping) and step in body:
            body = body[str(step)]
        elif isinstance(body, list) and isinstance(step, int) and step < len(body):
            body = body[step]
        elif kind != "missing" or number < len(path):
            continue
        steps.append(step)
    return steps
