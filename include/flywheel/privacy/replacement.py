"""From found values to placeholders, and from one text to the same text with placeholders."""

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from include.flywheel.privacy import json_text
from include.flywheel.privacy.keys import kind_of, normal
from include.flywheel.privacy.occurrences import Form, occurrences
from include.flywheel.privacy.spans import CUSTOM, Finding, digits_of

#: A whole number of fewer digits is replaced only under a key that says what it is: 19122 may be a price.
_TELLING_DIGITS = 7

#: Characters of the longest text that is remembered with its replacement: all of them together stay below 64 MB.
_REMEMBERED_LENGTH = 4096


class Placeholders:
    """The placeholders of one record, numbered in the order in which its values are found.

    The turns of a conversation are prefixes of each other, so a value has the same number in all of them: what is
    found later never comes before what was found earlier.
    """

    def __init__(self) -> None:
        self._of_value: dict[str, str] = {}
        self._forms: dict[str, Form] = {}
        self.counts: Counter[str] = Counter()

    def add(self, finding: Finding) -> None:
        """Take a value; one that is known keeps its placeholder, also under another kind."""
        kind, value, form = finding
        known = self._forms.get(form.lower())
        placeholder = self._of_value.get(value) or (known.placeholder if known else None)
        if placeholder is None:
            name = kind.removeprefix(CUSTOM)
            self.counts[name] += 1
            placeholder = f"<{name.upper()}_{self.counts[name]}>"
        self._of_value[value] = placeholder
        for written in _writings(finding):
            lower = one_to_one_lower(written)
            self._forms.setdefault(lower, Form(kind, lower, written, placeholder))

    def replacement(self) -> "Replacement":
        """Return what replaces all forms of the values taken so far."""
        return Replacement(list(self._forms.values()))


def _writings(finding: Finding) -> list[str]:
    """Return the forms in which a value may stand elsewhere: a phone number in a text is bare digits in an argument."""
    kind, value, form = finding
    if kind == "phone":
        return [form, value, value.lstrip("+"), digits_of(form)]
    if kind in ("card", "iban", "email", "national_id"):
        return [form, value]
    return [form]


def one_to_one_lower(text: str) -> str:
    """Return a text in lower case, character by character, so that places in it are places in the text."""
    lowered = text.lower()
    if len(lowered) == len(text):
        return lowered
    return "".join(lower if len(lower := c.lower()) == 1 else c for c in text)


class Replacement:
    """Replace the forms of values by their placeholders."""

    def __init__(self, forms: Sequence[Form]) -> None:
        # The longest first: a name is a part of an e-mail address.
        self._forms = sorted(forms, key=lambda form: -len(form.lower))

    def value(self, value: Any) -> Any:
        """Return a text, or parsed JSON, with placeholders; what holds none may be the same object."""
        return _value(value, "", self._forms)


def _value(value: Any, key: str, forms: Sequence[Form]) -> Any:
    if isinstance(value, dict):
        return {name: _value(inner, name, forms) for name, inner in value.items()}
    if isinstance(value, list):
        return [_value(inner, key, forms) for inner in value]
    if isinstance(value, str):
        return _text(value, forms)
    if isinstance(value, int) and not isinstance(value, bool):
        return _number(value, key, forms)
    return value


def _number(value: int, key: str, forms: Sequence[Form]) -> str | int:
    digits = str(value)
    if len(digits) < _TELLING_DIGITS and kind_of(normal(key)) is None:
        return value
    return next((form.placeholder for form in forms if form.form == digits), value)


def _text(text: str, forms: Sequence[Form]) -> str:
    lowered = one_to_one_lower(text)
    # Escaped letters: only the leaves of the JSON tell what it holds.
    present = tuple(forms) if "\\" in text else tuple(form for form in forms if form.lower in lowered)
    if not present:
        return text
    return (
        _replaced(text, present) if len(text) <= _REMEMBERED_LENGTH else _replaced.__wrapped__(text, present)
    )


@lru_cache(maxsize=8192)
def _replaced(text: str, forms: tuple[Form, ...]) -> str:
    """Return a text with placeholders; the turns of a conversation repeat their texts, and the forms in them."""
    if json_text.parsed(text) is not None:
        return json_text.rewritten(text, lambda key, leaf: _value(leaf, key, forms))
    lowered = one_to_one_lower(text)
    names = {form.lower for form in forms if form.kind == "person"}
    taken = bytearray(len(text))
    spans = []
    for form in forms:
        for start, end in occurrences(form, text, lowered, names):
            if taken.find(1, start, end) < 0:
                taken[start:end] = b"\x01" * (end - start)
                spans.append((start, end, form.placeholder))
    parts, done = [], 0
    for start, end, placeholder in sorted(spans):
        parts += [text[done:start], placeholder]
        done = end
    return "".join([*parts, text[done:]])
