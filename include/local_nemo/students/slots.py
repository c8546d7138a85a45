"""Slots: the places inside a tool's arguments that take a value, and what is known about each of them."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

import orjson

from include.local_nemo.students.conversation import Call, Conversation, Tool
from include.local_nemo.students.paths import EACH, Path, flatten
from include.local_nemo.students.shapes import shape_of
from include.local_nemo.students.values import as_text

MAX_SHAPES = 40
MAX_CONSTANTS = 24
CONSTANT_MIN_COUNT = 3
CONSTANT_MAX_LENGTH = 60
UNFOUND_SHARE = 0.3
"""A value that the conversation lacks at least this often is knowledge, not a copy."""
VOCABULARY_SHARE = 0.08
ALIGNED_SHARE = 0.95
CASE_SHARE = 0.8

WELL_KNOWN = {"email": "EMAIL", "date": "9999-99-99", "name": "Aa"}
"""Looks that an argument's name or format gives away."""

_QUOTED = re.compile(r"'([^']{2,40})'|\"([^\"]{2,40})\"|`([^`]{2,40})`")


@dataclass(slots=True)
class Slot:
    """One place for a value in the arguments of one tool, with what was learned or read about it."""

    tool: str
    path: Path
    seen: int = 0
    calls: int = 0
    """How many calls of the tool were seen; `seen` of them filled the slot."""
    shapes: list[str] = field(default_factory=list)
    sources: dict[str, int] = field(default_factory=dict)
    """Where values were found: a JSON path or a role, with counts."""
    constants: list[Any] = field(default_factory=list)
    default: Any = None
    case: str = "same"
    kind: str = "string"
    loose: bool = False
    """Whether values may have another number of digits than `shapes`: those come from a description."""
    aligned: bool = False
    """Whether the list has an element for each element of the list slot before it in the same call."""

    @property
    def key(self) -> str:
        """Name of the slot, unique among all tools."""
        return f"{self.tool}:{'.'.join(self.path)}"

    @property
    def name(self) -> str:
        """Name of the argument or field that holds the value."""
        return next((part for part in reversed(self.path) if part != EACH), "")

    @property
    def listed(self) -> bool:
        """Whether the slot takes a list of values."""
        return EACH in self.path

    @property
    def optional(self) -> bool:
        """Whether some calls left the slot out."""
        return self.seen < self.calls

    def as_json(self) -> dict[str, Any]:
        """Return the slot as a JSON object."""
        return asdict(self)


def slot_from_json(document: dict[str, Any]) -> Slot:
    """Rebuild a slot from `Slot.as_json()`.

    Raises:
        TypeError: the object has fields that a slot has not.
    """
    return Slot(**{**document, "path": tuple(document["path"])})


def learn_slots(
    answers: Iterable[tuple[Conversation, tuple[Call, ...]]], min_count: int = CONSTANT_MIN_COUNT
) -> dict[str, list[Slot]]:
    """Learn the slots of every tool from answers in their conversations, in the order arguments are written."""
    drafts: dict[str, _Draft] = {}
    calls: Counter[str] = Counter()
    orders: dict[str, dict[str, float]] = {}
    for conversation, answer in answers:
        for call in answer:
            calls[call.name] += 1
            flat = flatten(call.arguments)
            last_list = 0
            for place, (path, values) in enumerate(flat.items()):
                slot = Slot(call.name, path)
                draft = drafts.setdefault(slot.key, _Draft(slot))
                orders.setdefault(call.name, {}).setdefault(slot.key, place)
                draft.add(conversation, values, last_list)
                last_list = len(values) if slot.listed else last_list
    table: dict[str, list[Slot]] = {}
    for name, keys in orders.items():
        for key in sorted(keys, key=lambda key: keys[key]):
            table.setdefault(name, []).append(drafts[key].finish(calls[name], min_count))
    for name in calls:
        table.setdefault(name, [])
    return table


