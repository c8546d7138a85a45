"""What fills the slots of the labelled sample: made-up values that pass the checksums of their kind."""

import random
import string
import uuid
from collections.abc import Callable

from stdnum import luhn, verhoeff
from stdnum.br import cpf
from stdnum.es import dni
from stdnum.it import codicefiscale
from stdnum.pl import pesel

from bench.privacy_sample.names import PEOPLE
from bench.privacy_sample.places import CITIES, STREETS

#: Kind of each slot that holds personal data; the other slots must not be found.
KINDS = {
    "first": "person", "last": "person", "full": "person", "email": "email", "iban": "iban",
    "unit": "address", "postcode": "address", "digits_us": "phone", "card": "card", "card_plain": "card",
    **dict.fromkeys(("ssn", "nino", "dni", "codice_fiscale", "cpf", "aadhaar",
                    "pesel", "bsn", "personnummer", "nir"), "national_id"),
    **{f"phone_{c}": "phone" for c in ("us", "gb", "de", "fr", "es", "it", "in", "br")},
    **{f"{what}_{c}": "address" for what in ("street", "city", "zip") for c in ("us", "gb", "de", "fr", "es", "it")},
}  # fmt: skip

_AREAS = ["212", "415", "312", "617", "206", "303", "404", "512", "702", "713", "786", "917"]
_IBANS = [
    "GB33BUKB20201555555555", "DE89370400440532013000", "FR1420041010050500013M02606", "ES9121000418450200051332",
    "IT60X0542811101000000123456", "NL91ABNA0417164300", "BE68539007547034", "PL61109010140000071219812874",
    "CH9300762011623852957",
    "AT611904300234573201", "SE4550000000058398257466", "PT50000201231234567890154", "IE29AIBK93115212345678", "NO9386011117947",
    "DK5000400440116243", "FI2112345600000785",
]  # fmt: skip
_DOMAINS = [
    "example.com",
    "gmail.com",
    "mail.acme.co.uk",
    "web.de",
    "orange.fr",
    "outlook.com",
    "uni-bonn.de",
    "proton.me",
]


