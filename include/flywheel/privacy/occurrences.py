"""Where a known value stands in a text: the same letters are another word, or a part of another number, in other places."""

from collections.abc import Collection, Iterator
from typing import NamedTuple

from include.flywheel.privacy.names import AMBIGUOUS
from include.flywheel.privacy.spans import CUSTOM

_MONEY_OR_ID = frozenset("#$€£")
_IN_NUMBERS = frozenset(".,-")

#: Words before a name, and what follows one, where an ambiguous name such as Will is meant as a name.
_GREETS = frozenset(
    (
        "hi",
        "hello",
        "hey",
        "dear",
        "thanks",
        "thank",
        "you",
        "mr",
        "mrs",
        "ms",
        "miss",
        "dr",
        "is",
        "name",
        "i'm",
        "am",
    )
)
_AFTER_GREETED = frozenset(",.!?;:\n")
_SPEAKS = (" calling", " speaking", " here", " from")

#: How far the neighbours of an ambiguous name are looked for, in characters.
_NEAR = 30


class Form(NamedTuple):
    """One way in which a value is written, in lower case and as found, and what stands for it."""

    kind: str
    lower: str
    form: str
    placeholder: str


def occurrences(form: Form, text: str, lowered: str, names: Collection[str]) -> Iterator[tuple[int, int]]:
    """Yield where a form is meant in a text; `names` are all parts of names of the record, in lower case."""
    start = lowered.find(form.lower)
    while start >= 0:
        end = start + len(form.lower)
        if _is_meant(form, text, start, end, names):
            yield start, end
        start = lowered.find(form.lower, end)


def _is_meant(form: Form, text: str, start: int, end: int, names: Collection[str]) -> bool:
    before, after = text[start - 1 : start], text[end : end + 1]
    if form.kind == "person":
        return _is_name(form.lower, text, start, end, names)
    if form.kind.startswith(CUSTOM):
        return text[start:end] == form.form
    if _in_word(before) or _in_word(after):
        return False
    if form.form.isdigit():
        within = before in _IN_NUMBERS and text[start - 2 : start - 1].isdigit()
        within |= after in _IN_NUMBERS and text[end + 1 : end + 2].isdigit()
        return before not in _MONEY_OR_ID and not within
    # Reading is a town; reading is not.
    return text[start:end] == form.form or not (form.kind == "address" and form.form.isalpha())


def _in_word(character: str) -> bool:
    return character.isalnum() or character == "_"


def _is_name(name: str, text: str, start: int, end: int, names: Collection[str]) -> bool:
    before, after = text[start - 1 : start], text[end : end + 1]
    in_handle = before == "_" or after == "_"
    if before.isalnum() or after.isalpha() or (after.isdigit() and before != "_"):
        return False
    if in_handle or end - start == len(text):
        return True
    if name not in AMBIGUOUS:
        return len(name) > 2 or text[start].isupper()
    return text[start].isupper() and _has_company(text, start, end, names)


def _has_company(text: str, start: int, end: int, names: Collection[str]) -> bool:
    """Tell whether another name or a greeting stands beside a word that may be a name."""
    previous = text[max(0, start - _NEAR) : start].lower().split(" ")
    following = text[end : end + _NEAR].lower()
    if len(previous) > 1 and not previous[-1]:
        word = previous[-2].rpartition("\n")[2].strip("*_")
        if word in names:
            return True
        if word.rstrip(",.") in _GREETS and (
            not following or following[0] in _AFTER_GREETED or following.startswith(_SPEAKS)
        ):
            return True
    if not following.startswith(" "):
        return False
    return any(word.strip(",.!?;:*)").removesuffix("'s") in names for word in following.split()[:2])