class _Draft:
    """Counts of one slot while its examples stream by."""

    def __init__(self, slot: Slot) -> None:
        self.slot = slot
        self.values: Counter[bytes] = Counter()
        self.unfound: Counter[bytes] = Counter()
        self.shapes: Counter[str] = Counter()
        self.sources: Counter[str] = Counter()
        self.kinds: Counter[str] = Counter()
        self.cases: Counter[str] = Counter()
        self.aligned = 0

    def add(self, conversation: Conversation, values: list[Any], last_list: int) -> None:
        self.slot.seen += 1
        self.aligned += last_list > 0 and len(values) == last_list
        for value in values:
            if value is ...:
                continue
            self.kinds[_kind(value)] += 1
            written = orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS)
            self.values[written] += 1
            if isinstance(value, dict | list):
                self.unfound[written] += 1
                continue
            text = as_text(value)
            places = _places(conversation, text)
            self.unfound[written] += not places
            self.sources.update(places)
            self.shapes[shape_of(text)] += 1
            self.cases[_case(text)] += 1

    def finish(self, calls: int, min_count: int) -> Slot:
        slot = self.slot
        slot.calls = calls
        slot.shapes = [shape for shape, _ in self.shapes.most_common(MAX_SHAPES)]
        slot.sources = dict(self.sources.most_common(MAX_SHAPES))
        slot.kind = self.kinds.most_common(1)[0][0] if self.kinds else "string"
        slot.constants = [
            orjson.loads(written)
            for written, count in self.values.most_common(MAX_CONSTANTS * 4)
            if count >= min_count
            and len(written) <= CONSTANT_MAX_LENGTH
            and self._is_knowledge(written, count)
        ][:MAX_CONSTANTS]
        slot.default = orjson.loads(self.values.most_common(1)[0][0]) if self.values else None
        case, count = self.cases.most_common(1)[0] if self.cases else ("same", 0)
        slot.case = case if count >= CASE_SHARE * self.cases.total() else "same"
        slot.aligned = slot.listed and self.aligned >= ALIGNED_SHARE * slot.seen
        return slot

    def _is_knowledge(self, written: bytes, count: int) -> bool:
        """Tell a word of the tool's own vocabulary from a value of one conversation that happens to repeat."""
        if self.unfound[written] >= UNFOUND_SHARE * count:
            return True
        named = not any(48 <= byte <= 57 for byte in written)
        return named and count >= VOCABULARY_SHARE * self.values.total() and len(self.values) <= MAX_CONSTANTS


def _places(conversation: Conversation, text: str) -> set[str]:
    shape = shape_of(text)
    folded = text.casefold()
    found: set[str] = set()
    for turn in conversation.turns:
        found.update(leaf.path for leaf in turn.leaves_by_shape.get(shape, ()) if leaf.value == text)
        if any(span.value == text for span in turn.spans_by_shape.get(shape, ())) or (
            len(folded) > 3 and turn.role != "tool" and folded in turn.text.casefold()
        ):
            found.add(turn.role)
    return found


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "number"
    return "string" if isinstance(value, str) else "json"


def _case(text: str) -> str:
    if not any(char.isalpha() for char in text) or any(char.isdigit() for char in text):
        return "same"
    if text == text.lower():
        return "lower"
    if text == text.upper():
        return "upper"
    return "title" if all(word[:1].isupper() for word in text.split()) else "same"


def declared_slots(tool: Tool) -> list[Slot]:
    """Read the slots that a tool's JSON schema declares: what a model knows that has never seen a call."""
    slots = []
    for name, schema in tool.properties.items():
        if not isinstance(schema, dict):
            continue
        item = schema
        path: Path = (str(name),)
        if schema.get("type") == "array":
            items = schema.get("items")
            item = items if isinstance(items, dict) else {}
            path = (*path, EACH)
        slot = Slot(tool.name, path, seen=1, calls=1 if name in tool.required else 2, loose=True)
        kind = item.get("type")
        slot.kind = kind if kind in ("boolean", "integer", "number", "string") else "string"
        slot.constants = list(item["enum"]) if isinstance(item.get("enum"), list) else []
        if kind == "boolean":
            slot.constants = [True, False]
        description = f"{schema.get('description') or ''} {item.get('description') or ''}"
        quoted = ["".join(groups) for groups in _QUOTED.findall(description)]
        slot.shapes = list(dict.fromkeys(shape_of(text) for text in quoted))[:8]
        if kind in ("integer", "number"):
            slot.shapes.append("9")
        slot.shapes.extend(
            shape for word, shape in WELL_KNOWN.items() if word in f"{name} {item.get('format')}"
        )
        slots.append(slot)
    return slots


def written_as(slot: Slot, raw: Any) -> Any:
    """Give a copied value the JSON type and the case that the slot has been seen with."""
    text = as_text(raw)
    if slot.kind in ("integer", "number") and not isinstance(raw, bool | int | float):
        try:
            number = float(text.replace(",", "").lstrip("$€£"))
        except ValueError:
            return raw
        return int(number) if slot.kind == "integer" and number.is_integer() else number
    if slot.kind == "boolean" and isinstance(raw, str):
        return text.lower() in ("true", "yes", "1") if text.lower() in _BOOLEAN else raw
    if slot.kind != "string" or isinstance(raw, dict | list):
        return raw
    change = {"lower": str.lower, "upper": str.upper}.get(slot.case)
    if change is not None:
        return change(text)
    if slot.case == "title" and text == text.lower():
        return text.title()
    return text


_BOOLEAN = ("true", "false", "yes", "no", "1", "0")
