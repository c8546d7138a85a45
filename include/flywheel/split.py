"""Which conversations are evaluated, validated and trained on: decided by a hash, never by a shuffle.

A conversation is on the side of the evaluation when its place, a number in [0, 1) that follows from itself and the seed
alone, lies below a share. The share is one of a few steps (`SHARES`), the smallest that holds enough records: other logs
of about the same size move nobody, and what was evaluated all the same is remembered (`registry`).
"""

from typing import Literal, NamedTuple

import numpy as np

from include.flywheel.config_sections import DataSplitConfig
from include.flywheel.errors import NotEnoughRecordsError
from include.flywheel.records import digest

Side = Literal["train", "validation", "eval"]

#: Shares of the conversations that can be on the side of the evaluation.
SHARES = tuple(sorted(numerator / 2**power for power in range(4, 18) for numerator in (5, 6, 7, 8)))


class Split(NamedTuple):
    """The conversations, by position: those of the eval side in the order in which the eval set takes them, validation."""

    eval_side: np.ndarray
    validation: np.ndarray


def places(keys: np.ndarray, seed: int | None, use: str) -> np.ndarray:
    """Return each conversation's place in [0, 1), shape of the keys (uint64): the same whatever else is logged.

    `use` keeps the places of different decisions apart. The mixing is the finalizer of SplitMix64 (Steele et al., 2014).
    """
    salt = int.from_bytes(digest(f"{use}:{'' if seed is None else seed}".encode())[:8], "big")
    mixed = keys ^ np.uint64(salt)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    mixed ^= mixed >> np.uint64(31)
    return (mixed >> np.uint64(11)).astype(np.float64) / 2**53


def within_limit(keys: np.ndarray, sizes: np.ndarray, limit: int | None, seed: int | None) -> np.ndarray:
    """Return which whole conversations, first in order first, have together at most `limit` records (None: all)."""
    within = np.ones(len(keys), dtype=bool)
    if limit is not None and int(sizes.sum()) > limit:
        within[:] = False
        within[fill(np.argsort(places(keys, seed, "limit")), sizes, limit)] = True
    return within


def split_conversations(
    keys: np.ndarray, sizes: np.ndarray, settings: DataSplitConfig, *, newest: np.ndarray | None = None
) -> Split:
    """Divide conversations, given by keys (uint64) and numbers of records, into eval side, validation and training.

    The eval side is the smallest share of `SHARES` that has `eval_size` records, but at most half of the conversations.
    With `newest`, the time of each conversation's last record, it is the newest ones instead, up to `eval_size`.
    Validation takes `val_ratio` of the records that remain, first in order first: at least one conversation where the
    ratio asks for any and two or more remain, never the last one.

    Raises NotEnoughRecordsError, with the numbers, when there are fewer records than `min_total_records`, when none
    would be left to train on, or when no conversation is small enough for the eval set.
    """
    _check_numbers(sizes, settings)
    place = places(keys, settings.random_seed, "eval")
    if newest is None:
        order = np.argsort(place)
        side = order[: _side_length(place[order], sizes[order], settings.eval_size)]
    else:
        order = np.lexsort((place, -newest))
        side = order[: int(np.searchsorted(np.cumsum(sizes[order]), settings.eval_size, side="right"))]
    if not (sizes[side] <= settings.eval_size).any():
        small = order[sizes[order] <= settings.eval_size]
        if not len(small):
            raise NotEnoughRecordsError(
                f"{_have(sizes)}; the smallest conversation has {sizes.min()}, more than the eval set of "
                f"{settings.eval_size} (data_split_config.eval_size) can take undivided. Raise eval_size"
            )
        side = small[:1]
    rest = np.setdiff1d(np.arange(len(keys)), side)
    return Split(side, _validation(rest, keys, sizes, settings))


def fill(order: np.ndarray, sizes: np.ndarray, room: int) -> np.ndarray:
    """Return the conversations that fit into the room, in order, passing over those that are too large."""
    taken = []
    for conversation in order.tolist():
        if not room:
            break
        if sizes[conversation] <= room:
            taken.append(conversation)
            room -= int(sizes[conversation])
    return np.array(taken, dtype=np.int64)


def _side_length(ordered: np.ndarray, sizes: np.ndarray, eval_size: int) -> int:
    """Return how many conversations, given with their sizes in the order of their places, are on the side of the evaluation."""
    records = np.r_[0, np.cumsum(np.where(sizes <= eval_size, sizes, 0))]
    lengths = np.searchsorted(ordered, SHARES)
    length = next((int(length) for length in lengths if records[length] >= eval_size), int(lengths[-1]))
    # At least one, and one that is left: a hash may put all of a few conversations on one side.
    return min(max(length, 1), len(ordered) - 1)


def _validation(
    rest: np.ndarray, keys: np.ndarray, sizes: np.ndarray, settings: DataSplitConfig
) -> np.ndarray:
    order = rest[np.argsort(places(keys[rest], settings.random_seed, "validation"))]
    taken = fill(order, sizes, round(settings.val_ratio * int(sizes[rest].sum())))
    if len(taken) == len(rest):
        taken = taken[:-1]
    if settings.val_ratio and not len(taken) and len(rest) > 1:
        taken = order[[np.argmin(sizes[order])]]
    return taken


def _have(sizes: np.ndarray) -> str:
    return f"{int(sizes.sum())} records in {len(sizes)} conversations are kept"


def _check_numbers(sizes: np.ndarray, settings: DataSplitConfig) -> None:
    total, eval_size = int(sizes.sum()), settings.eval_size
    if total < settings.min_total_records:
        raise NotEnoughRecordsError(
            f"{_have(sizes)}; data_split_config.min_total_records asks for {settings.min_total_records}. "
            "Widen the window or lower it"
        )
    if total <= eval_size:
        raise NotEnoughRecordsError(
            f"{_have(sizes)}; an eval set of {eval_size} (data_split_config.eval_size) leaves none to train on. "
            "Widen the window or lower eval_size"
        )
    if len(sizes) < 2:
        raise NotEnoughRecordsError(
            f"{_have(sizes)}; a conversation is never divided, so evaluating and training need at least 2. Widen the "
            "window. If these are several conversations that open with the same words, log "
            "request.metadata.conversation_id"
        )
