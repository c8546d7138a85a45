"""From found values to placeholders, and from one text to the same text with placeholders."""

import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from include.flywheel.privacy import json_text
from include.flywheel.privacy.keys import kind_of, normal
from include.flywheel.privacy.names import AMBIGUOUS
from include.flywheel.privacy.spans import Finding, digits_of

#: A whole number of fewer digits is replaced only under a key that says what it is: 19122 may be a price.
_TELLING_DIGITS = 7

_LETTERS_END = r"(?![^\W_])"
_LETTERS_BEGIN = r"(?<![^\W_])"


class Form(NamedTuple):
    """One way in which a value is written, and what stands for it."""

    kind: str
    form: str
    placeholder: str


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
        placeholder = self._of_value.get(value) or (self._forms[form.lower()].placeholder if form.lower() in self._forms else None)
        if placeholder is None:
            self.counts[kind] += 1
            placeholder = f"<{kind.upper()}_{self.counts[kind]}>"
        self._of_value[value] = placeholder
        for written in _writings(finding):
            self._forms.setdefault(written.lower(), Form(kind, written, placeholder))

    def replacement(self) -> "Replacement":
        """Return what replaces all forms of the values taken so far."""
        return Replacement(tuple(self._forms.values()))


def _writings(finding: Finding) -> list[str]:
    """Return the forms in which a value may stand elsewhere: a phone number in a text is bare digits in an argument."""
    kind, value, form = finding
    if kind == "phone":
        return [form, value, value.lstrip("+"), digits_of(form)]
    if kind in ("card", "iban", "email", "national_id"):
        return [form, value]
    return [form]


class Replacement:
    """Replace the forms of values by their placeholders."""

    def __init__(self, forms: Sequence[Form]) -> None:
        # The longest first: a name is a part of an e-mail address.
        self._forms = tuple(sorted(forms, key=lambda form: (-len(form.form), form.form)))
        self._lowered = [form.form.lower() for form in self._forms]

    def text(self, text: str) -> str:
        """Return a text, which may be JSON, with placeholders."""
        lowered = text.lower()
        escaped = "\\" in text
        if not escaped and not any(form in lowered for form in self._lowered):
            return text
        if json_text.parsed(text) is not None:
            return json_text.rewritten(text, self._leaf)
        return self._replaced(text)

    def value(self, value: Any, key: str = "") -> Any:
        """Return parsed JSON with placeholders; what holds none may be the same object."""
        if isinstance(value, dict):
            return {name: self.value(inner, name) for name, inner in value.items()}
        if isinstance(value, list):
            return [self.value(inner, key) for inner in value]
        if isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
            return self._leaf(key, value)
        return value

    def _leaf(self, key: str, value: str | int) -> str | int:
        if isinstance(value, str):
            return self.text(value)
        digits = str(value)
        if len(digits) < _TELLING_DIGITS and kind_of(normal(key)) is None:
            return value
        return next((form.placeholder for form in self._forms if form.form == digits), value)

    def _replaced(self, text: str) -> str:
        pattern = _pattern(self._forms)
        return pattern.sub(lambda match: self._forms[(match.lastindex or 1) - 1].placeholder, text)


@lru_cache(maxsize=2048)
def _pattern(forms: tuple[Form, ...]) -> re.Pattern[str]:
    """Return the pattern with one group per form; turns that add no value share it."""
    names = [form.form for form in forms if form.kind == "person"]
    return re.compile("|".join(f"({_expression(form, names)})" for form in forms), re.IGNORECASE)


def _expression(form: Form, names: Sequence[str]) -> str:
    written = re.escape(form.form)
    if form.kind == "person":
        return _name_expression(form.form, names)
    if form.kind in ("email", "phone", "card", "iban", "national_id", "address", "ip"):
        if form.form.isdigit():
            return rf"(?<![\w#$€£])(?<!\d[.,-]){written}(?!\w|[.,-]\d)"
        exact = f"(?-i:{written})" if form.kind == "address" and form.form.isalpha() else written
        return rf"(?<!\w){exact}(?!\w)"
    return f"(?-i:{written})"


def _name_expression(name: str, names: Sequence[str]) -> str:
    """Return where a part of a name is meant: `Will` is one in "Hi Will," and beside "Smith", not in "Will you …".

    An underscore is a border: names are parts of handles such as sofia_li_9219.
    """
    written = re.escape(name)
    in_handle = f"(?<=_){written}(?=_|\\d)|{_LETTERS_BEGIN}{written}(?=_)"
    if name.lower() not in AMBIGUOUS and len(name) > 2:
        return f"{_LETTERS_BEGIN}{written}{_LETTERS_END}|{in_handle}"
    # Written as a name: with a capital first, or as a value of its own.
    capital = f"(?-i:{re.escape(name[:1].upper() + name[1:])}|{re.escape(name.upper())})"
    if name.lower() not in AMBIGUOUS:
        return f"{_LETTERS_BEGIN}{capital}{_LETTERS_END}|\\A{written}\\Z|{in_handle}"
    others = "|".join(re.escape(other) for other in names if other.lower() != name.lower())
    beside = f"|{_LETTERS_BEGIN}{capital}(?= (?:\\w\\. )?(?:{others}){_LETTERS_END})" if others else ""
    beside += "".join(f"|(?<={re.escape(other)} ){capital}{_LETTERS_END}" for other in names if other.lower() != name.lower())
    greeted = "|".join(f"(?<={word} )" for word in ("hi", "hello", "hey", "dear", "thanks", "you", "thanks,", "you,", "is", "name", "mr.", "ms.", "mrs."))
    return f"\\A{written}\\Z|{in_handle}{beside}|(?:{greeted}){capital}(?=\\s*(?:[,.!?;:]|\\n|\\Z))"
