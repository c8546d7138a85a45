"""Arguments of a tool call: which value of the conversation, or which known word, goes into which slot."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from include.local_nemo.students.candidates import ABSENT, Candidate, Chosen, View, gather
from include.local_nemo.students.catalogue import StudentSpec
from include.local_nemo.students.conversation import Call, Conversation, Tool
from include.local_nemo.students.evidence import describe
from include.local_nemo.students.paths import EACH, Path, flatten, unflatten
from include.local_nemo.students.ranker import Choice, Weights, score_all, slot_features
from include.local_nemo.students.slots import Slot, declared_slots
from include.local_nemo.students.values import Leaf, as_text

MAX_RIVALS = 28
"""Wrong candidates kept per training example."""
MAX_ELEMENTS = 32
RANKER_BITS = {1: 14, 2: 16, 3: 18}
"""Width of the ranker's feature space by richness of the student."""


@dataclass(slots=True)
class ArgumentModel:
    """Fill the slots of tools: by learned weights where there are any, by rule of thumb elsewhere."""

    spec: StudentSpec
    slots: dict[str, list[Slot]] = field(default_factory=dict)
    weights: Weights | None = None

    @property
    def bits(self) -> int:
        """Width of the feature space, as a power of two."""
        return RANKER_BITS[self.spec.richness]

    def fill(self, conversation: Conversation, tool: str, view: View | None = None) -> dict[str, Any]:
        """Return arguments for a call of `tool` in this conversation."""
        view = view or View(conversation, self.spec)
        offered = conversation.tools.get(tool)
        slots = self.slots.get(tool)
        learned = slots is not None and self.weights is not None
        if slots is None or (not slots and offered is not None and offered.required):
            slots, learned = (self._borrowed(declared_slots(offered)) if offered else []), False
        elif offered is not None and not learned:
            slots = _completed(slots, offered)
        values: dict[Path, list[Any]] = {}
        chosen: list[Chosen] = []
        for slot in slots:
            if any(path[: len(slot.path)] == slot.path or slot.path[: len(path)] == path for path in values):
                continue
            picked = self._pick(view, slot, chosen, learned)
            if not picked:
                continue
            values[slot.path] = [candidate.value for candidate in picked]
            chosen.append(_choose(slot, picked))
        return unflatten(values)

    def _borrowed(self, slots: list[Slot]) -> list[Slot]:
        """Lend declared slots what is known about slots of the same name in other tools."""
        for slot in slots:
            for other in (
                other for known in self.slots.values() for other in known if other.name == slot.name
            ):
                slot.shapes.extend(shape for shape in other.shapes if shape not in slot.shapes)
                for source, count in other.sources.items():
                    slot.sources[source] = slot.sources.get(source, 0) + count
        return slots

    def _pick(self, view: View, slot: Slot, chosen: list[Chosen], learned: bool) -> list[Candidate]:
        if learned and slot.aligned and chosen and chosen[-1].slot.listed:
            elements = len(chosen[-1].texts)
            picks = [self._pick_one(view, slot, chosen, learned, element) for element in range(elements)]
            return [pick for pick in picks if pick is not None]
        if learned and slot.listed:
            return self._pick_several(view, slot, chosen)
        pick = self._pick_one(view, slot, chosen, learned, None)
        return [pick] if pick is not None else []

    def _pick_one(
        self, view: View, slot: Slot, chosen: list[Chosen], learned: bool, element: int | None
    ) -> Candidate | None:
        if not learned:
            return guess(view, slot)
        candidates = gather(view, slot)
        if not candidates:
            return _fallback(slot)
        scores = self._scores(view, slot, candidates, chosen, element)
        best = candidates[int(scores.argmax())]
        return None if best.text == ABSENT else best

    def _pick_several(self, view: View, slot: Slot, chosen: list[Chosen]) -> list[Candidate]:
        candidates = gather(view, slot)
        if not candidates:
            return []
        scores = self._scores(view, slot, candidates, chosen, None)
        best = int(scores.argmax())
        if candidates[best].text == ABSENT:
            return []
        picked = [
            (score, candidate)
            for score, candidate in zip(scores.tolist(), candidates, strict=True)
            if (score > 0 or candidate is candidates[best]) and candidate.text != ABSENT
        ]
        return [candidate for _, candidate in sorted(picked, key=lambda pair: _reading_order(pair[1]))][
            :MAX_ELEMENTS
        ]

    def _scores(
        self,
        view: View,
        slot: Slot,
        candidates: list[Candidate],
        chosen: Sequence[Chosen],
        element: int | None,
    ) -> Weights:
        assert self.weights is not None
        describe(view, slot, candidates, chosen, element)
        named = [candidate.features for candidate in candidates]
        return score_all(self.weights, slot_features(slot, named, self.bits, self.spec.richness >= 3))


