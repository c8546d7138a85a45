"""What the keys of objects say about their values: `first_name`, `shippingAddress`, `zip`."""

import re
from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache

from include.flywheel.privacy.cards import find_cards
from include.flywheel.privacy.names import known_names, name_parts
from include.flywheel.privacy.phones import digits_as_phone
from include.flywheel.privacy.spans import Finding, digits_of

_PERSON = re.compile(
    r"(?:^|_)(?:(?:first|last|middle|given|family|full|maiden|sur|display|customer|client|contact|recipient|passenger|patient|guest|traveler|"
    r"traveller|cardholder|card_holder|holder|account_holder|beneficiary|billing|shipping|sender|receiver|owner|employee|person|user_full|author|"
    r"driver|rider|caller|signer)_?name|surname|forename|vorname|nachname|prenom|apellidos?|cognome|recipient|cardholder|"
    r"account_holder|addressee)$"
)
#: Under these a bare `name` is a person's, and beside these, too.
_PEOPLE = re.compile(
    r"(?:^|_)(?:customer|user|passengers?|contacts?|recipient|patient|guests?|travell?ers?|employee|person|people|sender|receiver|profile|member|"
    r"client|cardholder|holder|author|owner|beneficiary|buyer|seller|driver|caller|attendees?|participants?)$"
)
_BESIDE = frozenset(
    {
        "email",
        "email_address",
        "phone",
        "phone_number",
        "mobile",
        "date_of_birth",
        "dob",
        "birthdate",
        "ssn",
        "passport",
    }
)
_PARTS_OF_NAMES = frozenset({"first", "last", "middle", "given", "family"})
_PHONE = re.compile(
    r"(?:^|_)(?:phone|telephone|mobile|cell|cellphone|tel|fax|whatsapp|msisdn)(?:_?(?:number|no|nr))?$"
)
_CARD = re.compile(r"(?:^|_)(?:card|cc|credit_card|debit_card|pan)_?(?:number|no|num)$")
_NATIONAL_ID = re.compile(
    r"(?:^|_)(?:ssn|social_security(?:_(?:number|no))?|national_id(?:_number)?|nationalid|passport(?:_(?:number|no))?|tax_id|personal_id|nino|"
    r"identity_number|id_card(?:_number)?|dni|nif|cpf|bsn|pesel|aadhaar|drivers?_licen[sc]e(?:_number)?)$"
)
_ADDRESS = re.compile(
    r"(?:^|(?<!ip)(?<!mac)(?<!web)(?<!mail)(?<!wallet)_)(?:address|adress|street|street_?address|streetaddress|address_?[123]|address_?line_?[123]|line_?[12]|zip|zip_?code|postal_?code|"
    r"postcode|plz|home_address|street_?name|house_?number|apartment|apt)$"
)
_CODE = re.compile(r"(?:^|_)(?:zip|zip_?code|postal_?code|postcode|plz)$")
_CITY = re.compile(r"(?:^|_)(?:city|town|locality|ort|ville|ciudad)$")
_ADDRESS_BESIDE = re.compile(r"street|address|zip|post|plz|line_?1")
_HANDLE = re.compile(r"(?:^|_)(?:user_?id|user_?name|login|handle)$")
#: A handle made of a person's name: sofia_li_9219, jane.doe.
_NAME_IN_HANDLE = re.compile(r"([a-z]{2,})[_.]([a-z]{2,})(?:[_.]?\d+)?")

#: Kept in addresses: no one is told by them, and models write them without being shown.
_COARSE = re.compile(
    r"[A-Za-z]{2}|usa|u\.s\.a\.|united (?:states|kingdom)(?: of america)?|germany|france|spain|italy|canada",
    re.IGNORECASE,
)
#: A house number alone would be replaced wherever that number stands; a page of text is no address.
_SHORTEST, _LONGEST = 3, 120
_STATE_AND_CODE = re.compile(r"(?:[A-Z]{2}\s+)?(\d{4,5}(?:-\d{4})?)")


@lru_cache(maxsize=4096)
def normal(key: str) -> str:
    """Return a key in lower case with underscores, whatever style it is written in."""
    return re.sub(r"[^a-z0-9]+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", key).lower()).strip("_")


@lru_cache(maxsize=4096)
def kind_of(key: str) -> str | None:
    """Return the kind of data that a normal key announces, whatever is beside it."""
    patterns = {
        "person": _PERSON,
        "phone": _PHONE,
        "card": _CARD,
        "national_id": _NATIONAL_ID,
        "address": _ADDRESS,
        "handle": _HANDLE,
    }
    return next((kind for kind, pattern in patterns.items() if pattern.search(key)), None)


def kind_in(key: str, parent: str, siblings: Collection[str]) -> str | None:
    """Return the kind of data under a key, given the key of its object and the other keys there, all normal."""
    if key == "name" and (_PEOPLE.search(parent) or not _BESIDE.isdisjoint(siblings)):
        return "person"
    if key in _PARTS_OF_NAMES and parent.endswith("name"):
        return "person"
    if _CITY.search(key) and (parent.endswith("address") or any(_ADDRESS_BESIDE.search(s) for s in siblings)):
        return "address"
    return kind_of(key)


def announced(kind: str, key: str, value: str) -> Iterator[Finding]:
    """Yield what a value holds, given the kind that its key announces."""
    match kind:
        case "person":
            yield from (Finding("person", part.lower(), part) for part in name_parts(value))
        case "handle":
            if (match := _NAME_IN_HANDLE.fullmatch(value)) and _is_of_a_person(*match.groups()):
                yield from (Finding("person", part, part) for part in match.groups())
        case "phone":
            if number := digits_as_phone(value):
                yield Finding("phone", number, value)
        case "card":
            if len(digits_of(value)) in range(13, 20) and not any(find_cards(value)):
                yield Finding("card", digits_of(value), value)
        case "national_id":
            if len(value) in range(5, 25) and len(digits_of(value)) >= 3:
                yield Finding("national_id", re.sub(r"\W", "", value).upper(), value)
        case "address":
            yield from _pieces(key, value)


def _is_of_a_person(first: str, last: str) -> bool:
    given, family = known_names()
    return first in given or last in family


def _pieces(key: str, value: str) -> Iterator[Finding]:
    """Yield the pieces between commas: the street may stand elsewhere without the city."""
    if "@" in value or "://" in value:
        return
    for piece in re.split(r"\s*[,\n;]\s*", value.strip()):
        code = _STATE_AND_CODE.fullmatch(piece)
        form = code[1] if code else piece
        tells = bool(code) or any(c.isalpha() for c in form) or _CODE.search(key)
        if tells and _SHORTEST <= len(form) <= _LONGEST and not _COARSE.fullmatch(form):
            yield Finding("address", " ".join(form.lower().split()), form)


def keys_of(value: Mapping[str, object]) -> frozenset[str]:
    """Return the normal keys of an object."""
    return frozenset(map(normal, value))
