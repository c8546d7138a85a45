"""Compare a window with those before it."""

from collections.abc import Callable, Iterator, Sequence
from statistics import median

from include.flywheel.drift.before import ENOUGH_CONVERSATIONS, Before, no_news, percent, seen_before
from include.flywheel.drift.counts import Lengths, bin_middle, factor
from include.flywheel.drift.differences import (
    LENGTH_LIMITS,
    SHARE_LIMITS,
    VOLUME_LIMITS,
    differs,
    length_shift,
    rates_differ,
    severity,
    share_change,
    shares_differ,
)
from include.flywheel.drift.figures import figures
from include.flywheel.drift.result import Drift, Finding, Span, Topic, gravest_first
from include.flywheel.drift.statistics import WindowStatistics
from include.flywheel.drift.tools import tool_findings

#: Volume has a weekly rhythm: windows that do not cover a week have not seen it.
_WEEK_DAYS = 7.0


def compare_windows(current: WindowStatistics, previous: Sequence[WindowStatistics]) -> Drift:
    """Return how a window differs from the previous ones of the same workload, oldest first; without any, that.

    A change that one previous window had as well is no strong finding: it came earlier, or comes and goes.
    """
    found: list[Finding] = []
    if previous:
        before = Before(previous)
        found = [
            *_workload_type(current, previous[-1]),
            _volume(current, before),
            *tool_findings(current, before),
            *_length("prompt_length", "Prompts", lambda window: window.prompt_tokens, current, before),
            *_length("answer_length", "Answers", lambda window: window.answer_tokens, current, before),
            *_set_aside(current, before),
        ]
    findings = gravest_first(found)
    return Drift(
        severity=findings[0].severity if findings else "none",
        findings=findings,
        figures=figures(current, previous),
        previous=[Span(start=w.start.isoformat(), end=w.end.isoformat()) for w in previous],
    )


def _workload_type(current: WindowStatistics, last: WindowStatistics) -> Iterator[Finding]:
    if current.workload_type != last.workload_type:
        yield Finding(
            topic="workload_type",
            severity="strong",
            sentence=f"The workload was {last.workload_type} in the window before and is {current.workload_type} now.",
        )


def _volume(current: WindowStatistics, before: Before[WindowStatistics]) -> Finding:
    """Compare the rate with the median, and with every single window: what one of them had is usual."""
    rates = [window.records_per_day for window in before.windows]
    ratio = current.records_per_day / median(rates)

    def usual(window: WindowStatistics) -> bool:
        near = _times(current.records_per_day / window.records_per_day) < VOLUME_LIMITS[0]
        return near or not rates_differ(_independent(current), _independent(window))

    found = severity(_times(ratio), VOLUME_LIMITS)
    if any(usual(window) for window in before.windows):
        found = "none"
    covered = (current.start - before.windows[0].start).total_seconds() / 86400
    unsure = ""
    if found == "strong" and covered < _WEEK_DAYS:
        found = "notice"
        unsure = f". They cover {covered:.1f} days, too few to know the rhythm of a week"
    among = "" if found != "none" else ", which is usual" if len(rates) > 1 else ""
    return Finding(
        topic="volume",
        severity=found,
        effect=ratio,
        sentence=f"The volume of {current.records_per_day:,.0f} records a day is {ratio:.2g} × "
        f"{'that' if len(rates) == 1 else 'the median'} of {before.name}{among}{unsure}.",
    )


def _length(
    topic: Topic,
    what: str,
    lengths_of: Callable[[WindowStatistics], Lengths | None],
    current: WindowStatistics,
    before: Before[WindowStatistics],
) -> Iterator[Finding]:
    """Compare lengths, where both sides have them and conversations enough."""

    def bins(window: WindowStatistics) -> dict[str, float]:
        known = lengths_of(window)
        return known.bins.effective if known else {}

    mine, pooled = bins(current), before.pooled(bins)
    here = lengths_of(current)
    if not here or not pooled or min(current.conversations, before.conversations) < ENOUGH_CONVERSATIONS:
        return
    shift = length_shift(mine, pooled)
    usual = round(median(known.quantiles[50] for w in before.windows if (known := lengths_of(w))))
    medians = f"the median is {here.quantiles[50]:,} tokens, {usual:,} in {before.name}"

    def differ(other: dict[str, float]) -> bool:
        return differs(mine, other, sorted({*mine, *other}, key=int))

    found = severity(shift, LENGTH_LIMITS) if differ(pooled) else "none"
    if found == "none":
        yield Finding(
            topic=topic,
            severity="none",
            effect=shift,
            sentence=f"{what} have not clearly changed in length: {medians}.",
        )
        return
    like = before.like(
        current,
        lambda window: (
            bool(bins(window))
            and (length_shift(mine, bins(window)) < LENGTH_LIMITS[0] or not differ(bins(window)))
        ),
    )
    moved = _mean(mine) - _mean(pooled)
    how = "longer" if moved > shift / 2 else "shorter" if -moved > shift / 2 else "spread otherwise in length"
    yield Finding(
        topic=topic,
        severity=no_news(found, like),
        effect=shift,
        sentence=f"{what} are {how}: {medians} (moved by {factor(shift):.2g} ×){seen_before(like)}.",
    )


def _set_aside(current: WindowStatistics, before: Before[WindowStatistics]) -> Iterator[Finding]:
    """Compare the share of each reason; a conversation counts once, as if its records shared one fate."""
    reasons = sorted({*current.refused, *(reason for window in before.windows for reason in window.refused)})

    def part(window: WindowStatistics, reason: str) -> tuple[float, float]:
        return (
            window.refused.get(reason, 0) / window.records_per_conversation,
            window.judged / window.records_per_conversation,
        )

    for reason in reasons:
        mine, each = part(current, reason), [part(window, reason) for window in before.windows]
        pooled = sum(p for p, _ in each), sum(whole for _, whole in each)
        here, there = mine[0] / mine[1], pooled[0] / pooled[1]
        effect = share_change(here, there)
        found = severity(effect, SHARE_LIMITS)
        if found == "none" or not shares_differ(mine, pooled, tests=len(reasons)):
            continue

        def alike(window: WindowStatistics, mine: tuple[float, float] = mine, reason: str = reason) -> bool:
            other = part(window, reason)
            small = share_change(mine[0] / mine[1], other[0] / other[1]) < SHARE_LIMITS[0]
            return small or not shares_differ(mine, other, tests=len(reasons))

        like = before.like(current, alike)
        yield Finding(
            topic="set_aside",
            severity=no_news(found, like),
            effect=effect,
            sentence=f"{percent(here)} of the records are set aside as {reason}, {percent(there)} in {before.name}"
            f"{seen_before(like)}.",
        )


def _independent(window: WindowStatistics) -> tuple[float, float]:
    """Return how many independent events came in how many days: conversations, those that were set aside included."""
    return window.exported / window.records_per_conversation, window.days


def _times(ratio: float) -> float:
    return max(ratio, 1 / ratio)


def _mean(bins: dict[str, float]) -> float:
    return sum(bin_middle(name) * n for name, n in bins.items()) / sum(bins.values())
