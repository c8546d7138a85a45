"""Whether two samples differ by more than chance (`differs`), and by how much (the rest).

An alarm needs both: with many records any difference is more than chance, with few a big one may be nothing else.
"""

import math
from collections.abc import Mapping, Sequence

from include.flywheel.drift.counts import bin_middle
from include.flywheel.drift.result import Severity

#: A nightly run makes some 2,500 comparisons a year: of what is only chance, about two pass.
SIGNIFICANCE = 0.001
#: Cochran's rule for chi-square tests: expected counts below it are put together with their neighbours.
_LEAST_EXPECTED = 5.0

#: From where on a change is a notice, and a strong one.
Limits = tuple[float, float]
#: The Jensen–Shannon distances at which the population stability index is 0.1 and 0.25, where credit scoring sees a minor and
#: a major shift (Siddiqi 2006): for small changes the index is 8 times the divergence in nats. Unlike it, the distance
#: has a value where a tool is new, and lies between 0 and 1.
MIX_LIMITS: Limits = (0.134, 0.212)
#: Cohen's h of two shares: small and medium (Cohen 1988). From 0 to 1 % it is 0.2, from 10 to 27 % 0.45.
SHARE_LIMITS: Limits = (0.2, 0.5)
#: Doublings of a length: 15 % and 41 %. Ours: a context grows or a prompt is rewritten rather by more than that.
LENGTH_LIMITS: Limits = (0.2, 0.5)
#: How many times more or less. Ours.
VOLUME_LIMITS: Limits = (1.5, 2.0)


def severity(effect: float, limits: Limits) -> Severity:
    """Return what a change of this size is, if it is more than chance."""
    notice, strong = limits
    return "strong" if effect >= strong else "notice" if effect >= notice else "none"


def mix_distance(one: Mapping[str, float], other: Mapping[str, float]) -> float:
    """Return the Jensen–Shannon distance (base 2) of two mixes, given as counts: 0 equal, 1 nothing in common."""
    from scipy.spatial.distance import jensenshannon

    names = sorted({*one, *other})
    distance = jensenshannon(_values(one, names), _values(other, names), base=2)
    # Rounding leaves the root of a tiny negative number for equal mixes.
    return 0.0 if math.isnan(distance) else float(distance)


def length_shift(one: Mapping[str, float], other: Mapping[str, float]) -> float:
    """Return by how many doublings two histograms of lengths lie apart (the Wasserstein distance of the logarithms)."""
    from scipy.stats import wasserstein_distance

    names = sorted({*one, *other}, key=int)
    middles = [bin_middle(name) for name in names]
    return float(wasserstein_distance(middles, middles, _values(one, names), _values(other, names)))


def share_change(one: float, other: float) -> float:
    """Return Cohen's h of two shares, without its sign."""
    return abs(2 * math.asin(math.sqrt(one)) - 2 * math.asin(math.sqrt(other)))


def differs(one: Mapping[str, float], other: Mapping[str, float], names: Sequence[str]) -> bool:
    """Tell whether two samples differ by more than chance (chi-square); counts of independent records, not whole ones.

    Neighbours in `names` are put together until each group can be tested.
    """
    from scipy.stats import chi2_contingency

    first, second = _values(one, names), _values(other, names)
    total = sum(first) + sum(second)
    smaller = min(sum(first), sum(second))
    if not smaller:
        return False
    groups: list[list[float]] = []
    ready = True
    for pair in zip(first, second, strict=True):
        if ready:
            groups.append([0.0, 0.0])
        groups[-1] = [have + more for have, more in zip(groups[-1], pair, strict=True)]
        ready = sum(groups[-1]) * smaller / total >= _LEAST_EXPECTED
    if not ready and len(groups) > 1:
        last = groups.pop()
        groups[-1] = [have + more for have, more in zip(groups[-1], last, strict=True)]
    if len(groups) < 2:
        return False
    table = [[group[side] for group in groups] for side in (0, 1)]
    return bool(chi2_contingency(table, correction=False).pvalue < SIGNIFICANCE)


def shares_differ(one: tuple[float, float], other: tuple[float, float], tests: int = 1) -> bool:
    """Tell whether two shares, given as (part, whole), differ by more than chance when so many are looked at (Fisher)."""
    from scipy.stats import fisher_exact

    table = [[round(part), max(round(whole) - round(part), 0)] for part, whole in (one, other)]
    return bool(fisher_exact(table).pvalue < SIGNIFICANCE / tests)


def rates_differ(one: tuple[float, float], other: tuple[float, float]) -> bool:
    """Tell whether two rates, given as (events, days), differ by more than chance."""
    from scipy.stats import binomtest

    events = round(one[0]) + round(other[0])
    return bool(
        events and binomtest(round(one[0]), events, one[1] / (one[1] + other[1])).pvalue < SIGNIFICANCE
    )


def _values(counts: Mapping[str, float], names: Sequence[str]) -> list[float]:
    return [counts.get(name, 0.0) for name in names]
