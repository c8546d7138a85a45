"""Whether two samples of vectors lie apart by more than chance, and by how much.

Both look along one line, from one centroid to the other: where topics come and go, or change their shares, the centroid
moves. Samples that differ only in how widely they spread around the same centroid are not told apart.
"""

import numpy as np
from numpy.typing import NDArray

from include.flywheel.drift.differences import SIGNIFICANCE, Limits

Sample = NDArray[np.float32]

#: Cliff's delta: small and medium (Romano et al. 2006). Where a share of the conversations has moved to a topic of its own,
#: it is about that share.
EMBEDDING_LIMITS: Limits = (0.147, 0.33)
#: So many that p can be below the significance: then none of the random divisions lies as far apart as the samples.
_DIVISIONS = round(2 / SIGNIFICANCE) - 1
_SEED = 20251001
#: Of the previous windows together: more hardly makes a difference surer, and costs time.
_MOST_POOLED = 4000
_FOLDS = 5


def pooled(samples: list[Sample]) -> Sample:
    """Put samples together; of many, the first rows of each."""
    each = max(_MOST_POOLED // len(samples), 1)
    return np.concatenate([sample[:each] for sample in samples])


def cliffs_delta(one: Sample, other: Sample) -> float:
    """Return how well rows (5 or more, in random order) of both, n × dimension, are told apart: 0 not at all, 1 always.

    It is 2 · AUC − 1: AUC is the share of pairs in which the row of `one` lies further along the way from the centroid of
    `other` to that of `one`. The way is found without the rows that are judged (cross-validation); by chance the result
    is a little above or below 0.
    """
    from scipy.stats import rankdata

    deltas = []
    for judged, mean, others, mean_of_others in zip(*_folds(one), *_folds(other), strict=True):
        way = mean - mean_of_others
        places = judged @ way, others @ way
        count, against = map(len, places)
        above = rankdata(np.concatenate(places))[:count].sum() - count * (count + 1) / 2
        deltas.append(2 * above / (count * against) - 1)
    return float(np.mean(deltas))


def _folds(sample: Sample) -> tuple[list[Sample], list[Sample]]:
    """Return the rows of each fold, and the mean of the rows of all others."""
    folds = [sample[fold::_FOLDS] for fold in range(_FOLDS)]
    sums = [fold.sum(axis=0) for fold in folds]
    rest = [(sum(sums) - each) / (len(sample) - len(fold)) for each, fold in zip(sums, folds, strict=True)]
    return folds, rest


def centroids_differ(one: Sample, other: Sample) -> bool:
    """Tell whether the centroids lie apart by more than chance: a permutation test of their distance, seeded."""
    rows = np.concatenate([one, other])
    # Without what they have in common sums are small, and exact enough in float32. The distance of the centroids is then
    # proportional to the length of the sum of one side.
    rows -= rows.mean(axis=0)
    sides = np.zeros((_DIVISIONS, len(rows)), np.float32)
    random = np.random.default_rng(_SEED)
    for side in sides:
        side[random.choice(len(rows), len(one), replace=False, shuffle=False)] = 1
    by_chance = np.square(sides @ rows).sum(axis=1)
    observed = float(np.square(rows[: len(one)].sum(axis=0)).sum())
    # What differs by rounding only counts as equally far.
    as_far = int((by_chance >= observed * (1 - 1e-5)).sum())
    return (1 + as_far) / (1 + _DIVISIONS) < SIGNIFICANCE
