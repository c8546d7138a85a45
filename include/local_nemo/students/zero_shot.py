"""Choose a tool without training: by the words that its definition shares with the conversation, and by examples."""

import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from math import log

from include.local_nemo.students.catalogue import StudentSpec
from include.local_nemo.students.conversation import Call, Conversation, Tool
from include.local_nemo.students.examples import Example
from include.local_nemo.students.features import context_features
from include.local_nemo.students.linear import Features
from include.local_nemo.students.shapes import shape_of
from include.local_nemo.students.values import COMMON_WORDS

TOOLSET_CACHE = 64
NAME_WEIGHT = 3.0
ARGUMENT_WEIGHT = 1.0
DESCRIPTION_WEIGHT = 0.5
REPEAT_PENALTY = 0.5
MORE_WORK_BONUS = 0.15
EXAMPLE_WEIGHT = 0.8
EXAMPLE_LIKENESS = {1: 0.7, 2: 0.4, 3: 0.35}
"""How alike an example must be to count, by richness: what unrelated conversations of one log hardly reach."""

_PART = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|\d+")


def stems_of(text: str) -> list[str]:
    """Split a text or an identifier into crude word stems, without the commonest words."""
    stems = []
    for part in _PART.findall(text):
        word = part.lower()
        if word not in COMMON_WORDS:
            stems.append(_stem(word))
    return stems


def _stem(word: str) -> str:
    for ending in ("ing", "ed", "es", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)].rstrip("e")
    return word.rstrip("e") if len(word) > 3 else word


@lru_cache(maxsize=TOOLSET_CACHE)
def _vectors(tools: tuple[tuple[str, str, tuple[str, ...]], ...]) -> dict[str, dict[str, float]]:
    raw: dict[str, dict[str, float]] = {}
    for name, description, arguments in tools:
        weights: dict[str, float] = {}
        for stem in stems_of(description):
            weights[stem] = max(weights.get(stem, 0.0), DESCRIPTION_WEIGHT)
        for argument in arguments:
            for stem in stems_of(argument):
                weights[stem] = max(weights.get(stem, 0.0), ARGUMENT_WEIGHT)
        for stem in stems_of(name):
            weights[stem] = NAME_WEIGHT
        raw[name] = weights
    counts = Counter(stem for weights in raw.values() for stem in weights)
    vectors = {}
    for name, weights in raw.items():
        scaled = {stem: weight * log(1 + len(raw) / counts[stem]) for stem, weight in weights.items()}
        norm = sum(weight * weight for weight in scaled.values()) ** 0.5 or 1.0
        vectors[name] = {stem: weight / norm for stem, weight in scaled.items()}
    return vectors


def tool_vectors(tools: dict[str, Tool]) -> dict[str, dict[str, float]]:
    """Return the weighted word stems of every tool, of length 1; computed once per set of tools."""
    return _vectors(
        tuple((tool.name, tool.description, tuple(map(str, tool.properties))) for tool in tools.values())
    )


def zero_shot_scores(
    conversation: Conversation, examples: Sequence[Example], spec: StudentSpec
) -> dict[str, float]:
    """Score the tools on offer for the next call; 0 means that nothing speaks for a tool."""
    vectors = tool_vectors(conversation.tools)
    query = _query(conversation, spec)
    norm = sum(weight * weight for weight in query.values()) ** 0.5 or 1.0
    scores = {
        name: sum(weight * query.get(stem, 0.0) for stem, weight in vector.items()) / norm
        for name, vector in vectors.items()
    }
    if spec.richness >= 3 and conversation.turns and conversation.turns[-1].role == "tool":
        last = next((turn.calls[-1] for turn in reversed(conversation.turns) if turn.calls), None)
        if last is not None and last.name in scores:
            scores[last.name] += MORE_WORK_BONUS if _has_more_work(conversation, last) else -REPEAT_PENALTY
    if examples:
        here = context_features(conversation, spec)
        for example in examples:
            if example.calls and example.calls[0].name in scores:
                alike = cosine(here, context_features(example.conversation, spec))
                bonus = EXAMPLE_WEIGHT * max(0.0, alike - EXAMPLE_LIKENESS[spec.richness])
                scores[example.calls[0].name] += bonus
    return scores


def _has_more_work(conversation: Conversation, last: Call) -> bool:
    """Tell whether outputs hold values like the last call's arguments that no call has used yet."""
    used = {leaf.value for turn in conversation.turns if turn.calls for leaf in turn.leaves}
    shapes = {shape_of(value) for value in last.arguments.values() if isinstance(value, str)}
    return any(
        leaf.identifier and leaf.value not in used
        for turn in conversation.turns
        if turn.role == "tool"
        for shape in shapes
        for leaf in turn.leaves_by_shape.get(shape, ())
    )


def _query(conversation: Conversation, spec: StudentSpec) -> dict[str, float]:
    query: dict[str, float] = {}
    weight = 1.0
    for turn in reversed(conversation.turns[-spec.richness :]):
        text = turn.text[:2000] if turn.role != "tool" else f"{turn.source} {' '.join(turn.keys)}"
        for stem in stems_of(text):
            query[stem] = max(query.get(stem, 0.0), weight)
        weight *= 0.6
    return query


def cosine(one: Features, other: Features) -> float:
    """Return the cosine of two sparse feature vectors with sorted numbers."""
    right = dict(zip(other[0].tolist(), other[1].tolist(), strict=True))
    dot = sum(
        value * right.get(feature, 0.0)
        for feature, value in zip(one[0].tolist(), one[1].tolist(), strict=True)
    )
    norms = float((one[1] @ one[1]) * (other[1] @ other[1])) ** 0.5
    return dot / norms if norms else 0.0
