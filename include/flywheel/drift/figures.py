"""The numbers of a window beside those of the previous ones."""

from collections.abc import Callable, Iterator, Sequence
from statistics import median

from include.flywheel.drift.result import Figure
from include.flywheel.drift.statistics import WindowStatistics


def figures(current: WindowStatistics, previous: Sequence[WindowStatistics]) -> list[Figure]:
    """Return the numbers that a reader compares; one that this window does not have is left out."""
    return [figure for name, read in _FIGURES.items() for figure in _figure(name, read, current, previous)]


def _figure(
    name: str,
    read: Callable[[WindowStatistics], float | None],
    current: WindowStatistics,
    previous: Sequence[WindowStatistics],
) -> Iterator[Figure]:
    here = read(current)
    if here is None:
        return
    there = [value for window in previous if (value := read(window)) is not None]
    figure = Figure(name=name, current=here)
    yield figure.model_copy(
        update={"median": median(there), "low": min(there), "high": max(there)} if there else {}
    )


def _share_set_aside(window: WindowStatistics) -> float:
    return sum(window.refused.values()) / window.judged


_FIGURES: dict[str, Callable[[WindowStatistics], float | None]] = {
    "records_per_day": lambda window: window.records_per_day,
    "conversations_per_day": lambda window: window.conversations / window.days,
    "records_per_conversation": lambda window: window.records_per_conversation,
    "tools_called": lambda window: len(window.tools.records) or None,
    "prompt_tokens_p50": lambda window: window.prompt_tokens.quantiles[50],
    "prompt_tokens_p95": lambda window: window.prompt_tokens.quantiles[95],
    "answer_tokens_p50": lambda window: window.answer_tokens.quantiles[50] if window.answer_tokens else None,
    "share_set_aside": _share_set_aside,
    "share_duplicate": lambda window: window.refused.get("duplicate", 0) / window.judged,
}
