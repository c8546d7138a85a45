"""Phone numbers, by the numbering plans of the countries (the library phonenumbers)."""

import re
from collections.abc import Iterator, Sequence

import phonenumbers
from phonenumbers import NumberParseException

from include.flywheel.privacy.spans import Span, before, digits_of, identifies_a_thing

_CANDIDATE = re.compile(
    r"(?<![\w#.$€£@/=&?-])(?<!\d[ ,:])(?:\+|00)?\(?\d(?:[ \u00a0().\-\u2010\u2011/]{0,3}\d){6,16}(?![\w@%-]|[.,:]\d|\s?[$€£])"
)
_DATE = re.compile(r"(?<!\d)(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{4})(?!\d)")
_NORTH_AMERICAN = re.compile(r"(?:1[ .-]?)?(?:\(\d{3}\) ?|\d{3}[-. ])\d{3}[-. ]\d{4}")
#: Not with dashes: that is arithmetic as often.
_GROUPS = re.compile(r"\d{2,4}(?:[ .]\d{2,4}){2,3}")
_PARENTHESIS = re.compile(r"[^()]*(?:\(\d{1,5}\)[^()]*)?")
_PHONE_WORD = re.compile(
    r"(?:\b|_|tele|cell)phones?(?![a-z])|telef|t[ée]l[ée]ph|\btel\b|\bcell|\bmobil|móvil|celular|\bhandy\b|whatsapp|\bfax\b|\bsms\b|\btext\b|\bcall|\bring\b|\breach"
    r"|\bcontact\b|\bdial|\b(?:my|new|his|her|their) number|numéro|número|numero|anruf|rufen|joindre|llám|llam|chiam",
    re.IGNORECASE,
)


class PhoneFinder:
    """Find phone numbers: with a country code, or as they are written in one of the regions."""

    def __init__(self, regions: Sequence[str]) -> None:
        #: Region and the digit that numbers written in it begin with, where there is one.
        self._regions = [(region, phonenumbers.ndd_prefix_for_region(region, True)) for region in regions]

    def __call__(self, text: str) -> Iterator[Span]:
        """Yield the numbers in the order of the text; the value is the number in the form E.164."""
        for match in _CANDIDATE.finditer(text):
            if _DATE.search(match[0]) or not _PARENTHESIS.fullmatch(match[0]):
                continue
            context = before(text, match.start())
            named = _PHONE_WORD.search(context) is not None
            if identifies_a_thing(context):
                continue
            number = self._number(match[0], named)
            if number is not None:
                yield Span(match.start(), match.end(), number)

    def _number(self, text: str, named: bool) -> str | None:
        if text.startswith("+"):
            return _e164(text, None)
        if text.startswith("00") and (number := _e164(f"+{text[2:]}", None)):
            return number
        for region, prefix in self._regions:
            if (named or _is_written_as_in(text, prefix)) and (number := _e164(text, region)):
                return number
        return None


def _is_written_as_in(text: str, prefix: str | None) -> bool:
    """Tell whether a number's punctuation alone says that it is a phone number: bare digits say nothing."""
    if text.isdigit():
        return False
    if prefix == "0":
        return text.lstrip("(").startswith("0")
    return (_NORTH_AMERICAN if prefix == "1" else _GROUPS).fullmatch(text) is not None


def _e164(text: str, region: str | None) -> str | None:
    try:
        number = phonenumbers.parse(text, region)
    except NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def digits_as_phone(text: str) -> str | None:
    """Return what a text under a key such as `phone` stands for when no numbering plan has it: its digits."""
    digits = digits_of(text)
    return digits if 7 <= len(digits) <= 15 else None
