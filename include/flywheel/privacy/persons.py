"""Names of people in running text: after words that announce one, and where given and family name are known."""

import itertools
import re
from collections.abc import Iterator

from include.flywheel.privacy.names import AMBIGUOUS, NO_NAMES, PARTICLES, known_names
from include.flywheel.privacy.spans import TAKEN, Span

_UPPER = "A-ZÀ-ÖØ-ÞĀĂĄĆĈĊČĎĐĒĔĖĘĚĜĞĠĢĤĦĨĪĬĮİĴĶĹĻĽĿŁŃŅŇŌŎŐŒŔŖŘŚŜŞŠŢŤŦŨŪŬŮŰŲŴŶŸŹŻŽȘȚ"
_WORD = rf"[{_UPPER}][^\W\d_]*(?:['’-][{_UPPER}]?[^\W\d_]+)*"
_INITIAL = rf"[{_UPPER}]\."
_PARTICLE = r"(?:van|von|de|der|den|da|dos|del|della|di|du|la|le|el|al|bin|ben)"
_NAME = rf"{_WORD}(?: (?:{_PARTICLE} ){{0,2}}(?:{_INITIAL} )?{_WORD}){{0,2}}"
_FULL_NAME = rf"{_WORD}(?: (?:{_PARTICLE} ){{0,2}}(?:{_INITIAL} )?{_WORD}){{1,2}}"

_SAYS_NAME = (
    r"my (?:full |first |last |given |sur|family )?name(?: is|['’]s|:| should be)|mein name ist|ich hei(?:ß|ss)e"
    r"|je m['’]appelle|mon nom est|me llamo|mi nombre es|mi chiamo|il mio nome è|(?:o )?meu nome é|me chamo|mijn naam is"
    r"|nazywam się|jag heter|(?:the|his|her|their|whose) name(?: is|['’]s)|names? on (?:the |my |your )?(?:account|card|file|order"
    r"|booking|reservation|passport|ticket)(?: is|:)"
)
_ROLE = (
    r"account holder|card ?holder|holder|inhaber(?:in)?|titulaire|titular|intestatario|beneficiary|recipient|passengers?"
    r"|guest|customer|contact|patient|attn|attention|name|nombre|nom|nome|on behalf of(?: my \w+)?|in the name of"
    r"|under the name(?: of)?|i spoke (?:with|to)"
    r"|chez|à l['’]attention de|signed(?: by)?"
)
_GREETING = (
    r"dear|hi|hello|hey|thanks|thank you|sorry|welcome(?: back)?|good (?:morning|afternoon|evening)|hallo|bonjour"
    r"|hola|ciao|guten tag"
    r"|lieber?|liebe|estimad[oa]|gentile|cher|chère|merci|gracias|grazie|danke"
)
_TITLE = r"Mr|Mrs|Ms|Miss|Dr|Prof|Herrn?|Frau|Madame|Mme|Monsieur|Señora?|Sra?|Signora?|Sig"
_CLOSING = (
    r"(?:(?:best|kind|warm|many) )?(?:regards|wishes)|cheers|sincerely|yours(?: truly| sincerely)?|best|thanks"
    r"|thank you|many thanks"
    r"|(?:mit )?(?:freundlichen |viele[n]? |liebe )?gr(?:ü|u)(?:ß|ss)en?|cordialement|bien à vous|saludos|un saludo"
    r"|atentamente|"
    r"(?:cordiali |distinti )?saluti"
)
_ANNOUNCED = [
    re.compile(pattern)
    for pattern in (
        rf"(?i:\b(?:{_SAYS_NAME}))\s+({_NAME})",
        rf"(?i:\b(?:{_ROLE}))(?:(?: is)?:? \(?({_FULL_NAME})|: ({_NAME})(?=\s*(?:[,.;<(\n]|$)))",
        rf"(?i:\bthis is )({_NAME})(?= (?:speaking|calling|here|from|again)\b)",
        rf"(?i:\b(?:this is|i am|i['’]m|it['’]s|ich bin|ici|soy|sono|hier ist) )({_FULL_NAME})"
        r"(?=[,.!]|\s+(?:and|from|und|et|y|e|here|with)\b|\s*$)",
        rf"(?i:\b(?:{_GREETING}),? )({_NAME})(?=\s*(?:[,.!?:;—–-]|\n|$))",
        rf"\b(?:{_TITLE})\.? ({_NAME})",
        rf"(?i:(?:^|\n)[ \t]*(?:{_CLOSING}))[,.!]?[ \t]*\n+[ \t]*({_NAME})[ \t]*(?=\n|$)",
        rf"(?:^|(?<=[.!?] )|(?<=\n))({_NAME})(?= here\b)",
        rf"({_FULL_NAME})(?= (?:here|speaking)\b|,? <?{TAKEN})",
    )
]
#: A name in lower case is believed only right after these words.
_LOWER_CASE = re.compile(
    r"\b(?:my name is|my name['’]s|my full name is|ich hei(?:ß|ss)e|je m['’]appelle|me llamo"
    r"|mi chiamo)\s+([^\W\d_]+)(?:\s+([^\W\d_]+))?"
    r"(?=\s*(?:[,.;!]|$|\s(?:and|und|et|y|e)\b))",
    re.IGNORECASE,
)
_CAPITALS = re.compile(_FULL_NAME)
_CONTRACTION = re.compile(r"^[a-z]+['’](?:m|ve|ll|d|re|t|s)$")
_PART = re.compile(r"[^\s.]+")


def find_persons(text: str) -> Iterator[Span]:
    """Find names; every part of a name is a span of its own, so that its parts can be told in other places."""
    found: dict[int, Span] = {}
    for announced in _ANNOUNCED:
        for match in announced.finditer(text):
            found.update(_parts(text, *match.span(match.lastindex or 0)))
    for match in _LOWER_CASE.finditer(text):
        for group in (1, 2):
            if match[group] and match[group].lower() not in NO_NAMES | PARTICLES:
                found[match.start(group)] = Span(match.start(group), match.end(group), match[group].lower())
    found.update(_known(text))
    yield from (found[start] for start in sorted(found))


def _parts(text: str, start: int, end: int) -> Iterator[tuple[int, Span]]:
    """Yield the parts of a name up to the first that can be none."""
    for match in _PART.finditer(text, start, end):
        part = re.sub(r"['’]s$", "", match[0])
        lower = part.lower()
        if _CONTRACTION.search(lower):
            return
        if lower in NO_NAMES and not (lower in AMBIGUOUS and lower not in ("yes", "best")):
            return
        if len(part) > 1 and lower not in PARTICLES:
            yield match.start(), Span(match.start(), match.start() + len(part), lower)


def _known(text: str) -> Iterator[tuple[int, Span]]:
    """Yield the parts of names whose given and family name are both in the lists."""
    given, family = known_names()
    for match in _CAPITALS.finditer(text):
        words = [m for m in _PART.finditer(text, match.start(), match.end()) if m[0].lower() not in PARTICLES]
        for one, two in itertools.pairwise(words):
            first, last = one[0].lower(), re.sub(r"['’]s$", "", two[0].lower())
            if first in NO_NAMES or last in NO_NAMES or first not in given or last not in family:
                continue
            if first in AMBIGUOUS and last in AMBIGUOUS:
                continue
            yield one.start(), Span(one.start(), one.end(), first)
            yield two.start(), Span(two.start(), two.start() + len(last), last)
