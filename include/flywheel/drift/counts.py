"""How often things occur in the records of a window, and how much that tells when records come in conversations."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, Field, NonNegativeInt

if TYPE_CHECKING:
    import numpy as np

QUANTILES = (5, 25, 50, 75, 95)
#: Bins are a quarter of a doubling wide, everywhere and always: windows of any age can be compared.
BINS_PER_DOUBLING = 4


class Counts(BaseModel):
    """The records, and the conversations, in which each thing occurs.

    Records of one conversation resemble each other. `design_effect` is how many of them tell as much as one that
    stands alone (Kish 1965): `records / design_effect` can be tested as if each stood alone.
    """

    records: dict[str, NonNegativeInt]
    conversations: dict[str, NonNegativeInt]
    design_effect: float = Field(ge=1, allow_inf_nan=False)

    @property
    def effective(self) -> dict[str, float]:
        """The records, as many as they would be if each stood alone."""
        return {name: count / self.design_effect for name, count in self.records.items()}


class Lengths(BaseModel):
    """Lengths in tokens. `quantiles` by percent; `bins`: bin b holds lengths from 2^(b/4) up to 2^((b+1)/4)."""

    quantiles: dict[int, int]
    bins: Counts


def count(names: Sequence[str], codes: Any, conversations: Any) -> Counts:
    """Count records; each has `codes`, a place in `names`, and the number of its conversation (integer arrays)."""
    import numpy as np

    codes = np.asarray(codes, dtype=np.int64)
    _, owners = np.unique(np.asarray(conversations, dtype=np.int64), return_inverse=True)
    pairs, sizes = np.unique(owners * len(names) + codes, return_counts=True)
    owner_of, code_of = np.divmod(pairs, max(len(names), 1))
    records = np.bincount(codes, minlength=len(names))
    found_in = np.bincount(code_of, minlength=len(names))
    return Counts(
        records={name: int(n) for name, n in zip(names, records, strict=True) if n},
        conversations={name: int(n) for name, n in zip(names, found_in, strict=True) if n},
        design_effect=_design_effect(owner_of, code_of, sizes, records),
    )


def lengths(tokens: Any, conversations: Any) -> Lengths:
    """Return quantiles and histogram of lengths (an array of tokens, one for each record)."""
    import numpy as np

    tokens = np.maximum(np.asarray(tokens, dtype=np.int64), 1)
    bins = np.floor(BINS_PER_DOUBLING * np.log2(tokens)).astype(np.int64)
    used, codes = np.unique(bins, return_inverse=True)
    return Lengths(
        quantiles={q: round(float(np.percentile(tokens, q))) for q in QUANTILES},
        bins=count([str(b) for b in used], codes, conversations),
    )


def _design_effect(
    owner: "np.ndarray", code: "np.ndarray", sizes: "np.ndarray", records: "np.ndarray"
) -> float:
    """Return the mean design effect of the shares, as the first-order correction of Rao and Scott (1984) has it.

    The variance of a share is that of a ratio estimated from whole conversations: Σ(n_cj − p_j·n_c)² · C/(C−1) / n².
    Never below 1: a sample is not taken for more than it is.
    """
    import numpy as np

    total = records.sum()
    used = records[records > 0]
    if len(used) < 2:
        return 1.0
    of_owner = np.bincount(owner, weights=sizes)
    owners = len(of_owner)
    if owners < 2:
        return float(total)
    squares = np.bincount(code, weights=sizes.astype(float) ** 2, minlength=len(records))[records > 0]
    crossed = np.bincount(code, weights=sizes * of_owner[owner], minlength=len(records))[records > 0]
    share = used / total
    spread = squares - 2 * share * crossed + share**2 * (of_owner**2).sum()
    # Each share's design effect times (1 − share); `total` turns the variance of a share into that of one record.
    weighted = spread * owners / (owners - 1) / total / share
    return max(1.0, float(weighted.sum() / (len(used) - 1)))


def bin_middle(name: str) -> float:
    """Return the middle of a bin, as the logarithm to base 2 of its tokens."""
    return (int(name) + 0.5) / BINS_PER_DOUBLING


def factor(doublings: float) -> float:
    """Return by how much something grows in so many doublings."""
    return math.pow(2.0, doublings)
