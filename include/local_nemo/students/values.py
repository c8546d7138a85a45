"""Values in text and JSON that an argument may be copied from: where each stands and what it looks like."""

import re
from dataclasses import dataclass
from typing import Any

from include.local_nemo.students.shapes import MAX_SPAN_WORDS, TEXT, is_identifier, shape_of

MAX_LEAVES = 600
MAX_CONTEXT_WORDS = 48
MAX_QUOTE_LENGTH = 600
MAX_TEXT_WORDS = 700
UNIFORM_MAP_SIZE = 8
"""An object with this many members of one look is a table: its keys are data, not names of fields."""

_WORD = re.compile(r"\w+")
COMMON_WORDS = frozenset(
    _WORD.findall(
        """
        a an and are as at be been but by can could do for from get has have how i if in is it its like me my
        need not of on or our please should so such that the their them there this to was we what when which
        will with would you your
        """
    )
)
"""Words that say little about what a text is about."""

_TOKEN = re.compile(r"\S+")
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
_FIELD = re.compile(r"[A-Za-z_][A-Za-z_-]*\d{0,2}\Z")
_EDGES = " \t\n.,;:!?\"'`()[]{}<>*“”‘’…"


_Near = tuple[frozenset[str], tuple[str, ...]]
"""Words and short fields of the object around a value."""


@dataclass(frozen=True, slots=True, eq=False)
class Leaf:
    """A scalar inside JSON: its path (list indices and data-like keys are wildcards) and its surroundings."""

    value: str
    raw: Any
    path: str
    holder: int
    """Number of the object that holds it, within its message."""
    index: int
    """Place among the leaves of the same path in this message."""
    context: frozenset[str]
    """Words of the object that holds it."""
    outer: frozenset[str]
    """Words of the plain fields further out."""
    siblings: tuple[str, ...]
    """Short `key=value` fields of the same object."""
    shape: str
    """What the value looks like, see `shape_of`."""
    identifier: bool
    """Whether it looks like the name of one thing: digits in it, no spaces, neither short nor long."""

    @property
    def key(self) -> str:
        """Name of the field that holds it, without its path; empty for data-like keys."""
        return self.path.rsplit(".", 1)[-1].strip("*~[]")


@dataclass(frozen=True, slots=True)
class Span:
    """A run of words in a text that may be a value, with its look."""

    value: str
    shape: str
    before: str
    """The word just before it."""


def words_of(text: str) -> tuple[str, ...]:
    """Split a text into lower-case words."""
    return tuple(_WORD.findall(text.lower())[:MAX_TEXT_WORDS])


def as_text(raw: Any) -> str:
    """Write a JSON scalar the way people write it in text."""
    if isinstance(raw, bool):
        return "true" if raw else "false"
    if raw is None:
        return "null"
    if isinstance(raw, float) and raw.is_integer() and abs(raw) < 1e15:
        return str(int(raw))
    return raw if isinstance(raw, str) else str(raw)


def text_spans(text: str) -> tuple[Span, ...]:
    """List the runs of up to `MAX_SPAN_WORDS` words of a text, without the punctuation around them.

    Before them come the whole text and its sentences, as they are, where they are longer.
    """
    whole = text.strip()
    spans = [
        Span(quote, TEXT, "whole" if quote == whole else "sentence")
        for quote in dict.fromkeys([whole, *map(str.strip, _SENTENCE.split(whole))])
        if len(quote) <= MAX_QUOTE_LENGTH and shape_of(quote) == TEXT
    ]
    tokens = [match.span() for match in _TOKEN.finditer(text)][:MAX_TEXT_WORDS]
    cleaned = [text[start:end].strip(_EDGES) for start, end in tokens]
    shapes = [shape_of(token) for token in cleaned]
    for first in range(len(tokens)):
        if not cleaned[first]:
            continue
        before = cleaned[first - 1].lower() if first else ""
        spans.append(Span(cleaned[first], shapes[first], before))
        for last in range(first + 1, min(first + MAX_SPAN_WORDS, len(tokens))):
            ending = text[tokens[last - 1][0] : tokens[last - 1][1]]
            if (
                not cleaned[last]
                or ending[-1] in ".!?;:"
                or "\n" in text[tokens[last - 1][1] : tokens[last][0]]
            ):
                break
            whole = text[tokens[first][0] : tokens[last][1]].strip(_EDGES)
            spans.append(Span(whole, shape_of(whole), before))
            if ending[-1] == ",":
                break
    return tuple(spans)