def _reading_order(candidate: Candidate) -> tuple[int, int]:
    """Order list elements as the newest JSON output lists them."""
    places = [(-turn, origin.index) for turn, origin in candidate.found if isinstance(origin, Leaf)]
    return min(places) if places else (1, 0)


def _completed(slots: list[Slot], tool: Tool) -> list[Slot]:
    known = {slot.path for slot in slots}
    return slots + [slot for slot in declared_slots(tool) if slot.path not in known and not slot.optional]


def _fallback(slot: Slot) -> Candidate | None:
    if slot.optional or slot.default is None:
        return None
    return Candidate(slot.default, as_text(slot.default))


def _choose(slot: Slot, picked: Sequence[Candidate]) -> Chosen:
    return Chosen(slot, [candidate.text for candidate in picked], [candidate.places for candidate in picked])


def training_choices(
    model: ArgumentModel, conversation: Conversation, call: Call, draw: random.Random
) -> list[Choice]:
    """Turn one logged call into the choices that its arguments show; values found nowhere teach nothing."""
    view = View(conversation, model.spec)
    flat = flatten(call.arguments)
    choices: list[Choice] = []
    chosen: list[Chosen] = []
    for slot in model.slots.get(call.name, ()):
        values = flat.get(slot.path)
        candidates = gather(view, slot)
        by_text = {candidate.text: candidate for candidate in candidates}
        if values is None:
            if not any(path[0] == slot.path[0] for path in flat) and candidates:
                describe(view, slot, candidates, chosen)
                _add_choice(choices, model, slot, candidates, {ABSENT}, draw)
            continue
        texts = [_text(value) for value in values if value is not ...]
        aligned = slot.aligned and chosen and len(chosen[-1].texts) == len(texts)
        if aligned:
            for element, text in enumerate(texts):
                describe(view, slot, candidates, chosen, element)
                _add_choice(choices, model, slot, candidates, {text}, draw)
        elif candidates:
            describe(view, slot, candidates, chosen)
            _add_choice(choices, model, slot, candidates, set(texts), draw)
        known = [by_text.get(text) or Candidate(text, text) for text in texts]
        chosen.append(_choose(slot, known))
    return choices


def _text(value: Any) -> str:
    return repr(value) if isinstance(value, dict | list) else as_text(value)


def _add_choice(
    choices: list[Choice],
    model: ArgumentModel,
    slot: Slot,
    candidates: list[Candidate],
    texts: set[str],
    draw: random.Random,
) -> None:
    right = [candidate for candidate in candidates if candidate.text in texts]
    if not right or len(candidates) < 2:
        return
    wrong = [candidate for candidate in candidates if candidate.text not in texts]
    if len(wrong) > MAX_RIVALS:
        wrong = draw.sample(wrong, MAX_RIVALS)
    kept = right + wrong
    named = [candidate.features for candidate in kept]
    hashed = slot_features(slot, named, model.bits, model.spec.richness >= 3)
    sizes = np.asarray([len(ids) for ids in hashed], dtype=np.int64)
    choices.append(Choice(np.concatenate(hashed), sizes, np.arange(len(kept)) < len(right)))


def guess(view: View, slot: Slot) -> Candidate | None:
    """Pick a value by rule of thumb: a field of the same name, a known source, the look of a quoted example."""
    names = _field_names(slot.name)
    candidates = [candidate for candidate in gather(view, slot, names) if candidate.text != ABSENT]
    total = sum(slot.sources.values()) or 1
    used = view.used_in(slot)
    best: tuple[float, Candidate] | None = None
    for candidate in candidates:
        score = 0.0
        if candidate.constant:
            words = set(candidate.text.lower().split())
            score = 0.2 + 2.0 * len(words & view.said_by_user) / max(1, len(words))
        for number, origin in candidate.found:
            age = len(view.turns) - 1 - number
            source = origin.path if isinstance(origin, Leaf) else view.turns[number].role
            here = 1.0 + 3.0 * slot.sources.get(source, 0) / total - 0.05 * age
            if isinstance(origin, Leaf) and origin.key in names:
                here += 1.0
            if source == "user":
                here += 0.3
            score = max(score, here)
        score -= min(used[candidate.text], 1)
        if best is None or score > best[0]:
            best = (score, candidate)
    if best is not None and (not slot.optional or best[0] > 1.5):
        return best[1]
    if slot.optional or best is not None:
        return None
    if slot.kind == "string" and EACH not in slot.path:
        return Candidate(view.last_user.text[:200], view.last_user.text[:200])
    return None


def _field_names(name: str) -> tuple[str, ...]:
    singular = name[:-1] if name.endswith("s") else name
    return tuple(dict.fromkeys((name, singular, singular.rsplit("_", 1)[-1])))
