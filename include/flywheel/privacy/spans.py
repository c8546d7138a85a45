"""What the finders of personal data have in common."""

import re
from collections.abc import Callable, Iterable
from typing import NamedTuple


class Span(NamedTuple):
    """Personal data found in a text; `value` is equal for equal data, however it is written."""

    start: int
    end: int
    value: str


class Finding(NamedTuple):
    """Personal data of one kind, as it is written (`form`); `value` is equal for equal data."""

    kind: str
    value: str
    form: str


#: Returns what it finds, in the order of the text. What other finders have taken is blanked with `TAKEN`.
Finder = Callable[[str], Iterable[Span]]
TAKEN = "\x00"

#: How far before a number the word stands that tells what it is, in characters.
_NEAR = 48

_IDENTIFIES_A_THING = re.compile(
    r"(?:\b(?:order|item|product|tracking|parcel|shipment|invoice|reference|ref|case|ticket|sku|upc|ean|isbn|serial|imei|model|part|batch|"
    r"booking|reservation|transaction|request|merchant|build|version|epoch|timestamp|created|code|account|acct|policy|claim|payment|"
    r"confirmation|flight|receipt|rechnung\w*|kunden\w*|bestell\w*|auftrag\w*|konto\w*|dossier|commande|facture|pedido|factura|ordine|"
    r"fattura|id|ids)s?"
    r"[\s_.:#=-]*(?:(?:id|ids|number|no|nr|num|code|date|at|is|are|was)\b[\s_.:#=-]*){0,3}|#\s?)\W{0,3}$",
    re.IGNORECASE,
)


#: Marks the kinds of the user's own patterns, whose names are free.
CUSTOM = "custom:"


def before(text: str, start: int) -> str:
    """Return what stands directly before a place, on the same line."""
    return text[max(0, start - _NEAR) : start].rpartition("\n")[2]


def identifies_a_thing(context: str) -> bool:
    """Tell from what stands before a number whether it names an order, an item, … and no person."""
    return _IDENTIFIES_A_THING.search(context) is not None


def digits_of(text: str) -> str:
    """Return the ASCII digits of a text."""
    return re.sub(r"[^0-9]", "", text)
