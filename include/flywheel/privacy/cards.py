"""Numbers of payment cards and bank accounts (IBAN)."""

import re
from collections.abc import Iterator

from stdnum import iban, luhn
from stdnum.exceptions import ValidationError

from include.flywheel.privacy.spans import Span, before, digits_of, identifies_a_thing

_CARD = re.compile(r"(?<![\w#.-])(?<!\d )\d(?:[ -]?\d){12,18}(?![\w-]|[ .]\d)")
#: First digits and lengths that the card networks use.
_NETWORKS = re.compile(
    r"4\d{12}(?:\d{3}){0,2}|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|3[47]\d{13}"
    r"|3(?:0[0-5]|[689]\d)\d{11}|(?:6011|65\d\d|64[4-9]\d)\d{12}|35(?:2[89]|[3-8]\d)\d{12}|62\d{14,17}"
)
_GROUPS = re.compile(r"\d+|\d{4}([ -])\d{4}\1\d{4}\1\d{1,7}|\d{4}([ -])\d{6}\2\d{4,5}")
_CARD_WORD = re.compile(
    r"card|visa|master|amex|american express|debit|karte|carte|tarjeta|carta", re.IGNORECASE
)
_IBAN = re.compile(
    r"(?<![\w#])[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]{2,4}){2,8}(?:[ -]?[A-Z0-9]{1,3})?(?!\w)", re.IGNORECASE
)


def find_cards(text: str) -> Iterator[Span]:
    """Find card numbers: the length and first digits of a network, the check digit, and usual groups."""
    for match in _CARD.finditer(text):
        number, context = digits_of(match[0]), before(text, match.start())
        if not _NETWORKS.fullmatch(number) or not luhn.is_valid(number):
            continue
        named = _CARD_WORD.search(context) is not None
        if named or (_GROUPS.fullmatch(match[0]) and not identifies_a_thing(context)):
            yield Span(match.start(), match.end(), number)


def find_ibans(text: str) -> Iterator[Span]:
    """Find IBANs by their structure and checksum, in one piece or in groups."""
    for match in _IBAN.finditer(text):
        end = match.end()
        # The pattern may have run on into the next words: an IBAN ends where a group does.
        while end - match.start() >= 15:
            if (number := _valid(text[match.start() : end])) is not None:
                yield Span(match.start(), end, number)
                break
            end = max(text.rfind(" ", match.start(), end), text.rfind("-", match.start(), end))


def _valid(text: str) -> str | None:
    try:
        return str(iban.validate(text, check_country=False))
    except ValidationError:
        return None
