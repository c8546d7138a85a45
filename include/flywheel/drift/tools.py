"""Tools that are new or gone, and in what proportions they are called."""

from collections.abc import Iterator, Sequence

from include.flywheel.drift.before import ENOUGH_CONVERSATIONS, Before, no_news, percent, seen_before
from include.flywheel.drift.differences import (
    MIX_LIMITS,
    SIGNIFICANCE,
    differs,
    mix_distance,
    severity,
    shares_differ,
)
from include.flywheel.drift.result import Finding, Severity
from include.flywheel.drift.statistics import WindowStatistics
from include.flywheel.drift.unseen import one_tool_by_chance, together_by_chance

#: How many tools a sentence names.
_NAMED = 5
#: A share of the calls: a new or gone tool below it is no strong finding. Ours.
_STRONG_SHARE = 0.01
#: For a notice. A new tool is what a model in production cannot call: better told in the first window than surely.
_NEW_TOOL_SIGNIFICANCE = 0.01


def tool_findings(current: WindowStatistics, before: Before[WindowStatistics]) -> Iterator[Finding]:
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
    if pooled and current.tools.records:
        yield _mix(current, before, pooled)


def _new_tools(current: WindowStatistics, before: Before[WindowStatistics]) -> Iterator[Finding]:
    """Tell a tool that is new by itself strongly, those that are it only together with a notice.

    Together they may be one rare matter that needs several tools and has turned up in one conversation.
    """
    known = before.pooled(lambda window: window.tools.conversations)
    mine = current.tools.conversations
    new = [name for name in mine if name not in known]
    if not new:
        return
    heap = (
        [int(mine.get(name, 0) + known.get(name, 0)) for name in {*mine, *known}],
        current.conversations,
        before.conversations,
    )
    total = sum(current.tools.records.values())
    share = sum(current.tools.records[name] for name in new) / total
    listed = _listed([(name, current.tools.records[name] / total) for name in new])
    alone = one_tool_by_chance(max(mine[name] for name in new), *heap)
    together = together_by_chance(sum(mine[name] for name in new), *heap)
    found: Severity = "notice" if min(alone, together) < _NEW_TOOL_SIGNIFICANCE else "none"
    if alone < SIGNIFICANCE and share >= _STRONG_SHARE:
        found = "strong"
    if found == "none":
        said = f"Not called in {before.name}, but no more often than rare tools turn up: {listed}."
    elif len(new) == 1:
        said = f"New, not called in {before.name}: {listed} of the calls."
    else:
        said = f"New, not called in {before.name}: {listed}; together {percent(share)} of the calls."
    yield Finding(topic="new_tools", severity=found, effect=share, sentence=said)


def _gone_tools(current: WindowStatistics, before: Before[WindowStatistics]) -> Iterator[Finding]:
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
    found: Severity = "strong" if share >= _STRONG_SHARE else "notice"
    yield Finding(
        topic="gone_tools",
        severity=no_news(found, like),
        effect=share,
        sentence=f"No longer called: {_listed([(name, records[name] / total) for name in gone])} of the calls in "
        f"{before.name}{seen_before(like)}.",
    )


def _mix(current: WindowStatistics, before: Before[WindowStatistics], pooled: dict[str, float]) -> Finding:
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
