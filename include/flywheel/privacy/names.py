"""Names that people have, in many languages: the lists of the library Faker."""

import importlib
from functools import cache
from typing import NamedTuple

_LOCALES = (
    "cs_CZ", "da_DK", "de_AT", "de_DE", "en_GB", "en_IE", "en_IN", "en_US", "es_ES", "es_MX", "fi_FI", "fr_FR", "hu_HU", "id_ID",
    "it_IT", "nl_NL", "no_NO", "pl_PL", "pt_BR", "pt_PT", "ro_RO", "sv_SE", "tr_TR",
)  # fmt: skip


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: Names that are as often an ordinary word, a place or a brand: they count only beside another name, or after a greeting.
AMBIGUOUS = _words(
    """
    amber angel april art august autumn baker best bill black blue bond brand brook brooks brown bush cash chance
    charity christian clay cliff cook crystal dale dawn day dean dell destiny dollar drew earl eve fair faith field
    fields fish ford forest frank free french gay gene gold good grace grant gray green grey guy hall happy harmony
    heaven holly honey hope house hunter iris island ivy jack jade jasmine jean jewel job joy june justice king lane law
    lee lily long love major mark marks may melody mercy miles mobile money moon my olive page park parks pat pearl
    penny phoenix pierce pink price prince queen rain ray red reed reading rich river rob robin rock rose ruby rush
    rusty sage sally sandy sharp short silver skip sky snow star stone storm strong sue summer summers sunny terry
    trinity turner victor violet wade walker ward wash water waters will wills winter wood woods yes young
    """
)

#: Words with a capital that begin or end what looks like a name and is none.
NO_NAMES = _words(
    """
    a about account accounts afternoon again agent air airlines all also am an and any anyone app apple are assistant at
    bank best booking but button buy by call can cancelled care case cc center centre chat class client come confirmed
    contact could credit customer customers dear delivered department desk details do does done economy email english
    error everyone everybody express fine first folks for friday friend friends from gift glad good google grateful
    great guest guys have he hello help here hey hi hotel how i id if in info information inc interested international
    is it item its just kind ladies last ltd llc madam mam ma'am manager member middle monday morning name new next
    night no none not now number of office on one online only or order orders our pay payment please plus premium pro
    product question ready refund regards reply request return sales saturday service services she shipping sir sorry
    store sunday support sure survey system team thank thanks that the their there they this thursday to today tomorrow
    total tuesday unfortunately unknown us user very visa was way we wednesday welcome were what when where which who
    why will with would yes yesterday you your january february march april may june july august september october
    november december
    """
)

#: Parts of names that stand in many of them; alone they say nothing.
PARTICLES = _words(
    """
    van von de der den da das dos del della di du la le el al bin ben ibn ter ten zu y e and mr mrs ms miss dr prof jr
    sr ii iii
    """
)


class NameLists(NamedTuple):
    """Given names and family names, in lower case."""

    given: frozenset[str]
    family: frozenset[str]


@cache
def known_names() -> NameLists:
    """Return the lists; the first call reads them, which takes a third of a second."""
    given: set[str] = set()
    family: set[str] = set()
    for locale in _LOCALES:
        provider = importlib.import_module(f"faker.providers.person.{locale}").Provider
        for attribute in dir(provider):
            if attribute.startswith("first_names"):
                given.update(name.lower() for name in getattr(provider, attribute))
            elif attribute.startswith("last_names"):
                family.update(name.lower() for name in getattr(provider, attribute))
    return NameLists(frozenset(given - PARTICLES), frozenset(family - PARTICLES))


def name_parts(text: str) -> list[str]:
    """Return the parts of a person's name that stand for the person, or nothing when the text is no name."""
    parts = [part.strip(".,;:()\"'’") for part in text.split()]
    if not 1 <= len(parts) <= 6 or any(not _is_word(part) for part in parts if part):
        return []
    return [part for part in parts if len(part) > 1 and part.lower() not in PARTICLES]


def _is_word(part: str) -> bool:
    return all(c.isalpha() or c in "'’.-" for c in part) and part.lower() not in NO_NAMES - AMBIGUOUS
