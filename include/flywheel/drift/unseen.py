"""Whether tools that were not seen before are new, or only rare.

If nothing has changed, the conversations of this window and of the previous ones are one heap, dealt out by chance. A tool
that occurs in T of them then has all T in this window with a known probability: what is new must be more than that.
"""

import math
from collections.abc import Sequence

#: Sums are followed up to here; more is rarer still.
_MOST = 200


def only_here(total: int, here: int, before: int) -> float:
    """Return the probability that all `total` conversations with a tool are among the `here` of this window."""
    chance = 1.0
    for dealt in range(min(total, here + 1)):
        chance *= (here - dealt) / (here + before - dealt)
        if chance < 1e-15:
            return 0.0
    return chance


def one_tool_by_chance(most: int, totals: Sequence[int], here: int, before: int) -> float:
    """Return the probability that some tool has at least `most` conversations, all of them in this window.

    `totals` are the conversations with each tool, of this window and the previous ones.
    """
    chances = [only_here(total, here, before) for total in totals if total >= most]
    return 1.0 - math.prod(1.0 - chance for chance in chances)


def together_by_chance(together: int, totals: Sequence[int], here: int, before: int) -> float:
    """Return the probability that the tools only in this window add up to so many conversations or more.

    Tools are taken as independent: those that occur in the same conversations make it too small.
    """
    limit = min(together, _MOST)
    # By number of conversations; the last place is `limit` or more.
    chances = [1.0] + [0.0] * limit
    for total in totals:
        chance = only_here(total, here, before)
        if chance:
            moved = [0.0] * (limit + 1)
            for number, probability in enumerate(chances):
                moved[min(number + total, limit)] += probability * chance
            chances = [p * (1 - chance) + more for p, more in zip(chances, moved, strict=True)]
    return chances[limit]
