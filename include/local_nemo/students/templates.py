"""Answers as templates: facts of the conversation become holes that another conversation fills.

An answer given in one conversation is useful in another only with that one's names, numbers and identifiers.
Equations that held in the answer are made to hold again after the numbers were exchanged.
"""

import ast
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass

from include.local_nemo.students.conversation import Conversation, Turn
from include.local_nemo.students.shapes import shape_of

HOLE, BAR, END = "\ue000", "\ue001", "\ue002"
"""A hole is written `HOLE place BAR original END`; private-use characters, dropped from logged text."""
MAX_RANK = 3
MAX_INDEX = 20
MAX_PHRASES = 60

_NUMBER = re.compile(r"\d+(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?")
_EMAIL = r"[\w.+-]+@[\w-]+\.[\w.]*\w"
_IDENTIFIER = r"#?[A-Za-z_]+[\w-]*\d[\w-]*"
_FACT = re.compile(
    # The last: a capital inside a sentence is a name.
    rf"{_EMAIL}|{_IDENTIFIER}|{_NUMBER.pattern}|(?<![.!?:\n] )(?<![.!?:\n])(?<=\S )[A-Z][a-z]+"
)
_ANY = re.compile(rf"{_EMAIL}|{_IDENTIFIER}|{_NUMBER.pattern}|[A-Z][a-z]+")
_EQUATION = re.compile(r"([\d.,$%\s+\-*/x×÷()]*\d[\d.,$%\s)]*)=(\s*\$?)(\d[\d,]*(?:\.\d+)?)")
_HOLE = re.compile(f"{HOLE}([^{BAR}]*){BAR}([^{END}]*){END}")


@dataclass(frozen=True, slots=True)
class Facts:
    """Where the facts of a conversation stand, and which fact stands at a place; places count from the end."""

    places: dict[str, str]
    at: dict[str, str]

    @property
    def phrases(self) -> list[str]:
        """Facts of several words, longest first."""
        found = [fact for fact in self.places if " " in fact and 4 < len(fact) <= 60]
        return sorted(found, key=len, reverse=True)[:MAX_PHRASES]


def facts_of(conversation: Conversation) -> Facts:
    """Collect the values of JSON outputs, and the numbers, identifiers, addresses and names in texts."""
    places: dict[str, str] = {}
    at: dict[str, str] = {}
    ranks: dict[str, int] = {}
    for turn in reversed(conversation.turns):
        origin = turn.source or turn.role
        rank = ranks.get(origin, 0)
        ranks[origin] = rank + 1
        if rank > MAX_RANK:
            continue
        if turn.role == "tool" and turn.leaves:
            here = [
                (leaf.value, f"{leaf.path}/{leaf.index}")
                for leaf in turn.leaves
                if len(leaf.value) > 1 and leaf.index < MAX_INDEX
            ]
        else:
            here = _text_facts(turn)
        for fact, place in here:
            places.setdefault(fact, f"{origin}/{rank}/{place}")
            at.setdefault(f"{origin}/{rank}/{place}", fact)
    return Facts(places, at)


def _text_facts(turn: Turn) -> list[tuple[str, str]]:
    counts: dict[str, int] = {}
    facts: dict[str, str] = {}
    for match in _FACT.finditer(turn.text):
        fact = match.group()
        if fact not in facts:
            shape = "Aa" if fact.isalpha() else "9" if _NUMBER.fullmatch(fact) else shape_of(fact)
            counts[shape] = counts.get(shape, -1) + 1
            facts[fact] = f"{shape}/{counts[shape]}"
    return list(facts.items())


def make_template(answer: str, facts: Facts) -> str:
    """Cut holes into an answer where it repeats facts of its conversation."""
    for mark in (HOLE, BAR, END):
        answer = answer.replace(mark, "")

    def cut(match: re.Match[str]) -> str:
        place = facts.places.get(match.group())
        return match.group() if place is None else f"{HOLE}{place}{BAR}{match.group()}{END}"

    pieces = [answer]
    for phrase in facts.phrases:
        if phrase in answer:
            hole = f"{HOLE}{facts.places[phrase]}{BAR}{phrase}{END}"
            pieces = [part for piece in pieces for part in _split(piece, phrase, hole)]
    return "".join(piece if piece.startswith(HOLE) else _ANY.sub(cut, piece) for piece in pieces)


def _split(piece: str, phrase: str, hole: str) -> list[str]:
    if piece.startswith(HOLE) or phrase not in piece:
        return [piece]
    parts = [hole]
    for text in piece.split(phrase):
        parts += [text, hole]
    return parts[1:-1]


def fill_template(template: str, facts: Facts) -> tuple[str, float]:
    """Fill the holes from another conversation; return the text and the share of holes that found a fact."""
    exchanged: dict[str, str] = {}
    holes = filled = 0
    for place, original in _HOLE.findall(template):
        holes += 1
        fact = facts.at.get(place)
        filled += fact is not None
        exchanged.setdefault(original, original if fact is None else fact)
    if not holes:
        return template, 1.0
    original_text = _HOLE.sub(lambda match: match.group(2), template)
    _carry_through_equations(original_text, exchanged)
    text = _HOLE.sub(lambda match: f"{HOLE}{exchanged[match.group(2)]}{END}", template)
    pieces = re.split(f"{HOLE}([^{END}]*){END}", text)
    for number in range(0, len(pieces), 2):
        pieces[number] = _ANY.sub(lambda match: exchanged.get(match.group(), match.group()), pieces[number])
    return "".join(pieces), filled / holes


def _carry_through_equations(original: str, exchanged: dict[str, str]) -> None:
    """Work out what the results of the answer's equations become; adds them to `exchanged`."""
    for match in _EQUATION.finditer(original):
        left, _, result = match.groups()
        before = calculate(left)
        if before is None or abs(before - float(result.replace(",", ""))) > 0.011:
            continue
        after = calculate(_NUMBER.sub(lambda number: exchanged.get(number.group(), number.group()), left))
        if after is not None and result not in exchanged:
            exchanged[result] = write_number(after)


def write_number(value: float) -> str:
    """Write a result the way people do: whole numbers without a point, others with two decimals."""
    if abs(value - round(value)) < 1e-9:
        return str(round(value))
    return f"{value:.2f}"


_OPERATIONS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


def calculate(text: str) -> float | None:
    """Work out an expression of + - * / and brackets; None for anything else."""
    plain = text.replace("$", "").replace("×", "*").replace("x", "*").replace("÷", "/").replace(",", "")
    plain = re.sub(r"(\d+(?:\.\d+)?)\s*%", r"(\1/100)", plain).strip()
    if not plain or len(plain) > 200:
        return None
    try:
        return _value(ast.parse(plain, mode="eval").body)
    except (SyntaxError, ValueError, ZeroDivisionError, OverflowError):
        return None


def _value(node: ast.expr) -> float:
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return float(node.value)
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATIONS:
        return _OPERATIONS[type(node.op)](_value(node.left), _value(node.right))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_value(node.operand)
    raise ValueError("not arithmetic")