class Values:
    """Make the value of a slot; `half` picks people and places."""

    def __init__(self, half: str, seed: int) -> None:
        self._half = half
        self._random = random.Random(seed)
        self.new_text()

    def new_text(self) -> None:
        """Choose the person that a text is about."""
        self._first, self._last = self._random.choice(PEOPLE[self._half])

    def value(self, slot: str) -> str:
        """Return a value for a slot, given by its name in the templates."""
        name, _, country = slot.rpartition("_")
        if name in ("street", "city", "zip", "phone"):
            return getattr(self, f"_{name}")(country)
        make: Callable[[], str] = getattr(self, f"_make_{slot}")
        return make()

    def _pick(self, *choices: str) -> str:
        return self._random.choice(choices)

    def _digits(self, count: int) -> str:
        return self._random.choice("123456789") + "".join(self._random.choices(string.digits, k=count - 1))

    def _like(self, shape: str) -> str:
        """Replace # by a digit, % by one of 2-9, ? by a letter."""
        pools = {"#": string.digits, "%": "23456789", "?": "ABCDEFGHJKLMNPQRSTUVWXYZ"}
        return "".join(self._random.choice(pools[c]) if c in pools else c for c in shape)

    def _make_first(self) -> str:
        return self._first

    def _make_last(self) -> str:
        return self._last

    def _make_full(self) -> str:
        return " ".join(self._random.choice(PEOPLE[self._half]))

    def _make_title(self) -> str:
        return self._pick("Mr.", "Ms.", "Mrs", "Dr.")

    def _make_email(self) -> str:
        first, last = (
            "".join(c for c in name.lower() if c in string.ascii_lowercase)
            for name in (self._first, self._last)
        )
        local = self._pick(
            f"{first}.{last}",
            f"{first}{self._digits(4)}",
            f"{first[0]}_{last}+shop",
            f"{last}-{first}",
            f"{first}.{last}{self._digits(4)}",
        )
        return f"{local}@{self._random.choice(_DOMAINS)}"

    def _phone(self, country: str) -> str:
        area = self._random.choice(_AREAS)
        one, two = self._like("%##"), self._like("####")
        shapes = {
            "us": [f"({area}) {one}-{two}", f"{area}-{one}-{two}", f"{area}.{one}.{two}", f"+1 {area} {one} {two}",
                   f"+1-{area}-{one}-{two}", f"1 {area} {one} {two}",
                   f"+1{area}{one}{two}"],
            "gb": ["07911 1#####", "+44 7911 1#####", "020 7946 0###", "+44 (0)20 7946 0###", "079111#####"],
            "de": ["030 90182##", "0171 %######", "+49 171 %######", "0171/%######", "+49 (0)221 90182##"],
            "fr": ["06 %# ## ## ##", "+33 6 %# ## ## ##", "06.%#.##.##.##", "061#######"],
            "es": ["61# ### ###", "+34 61# ### ###", "912 345 ###"],
            "it": ["347 %## ####", "+39 347 %######", "06 1234 ####"],
            "in": ["+91 9876# #####", "+91-9876######"],
            "br": ["+55 11 9123#-####", "+55 (21) 998##-####"],
        }  # fmt: skip
        return self._like(self._random.choice(shapes[country]))

    def _make_digits_us(self) -> str:
        return self._random.choice(_AREAS) + self._like("%######")

    def _make_card_plain(self) -> str:
        brand, length = self._random.choice(
            [("4", 16), ("51", 16), ("55", 16), ("2223", 16), ("37", 15), ("6011", 16)]
        )
        body = (brand + self._digits(16))[: length - 1]
        return body + luhn.calc_check_digit(body)

    def _make_card(self) -> str:
        card = self._make_card_plain()
        cuts = (4, 10, 15) if len(card) == 15 else (4, 8, 12, 16)
        parts = [card[start:end] for start, end in zip((0, *cuts), cuts, strict=False)]
        return self._pick("", " ", "-").join(parts)

    def _make_iban(self) -> str:
        iban = self._random.choice(_IBANS)
        grouped = " ".join(iban[start : start + 4] for start in range(0, len(iban), 4))
        return self._random.choice([iban, grouped])

    def _make_ssn(self) -> str:
        return self._like(self._pick("520-44-%###", "321-54-%###", "471 23 %###"))

    def _make_nino(self) -> str:
        return self._like(self._pick("AB ## ## ## C", "JG######D"))

    def _make_dni(self) -> str:
        number = self._digits(8)
        return number + dni.calc_check_digit(number)

    def _make_codice_fiscale(self) -> str:
        body = self._pick("RSSMRA85T10A562", "BNCLRZ79C15L781", "VRDGPP64M60F205")
        return body + codicefiscale.calc_check_digit(body)

    def _make_cpf(self) -> str:
        number = self._digits(9)
        return cpf.format(number + cpf._calc_check_digits(number))

    def _make_aadhaar(self) -> str:
        number = self._random.choice("23456789") + self._digits(10)
        number += verhoeff.calc_check_digit(number)
        return self._pick(number, f"{number[:4]} {number[4:8]} {number[8:]}")

    def _make_pesel(self) -> str:
        number = self._pick("850412", "920730", "780119") + self._digits(4)
        return number + pesel.calc_check_digit(number)

    def _make_bsn(self) -> str:
        while True:
            number = self._digits(8)
            check = sum((9 - place) * int(digit) for place, digit in enumerate(number)) % 11
            if check < 10:
                return f"{number}{check}"

    def _make_personnummer(self) -> str:
        number = self._pick("811228", "640823", "900115") + self._digits(3)
        return f"{number[:6]}-{number[6:]}{luhn.calc_check_digit(number)}"

    def _make_nir(self) -> str:
        number = self._pick("1850575", "2790313", "1920969") + self._digits(6)
        number += f"{97 - int(number) % 97:02}"
        return self._pick(
            number,
            f"{number[0]} {number[1:3]} {number[3:5]} {number[5:7]} {number[7:10]} {number[10:13]} {number[13:]}",
        )

    def _street(self, country: str) -> str:
        return self._random.choice(STREETS[self._half][country]).replace(
            "#", str(self._random.randint(2, 890))
        )

    def _city(self, country: str) -> str:
        return self._random.choice(CITIES[self._half][country])

    def _zip(self, country: str) -> str:
        return self._digits(5)

    def _make_unit(self) -> str:
        return self._pick(
            f"Apt {self._like('%#')}",
            f"Suite {self._like('%##')}",
            f"Unit {self._like('%?')}",
            f"Apt. #{self._like('%#')}",
        )

    def _make_postcode(self) -> str:
        return self._pick("LS1 4AP", "BS8 1TH", "S10 2TN", "MK9 3BA", "SW1A 2AA")

    def _make_state(self) -> str:
        return self._pick("PA", "TX", "CA", "CO", "OH", "WA")

    def _make_order(self) -> str:
        return f"#W{self._digits(7)}"

    def _make_amount(self) -> str:
        return self._pick(
            f"${self._digits(3)}.{self._like('##')}",
            f"€ 1.{self._like('###')},50",
            f"$1,{self._like('%##.##')}",
            "£49.99",
        )

    def _make_date(self) -> str:
        return self._pick("2025-10-11", "10/11/2025", "11.10.2025", "April 5, 2025", "May 3", "11 Oct 2025")

    def _make_dob(self) -> str:
        return self._pick("1985-04-12", "12/04/1985")

    def _make_time(self) -> str:
        return self._pick("5pm", "17:30", "08:15:00")

    def _make_tracking(self) -> str:
        return self._pick(
            f"1Z{self._like('%%%??10123456784')}",
            self._digits(12),
            f"9400 1{self._like('### #### #### #### ##')}",
        )

    def _make_flight(self) -> str:
        return self._pick(f"HAT{self._like('%##')}", f"UA {self._like('%###')}", f"LH{self._like('%##')}")

    def _make_pnr(self) -> str:
        return self._like("??%?#?")

    def _make_version(self) -> str:
        return self._pick("2.14.3", "10.0.19045.3693", "v1.22.0-rc.1")

    def _make_host(self) -> str:
        return self._pick("db-3.prod.internal", "api.example.com", "ip-10-20-30-40.ec2.internal")

    def _make_uuid(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128)))

    def _make_hex32(self) -> str:
        return f"{self._random.getrandbits(128):032x}"

    def _make_sku(self) -> str:
        return self._like("??-%####-?")

    def _make_serial(self) -> str:
        return self._like("C02??#????#?")

    def _make_giftcard(self) -> str:
        return self._like("????-%###-????")

    def _make_imei(self) -> str:
        body = "35" + self._digits(12)
        return body + luhn.calc_check_digit(body)

    def _make_epoch(self) -> str:
        return f"17{self._digits(8)}"

    def _make_digits4(self) -> str:
        return self._digits(4)

    def _make_digits8(self) -> str:
        return self._digits(8)

    def _make_digits10(self) -> str:
        return self._digits(10)

    def _make_digits12(self) -> str:
        return self._digits(12)

    def _make_digits16(self) -> str:
        return self._digits(16)
