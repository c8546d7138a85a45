"""What speaks for each value that could fill a slot: where it stands, how it was used, which words are near it."""

from collections import Counter
from collections.abc import Sequence

from include.local_nemo.students.candidates import ABSENT, Candidate, Chosen, View
from include.local_nemo.students.slots import Slot
from include.local_nemo.students.values import COMMON_WORDS, Leaf

CONSTANT_WORDS = 40
EQUAL = 1e-9


def describe(
    view: View, slot: Slot, candidates: list[Candidate], chosen: Sequence[Chosen], element: int | None = None
) -> None:
    """Name the features of every candidate; `element` is the place in the list for an aligned slot."""
    used = view.used_in(slot)
    last = len(view.turns) - 1
    fresh: set[str] = set()
    matches = [_Match(view, candidate) for candidate in candidates]
    rarity = _rarity(matches)
    scores = [match.scores(rarity) for match in matches]
    best = [max((score[part] for score in scores), default=0.0) for part in range(4)]
    alone = [sum(score[part] >= best[part] - EQUAL for score in scores) == 1 for part in range(4)]
    for candidate, score in zip(candidates, scores, strict=True):
        names = candidate.features = []
        if candidate.text == ABSENT:
            names.append("absent")
            names.append(f"absent&{view.last_tool}")
            names.extend(f"absent&u:{word}" for word in view.last_user.words[:CONSTANT_WORDS])
            continue
        if candidate.constant:
            names.append(f"const={candidate.text}")
            if view.spec.richness >= 2:
                names.append(f"const={candidate.text}&{view.last_tool}")
                names.extend(
                    f"const={candidate.text}&u:{word}" for word in set(view.last_user.words[:CONSTANT_WORDS])
                )
            if view.spec.richness >= 3:
                names.extend(f"const={candidate.text}&h:{word}" for word in list(view.said_ever)[:80])
            folded = candidate.text.casefold()
            names.append(f"const.said={folded in view.last_user.text.casefold()}")
            names.append(f"const.asked={folded in view.last_asked.text.casefold()}")
        times = used[candidate.text]
        names.append(f"used={min(times, 2)}")
        names.append(f"lately={candidate.text in view.last_used}")
        origins = set()
        for number, origin in candidate.found:
            age = last - number
            if isinstance(origin, Leaf):
                signature = origin.path
                names.append(f"{signature}@{min(origin.index, 3)}")
                if view.spec.richness >= 2:
                    names.extend(f"{signature}&{sibling}" for sibling in origin.siblings[:4])
                if times == 0 and view.spec.richness >= 3:
                    if signature not in fresh:
                        fresh.add(signature)
                        names.append(f"first fresh {signature}")
                    names.append(f"fresh {signature}")
            else:
                signature = f"{view.turns[number].role}:{origin.shape}"
                names.append(f"{view.turns[number].role} before={origin.before}")
                names.append(f"{view.turns[number].role} said, used={min(times, 2)}")
            origins.add(signature)
            names.append(signature)
            names.append(f"{signature}#{min(view.ranks[number], 3)}")
            names.append(f"{view.turns[number].role} age={min(age, 6)}")
        if view.spec.richness >= 2:
            names.append(f"origins={'+'.join(sorted({origin.split(':')[0] for origin in origins}))}")
            _describe_matches(names, score, best, alone)
        if view.spec.richness >= 3:
            _describe_company(names, candidate, chosen, element)
        candidate.features = list(dict.fromkeys(names))


class _Match:
    """Which recent words speak of the object that a candidate belongs to."""

    def __init__(self, view: View, candidate: Candidate) -> None:
        context: set[str] = set()
        outer: set[str] = set()
        for _, origin in candidate.found:
            if isinstance(origin, Leaf):
                context |= origin.context
                outer |= origin.outer
        self.words = context
        self.freshness = view.freshness
        self.parts = (
            context & view.said_by_user,
            context & view.asked,
            context & view.said_ever,
            outer & (view.said_by_user | view.asked),
        )

    def scores(self, rarity: dict[str, float]) -> list[float]:
        user, asked, ever, outer = (
            {word: rarity.get(word, 0.1) for word in part if word not in COMMON_WORDS} for part in self.parts
        )
        recent = sum(weight * self.freshness[word] for word, weight in ever.items())
        return [sum(user.values()), sum(asked.values()), recent, sum(outer.values())]


def _rarity(matches: list[_Match]) -> dict[str, float]:
    counts: Counter[str] = Counter()
    for match in matches:
        counts.update(match.words)
    return {word: 1.0 / count for word, count in counts.items()}


def _describe_matches(names: list[str], score: list[float], best: list[float], alone: list[bool]) -> None:
    for part, label in enumerate(("user", "asked", "ever", "outer")):
        if best[part] <= 0:
            names.append(f"match {label} none")
        elif score[part] >= best[part] - EQUAL:
            names.append(f"match {label} best")
            if alone[part]:
                names.append(f"match {label} alone")
        else:
            names.append(f"match {label} {int(4 * score[part] / best[part])}")


def _describe_company(
    names: list[str], candidate: Candidate, chosen: Sequence[Chosen], element: int | None
) -> None:
    objects = set(candidate.places)
    turns = {turn for turn, _ in objects}
    for other in chosen:
        label = other.slot.name
        if candidate.text in other.texts:
            names.append(f"same as {label}")
        picked = other.places
        if element is not None and other.slot.listed:
            picked = other.places[element : element + 1]
            if element < len(other.texts) and candidate.text == other.texts[element]:
                names.append(f"same element as {label}")
        near = {place for places in picked for place in places}
        if any(place in near and place[1] >= 0 for place in objects):
            names.append(f"object of {label}")
        if turns & {turn for turn, _ in near}:
            names.append(f"turn of {label}")
        else:
            names.append(f"apart from {label}")
