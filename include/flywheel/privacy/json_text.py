"""JSON as it stands in a text: its strings and numbers are exchanged, everything else stays byte for byte."""

import json
import re
from collections.abc import Callable

import orjson

_TOKEN = re.compile(r'"((?:[^"\\]|\\.)*)"(\s*:)?|-?\d[\d.eE+-]*')

#: Given the key that came last and a string or whole number, returns what stands there from now on.
Leaf = Callable[[str, str | int], str | int]


#: Deeper JSON is taken as plain text: whoever walks through it needs a level of the stack for each of its own.
_MOST_LEVELS = 200
_BRACKET = re.compile(r"[{}\[\]]")


def parsed(text: str) -> dict[str, object] | list[object] | None:
    """Return the object or list that a text is the JSON of, None for any other text."""
    if text.lstrip()[:1] not in ("{", "[") or _too_deep(text):
        return None
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


def _too_deep(text: str) -> bool:
    if text.count("{") + text.count("[") <= _MOST_LEVELS:
        return False
    level = deepest = 0
    for bracket in _BRACKET.finditer(text):
        level += 1 if bracket[0] in "{[" else -1
        deepest = max(deepest, level)
    return deepest > _MOST_LEVELS


def rewritten(text: str, leaf: Leaf) -> str:
    """Return proper JSON text with other leaves; keys stay."""
    key = ""

    def token(match: re.Match[str]) -> str:
        nonlocal key
        written = match[0]
        if match[2] is not None:
            key = match[1]
            return written
        if match[1] is None:
            value: str | int = int(written) if written.lstrip("-").isdigit() else ""
            return written if value == "" else _exchanged(written, value, leaf(key, value))
        value = json.loads(written) if "\\" in written else match[1]
        return _exchanged(written, value, leaf(key, value))

    return _TOKEN.sub(token, text)


def _exchanged(written: str, old: str | int, new: str | int) -> str:
    if new == old:
        return written
    return json.dumps(new, ensure_ascii="\\u" in written)
