"""How far a window's conversations are from those before it, in the space of the configured embedding model."""

from collections.abc import Sequence
from pathlib import Path
from statistics import median

from include.flywheel.drift.before import ENOUGH_CONVERSATIONS, Before, no_news, seen_before
from include.flywheel.drift.differences import severity
from include.flywheel.drift.result import Drift, Figure, Finding
from include.flywheel.drift.vector_differences import (
    EMBEDDING_LIMITS,
    centroids_differ,
    cliffs_delta,
    pooled,
)
from include.flywheel.drift.vector_history import WindowVectors, keep_vectors, vectors_before
from include.flywheel.drift.vector_sample import SampledVectors
from include.flywheel.records import parse_window


def embedding_drift(sample: SampledVectors, *, start: str, end: str, history: Path, windows: int) -> Drift:
    """Keep the sample of a window and compare it with up to `windows` previous ones of the same embedding model.

    `history` is the workload's; `start` and `end` are ISO times. Returns one finding and, where there was something to
    compare with, one figure. Raises what the embedding model is refused with.
    """
    window, model = parse_window(start, end), sample.model
    if window.start is None or window.end is None:
        return _not_compared("the window has no start or end")
    current = WindowVectors(model, window.start, window.end, sample.sample())
    if not current.conversations:
        return _not_compared("no conversation here has a text")
    keep_vectors(current, history)
    previous, others, notes = vectors_before(current, history, windows)
    if previous:
        compared = compare_vectors(current, previous)
    elif others:
        compared = _not_compared(f"those of earlier windows are of another model than {model}")
    else:
        compared = _not_compared("no earlier window has any")
    return compared.model_copy(update={"notes": notes})


def compare_vectors(current: WindowVectors, previous: Sequence[WindowVectors]) -> Drift:
    """Return how a window differs from the previous ones of the same embedding model, oldest first; at least one.

    The figure shows the same distance for each of the previous windows, from the others.
    """
    before = Before(previous)
    if min(current.conversations, before.conversations) < ENOUGH_CONVERSATIONS:
        return _not_compared(
            f"{current.conversations} conversations here and {before.conversations} in {before.name} are too few"
        )
    mine, others = current.vectors, pooled([window.vectors for window in previous])
    effect = max(cliffs_delta(mine, others), 0.0)
    found = severity(effect, EMBEDDING_LIMITS)
    if found != "none" and not centroids_differ(mine, others):
        found = "none"

    def alike(window: WindowVectors) -> bool:
        near = cliffs_delta(mine, window.vectors) < EMBEDDING_LIMITS[0]
        return near or not centroids_differ(mine, window.vectors)

    told = (
        f"their embeddings ({current.model}) tell one of this window from an earlier one in "
        f"{50 + 50 * effect:.0f} of 100 pairs (50 is guessing)"
    )
    if effect < EMBEDDING_LIMITS[0]:
        said = f"Conversations are like those of {before.name}: {told}."
    elif found == "none":
        said = f"Conversations differ from those of {before.name} by no more than chance: {told}."
    else:
        like = before.like(current, alike)
        found = no_news(found, like)
        said = f"Conversations are unlike those of {before.name}: {told}{seen_before(like)}."
    usual = _usual(previous)
    figure = Figure(name="embedding_distance", current=effect)
    if usual:
        figure = figure.model_copy(update={"median": median(usual), "low": min(usual), "high": max(usual)})
    finding = Finding(topic="embedding", severity=found, effect=effect, sentence=said)
    return Drift(severity=found, findings=[finding], figures=[figure])


def _usual(windows: Sequence[WindowVectors]) -> list[float]:
    """Return the distance of each window from all others together, where both have conversations enough."""
    distances = []
    for window in windows:
        others = [other for other in windows if other is not window]
        if min(window.conversations, sum(o.conversations for o in others)) >= ENOUGH_CONVERSATIONS:
            distance = cliffs_delta(window.vectors, pooled([other.vectors for other in others]))
            distances.append(max(distance, 0.0))
    return distances


def _not_compared(reason: str) -> Drift:
    sentence = f"Embeddings are not compared: {reason}."
    return Drift(findings=[Finding(topic="embedding", severity="none", sentence=sentence)])
