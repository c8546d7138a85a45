"""Postal addresses in running text: the line of the street, and what follows it or is called so."""

import re
from collections.abc import Iterator

from include.flywheel.privacy.spans import Span

_CAP = r"(?:[A-ZÀ-ÖØ-Þ][\w'’.-]*|\d{1,3}(?:st|nd|rd|th))"
_STREETS = (
    # The United States, the United Kingdom, Canada, Australia: number, name, kind of street.
    r"(?:(?:Flat|Unit|Apt\.?) \w{1,4}, )?\b\d{1,5}[A-Za-z]? (?:[NSEW]{1,2}\.? |North |South |East |West )?"
    rf"(?:{_CAP} ){{1,4}}(?:Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Lane|Ln|Drive|Dr|Court|Ct|Way|Place|Pl|Terrace|Ter|"
    r"Parkway|Pkwy|Square|Sq|Highway|Hwy|Circle|Cir|Close|Crescent|Cres|Gardens|Grove|Row|Walk|Mews|Approach|Trail|Trl|Hill|Parade|Quay|Wharf)\b\.?",
    r"\b\d{1,5} (?:[NSEW]\.? )?Broadway\b",
    r"\bP\.? ?O\.? Box \d{1,6}\b",
    # Germany, Austria, Switzerland: name with its kind, number.
    r"\b(?:[A-ZÄÖÜ][\w.-]*[- ])?(?:[A-ZÄÖÜ][\w-]*(?:straße|strasse|str\.|weg|platz|allee|gasse|damm|ufer)|Straße|"
    r"Strasse|Str\.|Weg|Platz|Allee|Ring|[A-ZÄÖÜ][\w-]*-(?:Straße|Strasse|Str\.|Weg|Platz|Allee|Ring)) ?\d{1,4}(?: ?[a-z])?\b",
    r"\b(?:Am|An der|An den|Im|In der|Auf der|Auf dem|Zum|Zur) (?:[A-ZÄÖÜ][\wäöüß-]+ ){1,2}\d{1,4}(?: ?[a-z])?\b",
    # France, Belgium.
    r"\b\d{1,4}(?: bis| ter)?,? (?i:rue|avenue|boulevard|bd|place|chemin|allée|impasse|quai|route|cours|square)"
    rf"(?: (?:de la|de l['’]|de|du|des|d['’]|la|le|les|l['’]))? ?{_CAP}(?:[ -](?:de |du |des )?{_CAP}){{0,3}}",
    # Spain, Italy, Portugal: kind, name, number.
    r"\b(?:Calle|C/|Avenida|Avda\.?|Av\.|Plaza|Paseo|Carrer|Via|Viale|Piazza|Corso|Vicolo|Rua|Largo)"
    rf" ?(?: ?(?:de la|de los|de las|de|del|della|dei|da|do|dos))? ?(?:{_CAP},? ){{1,4}}(?:n[ºo°]\.? ?)?\d{{1,4}}\b",
)
_STREET = re.compile("|".join(_STREETS))
_UNIT = re.compile(r",?\s*\b((?:Apt|Apartment|Suite|Ste|Unit|Flat|Floor)\.? ?#?\w{1,5}\b|#\d{1,5}\b)")
_CITY = r"[A-ZÀ-ÖØ-Þ][\w'’-]+(?:[ -][A-ZÀ-ÖØ-Þ][\w'’-]+){0,2}"
#: Behind a street: ", Springfield, IL 62704", ", 50667 Köln", ", Leeds LS1 4AP".
_POSTCODE_GB = r"[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}"
_STATES = "A[LKZR]|C[AOT]|D[CE]|FL|GA|HI|I[ADLN]|K[SY]|LA|M[ADEINOST]|N[CDEHJMVY]|O[HKR]|P[AR]|RI|S[CD]|T[NX]|UT|V[AT]|W[AIVY]"
_AFTER_STREET = (
    re.compile(rf"[\s,;]+(?:now, ?)?({_CITY}),? (?:{_STATES})[ ,]+(\d{{5}}(?:-\d{{4}})?)\b"),
    re.compile(rf"[\s,;]+(?:[A-Z]{{1,2}}-)?(\d{{4,5}}) ({_CITY})"),
    re.compile(rf"[\s,;]+({_CITY}),? ({_POSTCODE_GB})\b"),
    re.compile(rf"(?:,\s*| in )(?:now, ?)?({_CITY})(?=[,.;\n]|$)"),
)
_CODE = re.compile(
    rf"\b({_POSTCODE_GB.replace(' ?', ' ')})\b"
    rf"|(?i:\b(?:zip|postal|post|plz|postleitzahl|código postal|code postal|cap|cp)[ -]?(?:code)?"
    rf"(?: is| ist| es| est|, it['’]s(?: the \w+ one)?)?[:\s]+)({_POSTCODE_GB}|(?=\w*\d)[\w-]{{4,10}})(?!\w)"
    rf"|\b(?:{_STATES}) (\d{{5}}(?:-\d{{4}})?)(?![\w-])"
)
#: OK, IN, ME, OR and HI are words as well.
_CITY_BEFORE_STATE = re.compile(
    rf"({_CITY}), (?:(?:{_STATES}) \d{{5}}\b|(?!OK|IN|ME|OR|HI)(?:{_STATES})(?!\w))"
)


def find_addresses(text: str) -> Iterator[Span]:
    """Find streets, units, cities and postal codes; each is a span of its own."""
    found: dict[int, Span] = {}

    def take(start: int, end: int) -> None:
        found.setdefault(start, Span(start, end, " ".join(text[start:end].lower().split())))

    for street in _STREET.finditer(text):
        take(*street.span())
        end = street.end()
        if unit := _UNIT.match(text, end):
            take(*unit.span(1))
            end = unit.end()
        rest = next((match for p in _AFTER_STREET if (match := p.match(text, end))), None)
        for group in range(1, 1 + (rest.re.groups if rest else 0)):
            assert rest is not None
            take(*rest.span(group))
    for match in _CITY_BEFORE_STATE.finditer(text):
        take(*match.span(1))
    for match in _CODE.finditer(text):
        group = match.lastindex or 0
        take(*match.span(group))
    end = 0
    for start in sorted(found):
        if start >= end:
            yield found[start]
            end = found[start].end
