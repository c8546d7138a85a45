"""E-mail and IP addresses."""

import ipaddress
import re
from collections.abc import Iterator

from include.flywheel.privacy.spans import Span

_EMAIL = re.compile(
    r"(?<![\w.+@/-])[\w.!$%&'*+/=?^`{|}~-]{1,64}@(?:[\w-]{1,63}\.){1,5}[^\W\d_]{2,24}(?![\w@])"
)
#: Written out, against robots: "jane (at) example.com", "jane dot doe at example dot com".
_SPELLED = re.compile(
    r"(?<![\w.@])[\w.+-]{1,64}\s?[\[(]at[\])]\s?(?:[\w-]{1,63}(?:\.|\s?[\[(]dot[\])]\s?)){1,4}[a-z]{2,24}\b"
    r"|\b\w{1,64}(?: (?:dot|underscore|dash) \w{1,64}){0,3} at \w{1,63}(?: dot \w{2,63}){1,3}\b",
    re.IGNORECASE,
)
_FILE_ENDINGS = frozenset({"png", "jpg", "jpeg", "gif", "svg", "webp", "css", "js", "json", "html", "pdf"})
_IP = re.compile(
    r"(?<![\w.:-])(?:\d{1,3}(?:\.\d{1,3}){3}|(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{1,4})(?![\w:]|\.\d|-\w)",
    re.IGNORECASE,
)
_VERSION = re.compile(r"(?:\b(?:version|firmware|release|build|ver|driver)\b\W*|\bv)$", re.IGNORECASE)


def find_emails(text: str) -> Iterator[Span]:
    """Find e-mail addresses, also ones spelled out with (at) or dot."""
    if "@" in text:
        for match in _EMAIL.finditer(text):
            start = match.start() + len(match[0]) - len(match[0].lstrip("'*`|/{"))
            if match[0].rpartition(".")[2].lower() not in _FILE_ENDINGS and text[start] != "@":
                yield Span(start, match.end(), text[start : match.end()].lower())
    if " at " in text or "at)" in text or "at]" in text or " AT " in text:
        for match in _SPELLED.finditer(text):
            yield Span(match.start(), match.end(), _written(match[0]))


def _written(spelled: str) -> str:
    address = spelled.lower()
    for word, sign in (("at", "@"), ("dot", "."), ("underscore", "_"), ("dash", "-")):
        address = re.sub(rf"\s?[\[(]{word}[\])]\s?|\s{word}\s", sign, address)
    return address


def find_ips(text: str) -> Iterator[Span]:
    """Find public IP addresses; those of private networks and of this machine are nobody's."""
    for match in _IP.finditer(text):
        try:
            address = ipaddress.ip_address(match[0])
        except ValueError:
            continue
        if address.is_global and not _VERSION.search(text[max(0, match.start() - 16) : match.start()]):
            yield Span(match.start(), match.end(), str(address))
