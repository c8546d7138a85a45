"""Tools that are new or gone, and in what proportions they are called."""

from collections.abc import Iterator, Sequence

from include.flywheel.drift.before import ENOUGH_CONVERSATIONS, Before, no_news, percent, seen_before
from include.flywheel.drift.differences import (
    MIX_LIMITS,
    differs,
    mix_distance,
    more_than_rare,
    severity,
    shares_differ,
)
from include.flywheel.drift.result import Finding
from include.flywheel.drift.statistics import WindowStatistics

#: How many tools a sentence names.
_NAMED = 5
#: A share of the calls: a new or gone tool below it is no strong finding. Ours.
_STRONG_SHARE = 0.01


def tool_findings(current: WindowStatistics, before: Before) -> Iterator[Finding]:
    """Yield what there is to say of the tools called; nothing where neither side calls any."""
    pooled = before.pooled(lambda window: window.tools.effective)
    if not pooled and not current.tools.records:
        return
    if min(current.conversations, before.conversations) < ENOUGH_CONVERSATIONS:
        yield Finding(
            topic="tool_mix",
            severity="none",
            sentence=f"Tools are not compared: {current.conversations} conversations here and {before.conversations} in "
            f"{before.name} are too few.",
        )
        return
    yield from _new_tools(current, before)
    yield from _gone_tools(current, before)
    yield _mix(current, before, pooled)


def _new_tools(current: WindowStatistics, before: Before) -> Iterator[Finding]:
    known = before.pooled(lambda window: window.tools.conversations)
    new = {name: n for name, n in current.tools.records.items() if name not in known}
    if not new:
        return
    total = sum(current.tools.records.values())
    share = sum(new.values()) / total
    telling = more_than_rare(
        sum(current.tools.conversations[name] for name in new),
        current.conversations,
        sum(1 for conversations in known.values() if conversations == 1),
        before.conversations,
    )
    listed = _listed([(name, n / total) for name, n in new.items()])
    if telling:
        said = f"{listed}. Together they are {percent(share)} of the calls" if len(new) > 1 else listed
        yield Finding(
            topic="new_tools",
            severity="strong" if share >= _STRONG_SHARE else "notice",
            effect=share,
            sentence=f"New, not called in {before.name}: {said}.",
        )
    else:
        yield Finding(
            topic="new_tools",
            severity="none",
            effect=share,
            sentence=f"Not called in {before.name}, but no more often than rare tools turn up: {listed}.",
        )


def _gone_tools(current: WindowStatistics, before: Before) -> Iterator[Finding]:
    known = before.pooled(lambda window: window.tools.conversations)
    records = before.pooled(lambda window: window.tools.records)
    gone = [
        name
        for name, conversations in known.items()
        if name not in current.tools.records
        and shares_differ((0, current.conversations), (conversations, before.conversations), tests=len(known))
    ]
    if not gone:
        return
    total = sum(records.values())
    share = sum(records[name] for name in gone) / total
    like = before.like(current, lambda window: not any(name in window.tools.records for name in gone))
    found = "strong" if share >= _STRONG_SHARE else "notice"
    yield Finding(
        topic="gone_tools",
        severity=no_news(found, like),  # type: ignore[arg-type]
        effect=share,
        sentence=f"No longer called: {_listed([(name, records[name] / total) for name in gone])} of the calls in "
        f"{before.name}{seen_before(like)}.",
    )


def _mix(current: WindowStatistics, before: Before, pooled: dict[str, float]) -> Finding:
    mine = current.tools.effective
    distance = mix_distance(mine, pooled)
    measured = f"Jensen–Shannon distance {distance:.2f}"

    def differ(other: dict[str, float]) -> bool:
        together = {name: mine.get(name, 0.0) + other.get(name, 0.0) for name in {*mine, *other}}
        # The rarest last: those are put together for the test.
        return differs(mine, other, sorted(together, key=lambda name: (-together[name], name)))

    found = severity(distance, MIX_LIMITS) if differ(pooled) else "none"
    if found == "none":
        return Finding(
            topic="tool_mix",
            severity="none",
            effect=distance,
            sentence=f"Tools are called in the proportions of {before.name} ({measured}, within chance or small).",
        )
    like = before.like(
        current,
        lambda window: (
            mix_distance(mine, window.tools.effective) < MIX_LIMITS[0] or not differ(window.tools.effective)
        ),
    )
    return Finding(
        topic="tool_mix",
        severity=no_news(found, like),
        effect=distance,
        sentence=f"Tools are called in other proportions than in {before.name} ({measured}): {_moved(mine, pooled)}"
        f"{seen_before(like)}.",
    )


def _moved(mine: dict[str, float], pooled: dict[str, float]) -> str:
    here, there = sum(mine.values()) or 1.0, sum(pooled.values()) or 1.0
    shares = {name: (pooled.get(name, 0) / there, mine.get(name, 0) / here) for name in {*mine, *pooled}}
    most = sorted(shares, key=lambda name: (-abs(shares[name][0] - shares[name][1]), name))[:3]
    return ", ".join(f"{name} {percent(shares[name][0])} → {percent(shares[name][1])}" for name in most)


def _listed(shares: Sequence[tuple[str, float]]) -> str:
    most = sorted(shares, key=lambda each: (-each[1], each[0]))
    named = ", ".join(f"{name} ({percent(share)})" for name, share in most[:_NAMED])
    return named + (f" and {len(most) - _NAMED} more" if len(most) > _NAMED else "")