def json_leaves(data: Any, source: str) -> tuple[Leaf, ...]:
    """List the scalars of a JSON value, each with its path below `source`, in the order written."""
    leaves: list[Leaf] = []
    counts: dict[str, int] = {}
    holders = [0]

    def add(raw: Any, path: str, holder: int, near: _Near, outer: frozenset[str]) -> None:
        index = counts.get(path, 0)
        counts[path] = index + 1
        context, siblings = near
        text = as_text(raw)
        shape = shape_of(text)
        named = is_identifier(text, shape)
        leaves.append(Leaf(text, raw, path, holder, index, context, outer, siblings, shape, named))

    def walk(node: Any, path: str, holder: int, near: _Near, outer: frozenset[str]) -> None:
        if len(leaves) >= MAX_LEAVES:
            return
        if isinstance(node, dict):
            holders[0] += 1
            mine = holders[0]
            surroundings = (_words_below(node), _short_fields(node))
            beyond = outer | _own_words(node)
            table = _is_table(node)
            for key, child in node.items():
                if table or not _FIELD.match(key):
                    keyed: _Near = (surroundings[0] if not table else frozenset(words_of(key)), ())
                    if isinstance(child, dict):
                        keyed = (_words_below(child) | frozenset(words_of(key)), _short_fields(child))
                        add(key, f"{path}.*~", holders[0] + 1, keyed, beyond)
                        walk(child, f"{path}.*", mine, keyed, beyond)
                    else:
                        add(key, f"{path}.*~", mine, keyed, beyond)
                        walk(child, f"{path}.*", mine, keyed, beyond)
                else:
                    walk(child, f"{path}.{key}", mine, surroundings, beyond)
        elif isinstance(node, list):
            for child in node:
                walk(child, f"{path}[]", holder, near, outer)
        else:
            add(node, path, holder, near, outer)

    walk(data, source, 0, (frozenset(), ()), frozenset())
    return tuple(leaves)


def _is_table(node: dict[str, Any]) -> bool:
    if len(node) < UNIFORM_MAP_SIZE:
        return False
    looks = {
        shape_of(as_text(child)) if not isinstance(child, dict | list) else "{}" for child in node.values()
    }
    return len(looks) == 1


def _own_words(node: dict[str, Any]) -> frozenset[str]:
    words: set[str] = set()
    for child in node.values():
        if isinstance(child, str) and len(child) < 80:
            words.update(words_of(child))
    return frozenset(words)


def _words_below(node: Any, depth: int = 3) -> frozenset[str]:
    words: set[str] = set()
    stack = [(node, depth)]
    while stack and len(words) < MAX_CONTEXT_WORDS:
        here, left = stack.pop()
        if isinstance(here, dict):
            if left:
                stack.extend((child, left - 1) for child in here.values())
        elif isinstance(here, list):
            if left:
                stack.extend((child, left - 1) for child in here[:8])
        elif isinstance(here, str):
            if len(here) < 80:
                words.update(words_of(here))
        elif here is not None:
            words.update(words_of(as_text(here)))
    return frozenset(words)


def _short_fields(node: dict[str, Any]) -> tuple[str, ...]:
    fields = []
    for key, child in node.items():
        if isinstance(child, bool) or (isinstance(child, str) and child.isalpha() and len(child) <= 16):
            fields.append(f"{key}={as_text(child).lower()}")
    return tuple(fields[:6])
