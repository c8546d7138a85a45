"""Lists: pages, order, filters and searches, the same on every list endpoint."""

import math
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError

from include.local_nemo.wire import Document

DEFAULT_PAGE_SIZE = 10
PAGE_NUMBER = re.compile(r"[0-9]{1,18}")

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
    if PAGE_NUMBER.fullmatch(text) and int(text) > 0:
        return int(text)
    raise RequestValidationError(
        [
            {
                "type": "greater_than_equal",
                "loc": ("query", name),
                "msg": "Input should be an integer greater than or equal to 1",
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
