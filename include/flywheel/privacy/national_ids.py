"""Numbers that a state gives to a person: found by their shape and checksum, and most only near a word that names them."""

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from stdnum.be import nn
from stdnum.br import cpf
from stdnum.ca import sin
from stdnum.ch import ssn as ahv
from stdnum.cn import ric
from stdnum.de import idnr
from stdnum.dk import cpr
from stdnum.es import dni, nie
from stdnum.fi import hetu
from stdnum.fr import nir
from stdnum.gb import nhs
from stdnum.in_ import aadhaar
from stdnum.it import codicefiscale
from stdnum.kr import rrn
from stdnum.mx import curp
from stdnum.nl import bsn
from stdnum.no import fodselsnummer
from stdnum.pl import pesel
from stdnum.se import personnummer
from stdnum.tr import tckimlik
from stdnum.us import ssn

from include.flywheel.privacy.spans import Span, before, identifies_a_thing


class _Number(NamedTuple):
    """`shape` matches it; `word`, where given, must stand before it: its shape alone is that of many numbers."""

    shape: re.Pattern[str]
    valid: Callable[[str], bool]
    word: re.Pattern[str] | None = None


def _of(shape: str, valid: Callable[[str], bool], word: str | None = None) -> _Number:
    return _Number(
        re.compile(rf"(?:{shape})(?![\w-]|[.,]\d)", re.IGNORECASE),
        valid,
        re.compile(rf"(?:{word})(?:\W|_|$)", re.IGNORECASE) if word else None,
    )


def _always(number: str) -> bool:
    return True


_NUMBERS = (
    _of(r"\d{3}-\d{2}-\d{4}", ssn.is_valid),
    _of(r"\d{3}[ -]?\d{2}[ -]?\d{4}", ssn.is_valid, r"ssn|social[\s_]security(?:[\s_](?:number|no|num))?"),
    # The United Kingdom's national insurance number has no check digit.
    _of(r"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d\d ?\d\d ?\d\d ?[A-D]", _always),
    _of(r"\d{3}[ -]?\d{3}[ -]?\d{4}", nhs.is_valid, r"nhs(?:[\s_](?:number|no))?"),
    _of(r"\d{8}[ -]?[A-Z]", dni.is_valid),
    _of(r"[XYZ][ -]?\d{7}[ -]?[A-Z]", nie.is_valid),
    _of(r"[A-Z]{6}\d\d[A-EHLMPR-T]\d\d[A-Z]\d{3}[A-Z]", codicefiscale.is_valid),
    _of(r"[12] ?\d\d ?\d\d ?(?:\d\d|2[AB]) ?\d{3} ?\d{3} ?\d\d", nir.is_valid),
    _of(r"\d{3}\.\d{3}\.\d{3}-\d\d", cpf.is_valid),
    _of(r"\d{11}", cpf.is_valid, "cpf"),
    _of(r"\d{4} ?\d{4} ?\d{4}", aadhaar.is_valid, r"aadhaa?r|uidai"),
    _of(r"\d{11}", pesel.is_valid, "pesel"),
    _of(r"\d{9}", bsn.is_valid, "bsn|burgerservicenummer|sofi"),
    _of(r"\d{2} ?\d{3} ?\d{3} ?\d{3}", idnr.is_valid, r"steuer\w*|idnr|tax[\s_]id"),
    _of(r"(?:\d\d)?\d{6}[-+]?\d{4}", personnummer.is_valid, "person(?:nummer|nr|al)"),
    _of(r"\d{6}[-+A]\d{3}[0-9A-Y]", hetu.is_valid, "hetu|henkilötunnus"),
    _of(r"\d{6}-?\d{4}", cpr.is_valid, "cpr"),
    _of(r"\d{6} ?\d{5}", fodselsnummer.is_valid, "fødselsnummer|fodselsnummer|personnummer"),
    _of(r"\d\d\.\d\d\.\d\d-\d{3}\.\d\d", nn.is_valid),
    _of(r"756\.\d{4}\.\d{4}\.\d\d", ahv.is_valid),
    _of(r"\d{3}[ -]?\d{3}[ -]?\d{3}", sin.is_valid, r"sin|social[\s_]insurance(?:[\s_](?:number|no))?"),
    _of(r"\d{17}[\dX]", ric.is_valid),
    _of(r"\d{6}-?\d{7}", rrn.is_valid, "rrn|resident"),
    _of(r"[A-Z]{4}\d{6}[HM][A-Z]{5}[0-9A-Z]\d", curp.is_valid),
    _of(r"\d{11}", tckimlik.is_valid, r"tckn|kimlik|t\.?c\."),
)

#: Where one of them can begin: at digits, or at a few letters before digits.
_BEGINS = re.compile(r"(?<![\w#.-])(?=[A-Za-z]{0,6} ?\d)")


def find_national_ids(text: str) -> Iterator[Span]:
    """Find national identity, tax and social security numbers of the countries in the table."""
    end = 0
    for begin in _BEGINS.finditer(text):
        start = begin.start()
        if start >= end and (span := _at(text, start)):
            end = span.end
            yield span


def _at(text: str, start: int) -> Span | None:
    context = before(text, start)
    for number in _NUMBERS:
        match = number.shape.match(text, start)
        if match is None:
            continue
        # A shape without a word is one that few other numbers have; still, an order may have it.
        wanted = number.word.search(context) if number.word else not identifies_a_thing(context)
        if wanted and number.valid(match[0].replace(" ", "")):
            return Span(start, match.end(), re.sub(r"\W", "", match[0]).upper())
    return None
