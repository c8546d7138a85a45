"""Conventions that all services of the platform share on the wire: ids, times, lists, merges, errors."""

import math
import secrets
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from time import time_ns
from typing import Annotated, Any, NoReturn
from urllib.parse import parse_qs

import orjson
from fastapi import Depends, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError

Document = dict[str, Any]

BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
DEFAULT_PAGE_SIZE = 10
IMMUTABLE = ("id", "name", "namespace", "created_at")


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
    """Return the error to raise for a 422 whose detail is a list that names one field of the body."""
    return RequestValidationError([{"type": kind, "loc": ("body", field), "msg": message, "input": None}])


def delete_response(key: str) -> Document:
    """Return the body of a successful delete."""
    return {"message": "Resource deleted successfully.", "id": key, "deleted_at": now()}


def merge_patch(doc: Document, body: Mapping[str, Any]) -> Document:
    """Return `doc` with the top-level fields of `body` over it and a new `updated_at`.

    Identity fields may be repeated with their own value, as clients do that send the whole object;
    another value raises 422.
    """
    for field in IMMUTABLE:
        if field in body and field in doc and body[field] not in (None, doc[field]):
            raise invalid(field, f"{field} cannot be changed")
    return {**doc, **{k: v for k, v in body.items() if k not in IMMUTABLE}, "updated_at": now()}


async def decode_body(request: Request) -> Document:
    """Return the body as an object, whether it came as JSON or as a form; raise 422 for anything else.

    A form field that is repeated becomes a list.
    """
    raw = await request.body()
    if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        form = parse_qs(raw.decode(), keep_blank_values=True)
        return {name: values[0] if len(values) == 1 else values for name, values in form.items()}
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise RequestValidationError(
            [{"type": "json_invalid", "loc": ("body",), "msg": f"JSON decode error: {error}", "input": None}]
        ) from None
    if not isinstance(body, dict):
        raise RequestValidationError(
            [{"type": "dict_type", "loc": ("body",), "msg": "Input should be an object", "input": None}]
        )
    return body


def validated(model: type[BaseModel], body: Mapping[str, Any]) -> Document:
    """Return the body as `model` reads it, without what was not sent; raise 422 with the list of errors."""
    try:
        return model.model_validate(body).model_dump(mode="json", exclude_unset=True)
    except ValidationError as error:
        errors = error.errors(include_url=False, include_context=False)
        raise RequestValidationError([{**one, "loc": ("body", *one["loc"])} for one in errors]) from None


Body = Annotated[Document, Depends(decode_body)]
"""The type of a handler's parameter that receives the decoded body."""

Derived = Mapping[str, Callable[[Document], Any]]


def list_page(docs: Iterable[Document], request: Request, derived: Derived | None = None) -> Document:
    """Return one page of `docs` in the shape of every list endpoint.

    Reads `page` (from 1), `page_size`, `sort` (`field` or `-field`), `filter[a][b]=x,y` and
    `search[a]=text` from the query. `docs` come oldest first. A page beyond the end is empty, which is
    how clients notice the end. `derived` gives names that are no plain field of the document, as
    functions of it: `{"peft.lora": f}` answers `filter[peft][lora]`.
    """
    query = request.query_params
    page = _positive(query.get("page"), "page", 1)
    size = _positive(query.get("page_size"), "page_size", DEFAULT_PAGE_SIZE)
    sort = query.get("sort") or "-created_at"

    chosen = [doc for doc in docs if _matches(doc, query.multi_items(), derived or {})]
    field = sort.removeprefix("-")
    chosen.sort(key=lambda doc: str(doc.get(field) or ""))
    if sort.startswith("-"):
        # Turned after sorting: among equals the newest comes first, too.
        chosen.reverse()

    data = chosen[(page - 1) * size : page * size]
    return {
        "object": "list",
        "data": data,
        "pagination": {
            "page": page,
            "page_size": size,
            "current_page_size": len(data),
            "total_pages": math.ceil(len(chosen) / size),
            "total_results": len(chosen),
        },
        "sort": sort,
    }


def _positive(text: str | None, name: str, default: int) -> int:
    if text is None:
        return default
    if text.isdigit() and int(text) > 0:
        return int(text)
    _refuse_query(name, text)


def _refuse_query(name: str, text: str) -> NoReturn:
    raise RequestValidationError(
        [
            {
                "type": "greater_than_equal",
                "loc": ("query", name),
                "msg": "Input should be an integer greater than or equal to 1",
                "input": text,
            }
        ]
    )


def _matches(doc: Document, query: list[tuple[str, str]], derived: Derived) -> bool:
    searches: dict[str, list[tuple[list[str], str]]] = {}
    for name, wanted in query:
        word, *path = name.replace("]", "").split("[")
        if word == "filter" and path:
            if not _equals(_look_up(doc, path, derived), path, wanted):
                return False
        elif word == "search" and path:
            searches.setdefault(name, []).append((path, wanted))
    # Several texts for one field are alternatives; different fields must all match.
    return all(
        any(_contains(_look_up(doc, path, derived), path, wanted) for path, wanted in alternatives)
        for alternatives in searches.values()
    )


def _look_up(doc: Document, path: list[str], derived: Derived) -> Any:
    if ".".join(path) in derived:
        return derived[".".join(path)](doc)
    value: Any = doc
    for step in path:
        if isinstance(value, dict):
            value = value.get(step)
        elif not isinstance(value, str):
            return None
        # A text stays what it is: filter[base_model][name] of a base given as text, or the bound of a time.
    return value


def _equals(value: Any, path: list[str], wanted: str) -> bool:
    if len(path) > 1 and path[-1] in TIME_BOUNDS:
        return _within(value, path[-1], wanted)
    if wanted in ("true", "false") and not isinstance(value, bool | str):
        # filter[peft]=true asks whether it is there at all.
        return bool(value) == (wanted == "true")
    if isinstance(value, dict):
        value = f"{value.get('namespace')}/{value.get('name')}"
    values = value if isinstance(value, list) else [value]
    return any(_text(one) in wanted.split(",") for one in values)


def _contains(value: Any, path: list[str], wanted: str) -> bool:
    if len(path) > 1 and path[-1] in TIME_BOUNDS:
        return _within(value, path[-1], wanted)
    return wanted.casefold() in _text(value).casefold()


TIME_BOUNDS: Mapping[str, Callable[[str, str], bool]] = {
    "start": lambda value, bound: value >= bound,
    "gte": lambda value, bound: value >= bound,
    "gt": lambda value, bound: value > bound,
    "end": lambda value, bound: value <= bound,
    "lte": lambda value, bound: value <= bound,
    "lt": lambda value, bound: value < bound,
    "eq": lambda value, bound: value == bound,
    "neq": lambda value, bound: value != bound,
}
"""Names below `filter[created_at]` and `search[created_at]`; ISO texts of one zone compare as texts."""


def _within(value: Any, word: str, bound: str) -> bool:
    return isinstance(value, str) and TIME_BOUNDS[word](value.rstrip("Z"), bound.rstrip("Z"))


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)
