"""Looks of values: what tells a zip code from a name, without knowing either."""

import re
from functools import lru_cache

MAX_SPAN_WORDS = 4
"""Longer runs of words are texts, not values."""
MAX_ID_LENGTH = 40
TEXT = "TEXT"

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[A-Za-z]{2,}\Z")
_NUMBER = re.compile(r"-?\d{1,4}(\.\d+)?\Z|-?\d+\.\d+\Z")
_LETTERS = re.compile(r"aa+")
_CAPITALS = re.compile(r"AA+")
_SPACES = re.compile(r"  +")
_DIGITS = re.compile(r"9+")
_LOOKS = str.maketrans(
    {
        **dict.fromkeys("abcdefghijklmnopqrstuvwxyz", "a"),
        **dict.fromkeys("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "A"),
        **dict.fromkeys("0123456789", "9"),
        **dict.fromkeys("\t\n\r\f\v", " "),
    }
)


@lru_cache(maxsize=65_536)
def shape_of(value: str) -> str:
    """Return what a value looks like: `#W6247578` → `#A9999999`, `Mei Kovacs` → `Aa Aa`, an e-mail → `EMAIL`.

    Letters fold into one per run. Digits keep their number inside an identifier, because it tells a zip code from
    a product number, but not in small numbers and not in phrases, where it means nothing.
    """
    if "@" in value and _EMAIL.match(value):
        return "EMAIL"
    if _NUMBER.match(value):
        return "9"
    if value.count(" ") >= MAX_SPAN_WORDS and len(value.split()) > MAX_SPAN_WORDS:
        return TEXT
    if not value.isascii():
        value = "".join(map(_fold, value[:80]))
    shape = _SPACES.sub(" ", _CAPITALS.sub("A", _LETTERS.sub("a", value[:80].translate(_LOOKS))))
    return _DIGITS.sub("9", shape) if " " in shape else shape


def loose_shape(shape: str) -> str:
    """Return a look without the number of digits."""
    return _DIGITS.sub("9", shape)


def _fold(char: str) -> str:
    """Stand in an ASCII character of the same sort for any other."""
    if char.isascii():
        return char
    if char.isdigit():
        return "9"
    if char.isalpha():
        return "A" if char.isupper() else "a"
    return " " if char.isspace() else char


def is_identifier(value: str, shape: str) -> bool:
    """Tell whether a value names one thing: digits in it, no spaces, neither short nor long, no decimal."""
    return 4 <= len(value) <= MAX_ID_LENGTH and "9" in shape and " " not in shape and "." not in shape
