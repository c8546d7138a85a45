"""Values that could fill a slot, gathered from a conversation."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from include.local_nemo.students.catalogue import StudentSpec
from include.local_nemo.students.conversation import Conversation, Turn
from include.local_nemo.students.shapes import loose_shape
from include.local_nemo.students.slots import Slot, written_as
from include.local_nemo.students.values import Leaf, Span, as_text

MAX_CANDIDATES = 160
MAX_TEXT_CANDIDATES = 100
ABSENT = "\x00absent"
"""The candidate for leaving an optional slot out."""

Place = tuple[int, int]
"""Where a value stands: the number of its turn, and of the JSON object in it (-1: in text)."""


@dataclass(slots=True)
class Candidate:
    """A value for a slot with its places and the names of its features."""

    value: Any
    text: str
    places: list[Place] = field(default_factory=list)
    found: list[tuple[int, Leaf | Span]] = field(default_factory=list)
    features: list[str] = field(default_factory=list)
    constant: bool = False


@dataclass(slots=True)
class Chosen:
    """A slot that has its value already, so that the next slots can be filled to match."""

    slot: Slot
    texts: list[str]
    places: list[list[Place]]


class View:
    """One conversation as a student of a given size sees it while it fills slots."""

    def __init__(self, conversation: Conversation, spec: StudentSpec) -> None:
        self.turns = conversation.turns[-spec.history :]
        self.conversation = conversation
        self.spec = spec
        self.used: dict[str, Counter[str]] = {}
        self.last_used: set[str] = set()
        for turn in self.turns:
            if turn.calls:
                self.last_used = {leaf.value for leaf in turn.leaves}
                for leaf in turn.leaves:
                    self.used.setdefault(leaf.path, Counter())[leaf.value] += 1
        for call in conversation.pending:
            for key, value in call.arguments.items():
                for text in map(as_text, value if isinstance(value, list) else [value]):
                    self.used.setdefault(f"call:{call.name}.{key}", Counter())[text] += 1
        self.user_words = [set(turn.words) for turn in self.turns if turn.role == "user"]
        self.said_by_user = set().union(*self.user_words[-1:])
        self.said_ever = set().union(*self.user_words)
        self.freshness = {
            word: 1.0 / (1 + rank)
            for rank, words in reversed(list(enumerate(reversed(self.user_words))))
            for word in words
        }
        """How lately the user said a word: 1 in the last message, 1/2 in the one before, and so on."""
        asked = [turn for turn in self.turns if turn.role == "assistant" and turn.text]
        self.asked = set(asked[-1].words) if asked else set()
        users = [turn for turn in self.turns if turn.role == "user"]
        self.last_user = users[-1] if users else Turn("user", "")
        self.last_asked = asked[-1] if asked else Turn("assistant", "")
        self.ranks = self._ranks()
        calls = [call.name for turn in self.turns for call in turn.calls]
        self.last_tool = calls[-1] if calls else "-"

    def used_in(self, slot: Slot) -> Counter[str]:
        """Count the values that earlier calls of this conversation had in the slot."""
        path = ".".join(slot.path).replace(".[]", "[]")
        return self.used.get(f"call:{slot.tool}.{path}", Counter())

    def _ranks(self) -> list[int]:
        """Number the turns of each origin from the newest: 0 is the last one."""
        seen: Counter[str] = Counter()
        ranks = []
        for turn in reversed(self.turns):
            origin = turn.source or turn.role
            ranks.append(seen[origin])
            seen[origin] += 1
        return ranks[::-1]


def gather(view: View, slot: Slot, extra_keys: Sequence[str] = ()) -> list[Candidate]:
    """Gather the values that look right for the slot, newest first; `extra_keys` admits JSON fields by name."""
    found: dict[str, Candidate] = {}
    texts = 0
    loose = {loose_shape(shape) for shape in slot.shapes} if slot.loose else None
    for number in range(len(view.turns) - 1, -1, -1):
        turn = view.turns[number]
        for shape in slot.shapes if loose is None else _alike(turn, loose):
            for leaf in turn.leaves_by_shape.get(shape, ()):
                _note(found, slot, number, leaf, leaf.raw, leaf.holder)
            if texts < MAX_TEXT_CANDIDATES:
                for span in turn.spans_by_shape.get(shape, ()):
                    texts += span.value.casefold() not in found
                    _note(found, slot, number, span, span.value, -1)
        if extra_keys:
            for leaf in turn.leaves:
                if leaf.key in extra_keys:
                    _note(found, slot, number, leaf, leaf.raw, leaf.holder)
        if len(found) >= MAX_CANDIDATES:
            break
    for constant in slot.constants:
        text = as_text(constant) if not isinstance(constant, dict | list) else repr(constant)
        candidate = found.setdefault(text.casefold(), Candidate(constant, text))
        candidate.constant = True
        candidate.value = constant
    if slot.optional:
        found[ABSENT] = Candidate(..., ABSENT)
    return list(found.values())


def _alike(turn: Turn, loose: set[str]) -> list[str]:
    """Return the looks in a turn that differ from the wanted ones in the number of digits at most."""
    shapes = dict.fromkeys([*turn.leaves_by_shape, *turn.spans_by_shape])
    return [shape for shape in shapes if loose_shape(shape) in loose]


def _note(
    found: dict[str, Candidate], slot: Slot, number: int, origin: Leaf | Span, raw: Any, holder: int
) -> None:
    candidate = found.get(origin.value.casefold())
    if candidate is None:
        value = written_as(slot, raw)
        candidate = found[origin.value.casefold()] = Candidate(value, as_text(value))
    candidate.places.append((number, holder))
    if len(candidate.found) < 12:
        candidate.found.append((number, origin))
