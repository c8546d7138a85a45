"""The Jinja environment of evaluation templates: what a template can reach, and how much it can make.

Templates come with requests and are rendered in the platform's own process. The bounds keep one that asks for
too much, such as `{{ 'a' * 10000000000 }}`, from taking the memory of everybody else.
"""

import functools
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import jinja2
import orjson
from jinja2.runtime import Context
from jinja2.sandbox import SandboxedEnvironment, SecurityError

MAX_LENGTH = 10_000_000
"""Characters of a text, or items of a list, that a template may make; more than any model reads."""
MAX_BITS = 100_000
WIDE_FILTERS = ("batch", "center", "format", "indent", "slice", "wordwrap")
"""Filters whose results grow with a number that they are given."""
_WIDTH = re.compile(r"[0-9]{7}|\*")
"""In a format: a width that may be beyond the bound, or one that comes from elsewhere."""


class BoundedEnvironment(SandboxedEnvironment):
    """Keep templates from Python itself, and from making more than `MAX_LENGTH` of anything at once."""

    intercepted_binops = frozenset({"*", "**", "%"})

    def __init__(self) -> None:
        # Prompts are plain text, not HTML: escaping would change what the model reads.
        super().__init__(undefined=jinja2.StrictUndefined, autoescape=False)
        self.filters["tojson"] = _tojson
        self.filters |= {name: _bounded(self.filters[name]) for name in WIDE_FILTERS}
        del self.globals["lipsum"]

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Work out an operation unless its result would be too large."""
        if operator == "*":
            for many, times in ((left, right), (right, left)):
                if isinstance(many, str | bytes | list | tuple) and isinstance(times, int):
                    _check(len(many) * times)
        elif operator == "**" and isinstance(left, int) and isinstance(right, int):
            _check(left.bit_length() * right, MAX_BITS)
        elif operator == "%" and isinstance(left, str):
            _check_format(left)
        return super().call_binop(context, operator, left, right)

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N805
        """Call what a template calls, unless it asks for too much."""
        method = getattr(__obj, "__wrapped__", __obj)  # the sandbox wraps the formats of texts
        text = getattr(method, "__self__", None)
        if isinstance(text, str):
            _check_text(text, method.__name__, args, kwargs)
        return super().call(__context, __obj, *args, **kwargs)

    @staticmethod
    def concat(pieces: Iterable[str]) -> str:
        """Join the pieces of what a template prints."""
        kept: list[str] = []
        length = 0
        for piece in pieces:
            length += len(piece)
            _check(length)
            kept.append(piece)
        return "".join(kept)


def _tojson(value: object) -> str:
    # Jinja's own filter writes < > & ' as \\u003c etc. for HTML; a model reads the text as it stands.
    if isinstance(value, jinja2.Undefined):
        raise jinja2.UndefinedError(value._undefined_message)
    return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()


def _bounded(work: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(work)
    def bounded(*args: Any, **kwargs: Any) -> Any:
        _check_text(str(args[0]), work.__name__, args[1:], kwargs)
        return work(*args, **kwargs)

    return bounded


def _check_text(text: str, method: str, args: Iterable[Any], kwargs: Mapping[str, Any]) -> None:
    """Refuse a filter or method of a text that is given a number beyond the bound."""
    if "format" in method:
        _check_format(text)
    for value in (*args, *kwargs.values()):
        if isinstance(value, int):
            _check(value)


def _check_format(text: str) -> None:
    if _WIDTH.search(text):
        raise SecurityError("a format with a width like that is not allowed")


def _check(size: int, most: int = MAX_LENGTH) -> None:
    if size > most:
        raise SecurityError(f"a template may not make more than {MAX_LENGTH} characters or items")
