"""What is personal in a text or in the JSON of a tool: found once, and remembered for the other turns that repeat it."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import lru_cache
from typing import Any

import orjson

from include.flywheel.privacy import json_text
from include.flywheel.privacy.addresses import find_addresses
from include.flywheel.privacy.cards import find_cards, find_ibans
from include.flywheel.privacy.custom import CustomFinder
from include.flywheel.privacy.emails import find_emails, find_ips
from include.flywheel.privacy.keys import announced, keys_of, kind_in, normal
from include.flywheel.privacy.national_ids import find_national_ids
from include.flywheel.privacy.persons import find_persons
from include.flywheel.privacy.phones import PhoneFinder
from include.flywheel.privacy.settings import PrivacyConfig
from include.flywheel.privacy.spans import CUSTOM, TAKEN, Finder, Finding, identifies_a_thing
from include.flywheel.records import digest

#: Texts remembered: about 15 MB, and the conversations of an hour in a busy log.
_REMEMBERED = 50_000

#: The key of a value is no announcement of these in it: under `name` are products, too.
_BY_KEY_ALONE = frozenset({"person", "address", "email"})

#: Longer values say themselves what is in them, in characters.
_SHORT = 80

#: An image in a message may be a megabyte of base64.
_DATA_URL = "data:"

_LONG_NUMBER = re.compile(r"\d(?:[^\w\n]{0,3}\d|[A-Z0-9 ]{1,4}\d){4}", re.IGNORECASE)
_CAPITAL_OR_NAMING = re.compile(r"[^\W\d_a-z]|name|hei(?:ß|ss)e|appelle|llamo|chiamo")
#: In text that is no JSON: the pairs of a Python dictionary, of a log line, of JSON that was cut off.
_PAIR = re.compile(r"""["'](\w{2,30})["']\s*:\s*["']([^"'\n]{1,120})["']""")

#: What a text must have for a finder to be worth asking.
_NEEDS: dict[str, Callable[[str], object]] = {
    "email": lambda text: (
        "@" in text or " at" in text.lower() or "at)" in text.lower() or "at]" in text.lower()
    ),
    "person": _CAPITAL_OR_NAMING.search,
    "address": re.compile(r"\d").search,
    "ip": re.compile(r"\d\.\d|:").search,
    **dict.fromkeys(("iban", "card", "national_id", "phone"), _LONG_NUMBER.search),
}


#: Of each key once: half of the values in the result of a tool are ids of things.
_names_a_thing = lru_cache(maxsize=4096)(identifies_a_thing)


class Discovery:
    """Find personal data of the kinds that the settings name."""

    def __init__(self, settings: PrivacyConfig) -> None:
        finders: dict[str, Finder] = {CUSTOM + c.name: CustomFinder(c.pattern) for c in settings.custom}
        # What has a check digit comes first: a phone number may be a part of an IBAN, never the other way round.
        finders |= {
            "email": find_emails,
            "iban": find_ibans,
            "card": find_cards,
            "national_id": find_national_ids,
            "phone": PhoneFinder(settings.regions),
            "ip": find_ips,
            "address": find_addresses,
            "person": find_persons,
        }
        wanted = {*settings.entities, *(CUSTOM + custom.name for custom in settings.custom)}
        self._finders = {kind: finder for kind, finder in finders.items() if kind in wanted}
        self._wanted = wanted
        self._customs = bool(settings.custom)
        self._keep = {value.lower() for value in settings.keep}
        self._remembered: dict[bytes, tuple[Finding, ...]] = {}

    def in_text(self, text: str) -> tuple[Finding, ...]:
        """Return what is found in a text, which may be JSON; the order depends on nothing but the text."""
        return self._recall(text.encode("utf-8", "surrogatepass"), lambda: self._in_text(text))

    def in_value(self, value: Any) -> tuple[Finding, ...]:
        """Return what is found in an object, such as the arguments of a tool call."""
        return self._recall(orjson.dumps(value), lambda: self._walk(value, "", "", ()))

    def _recall(self, key: bytes, find: Callable[[], Iterator[Finding]]) -> tuple[Finding, ...]:
        name = digest(key)
        known = self._remembered.get(name)
        if known is None:
            if len(self._remembered) >= _REMEMBERED:
                del self._remembered[next(iter(self._remembered))]
            kept = (
                f for f in find() if f.form.lower() not in self._keep and f.value.lower() not in self._keep
            )
            known = self._remembered[name] = tuple(dict.fromkeys(kept))
        return known

    def _in_text(self, text: str) -> Iterator[Finding]:
        if (value := json_text.parsed(text)) is not None:
            yield from self._walk(value, "", "", ())
        else:
            if "':" in text or '":' in text:
                pairs = [(normal(match[1]), match[2]) for match in _PAIR.finditer(text)]
                beside = {key for key, _ in pairs}
                for key, inner in pairs:
                    yield from self._announced(kind_in(key, "", beside), key, inner)
            yield from self._scan(text, 0)

    def _walk(self, value: Any, key: str, parent: str, beside: Collection[str]) -> Iterator[Finding]:
        """Go through parsed JSON; `key`, that of its object and the other keys there are normal ones."""
        if isinstance(value, Mapping):
            beside = keys_of(value)
            for name, inner in value.items():
                yield from self._walk(inner, normal(name), key, beside)
        elif isinstance(value, list):
            for inner in value:
                yield from self._walk(inner, key, parent, beside)
        elif isinstance(value, str) and json_text.parsed(value) is not None:
            yield from self._in_text(value)
        elif isinstance(value, str | int) and not isinstance(value, bool):
            text = str(value)
            # The key says of a number what words before it say in a text.
            words = f"{key.replace('_', ' ')}: " if key and len(text) < _SHORT else ""
            kind = kind_in(key, parent, beside)
            if kind is None and text.isdigit() and not self._customs and _names_a_thing(words):
                return
            scanned = list(self._scan(words + text, len(words)))
            yield from scanned
            if not any(f.form == text for f in scanned):
                yield from self._announced(kind, key, text)

    def _announced(self, kind: str | None, key: str, value: str) -> Iterator[Finding]:
        if kind is not None:
            yield from (f for f in announced(kind, key, value) if f.kind in self._wanted)

    def _scan(self, text: str, start: int) -> Iterator[Finding]:
        """Ask one finder after the other, each for what those before have left, from `start` on."""
        if text.startswith(_DATA_URL, start):
            return
        for kind, find in self._finders.items():
            shown = TAKEN * start + text[start:] if start and kind in _BY_KEY_ALONE else text
            if kind in _NEEDS and not _NEEDS[kind](shown):
                continue
            spans = [span for span in find(shown) if span.start >= start]
            yield from (Finding(kind, span.value, text[span.start : span.end]) for span in spans)
            for span in spans:
                text = text[: span.start] + TAKEN * (span.end - span.start) + text[span.end :]
