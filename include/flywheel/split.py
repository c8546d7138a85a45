"""Which conversations are evaluated, validated and trained on: decided by a hash, never by a shuffle."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from include.flywheel.config_sections import DataSplitConfig
from include.flywheel.errors import NotEnoughRecordsError
from include.flywheel.records import digest

Side = Literal["train", "validation", "eval"]


@dataclass(frozen=True)
class Split:
    """The conversations of the eval and the validation set; all others are trained on."""

    evaluation: frozenset[str]
    validation: frozenset[str]

    def side_of(self, conversation: str) -> Side:
        """Return which set all records of a conversation belong to."""
        if conversation in self.evaluation:
            return "eval"
        return "validation" if conversation in self.validation else "train"


def place(conversation: str, seed: int | None) -> bytes:
    """Return a conversation's place in the order that all choices follow, whatever else is logged."""
    return digest(f"{'' if seed is None else seed}:{conversation}".encode())


def in_order(conversations: Iterable[str], seed: int | None) -> list[str]:
    """Return the conversations in that order."""
    return sorted(conversations, key=lambda conversation: place(conversation, seed))


def within_limit(sizes: Mapping[str, int], limit: int | None, seed: int | None) -> set[str]:
    """Return whole conversations, first in order first, of together at most `limit` records (None: all)."""
    if limit is None or sum(sizes.values()) <= limit:
        return set(sizes)
    return set(_fill(in_order(sizes, seed), sizes, limit))


def split_conversations(sizes: Mapping[str, int], settings: DataSplitConfig) -> Split:
    """Divide conversations, given with their numbers of records, into eval, validation and training set.

    Eval takes whole conversations in hash order up to `eval_size` records; one that is larger than the
    room left is passed over. Validation takes `val_ratio` of the records that remain in the same way: at
    least one conversation where the ratio asks for any and two or more remain, never the last one.

    Raises NotEnoughRecordsError, with the numbers, when there are fewer records than
    `min_total_records`, when none would be left to train on, or when no conversation is small enough for
    the eval set.
    """
    total, eval_size = sum(sizes.values()), settings.eval_size
    have = f"{total} records in {len(sizes)} conversations are kept"
    if total < settings.min_total_records:
        raise NotEnoughRecordsError(
            f"{have}; data_split_config.min_total_records asks for {settings.min_total_records}. "
            "Widen the window or lower it"
        )
    if total <= eval_size:
        raise NotEnoughRecordsError(
            f"{have}; an eval set of {eval_size} (data_split_config.eval_size) leaves none to train on. "
            "Widen the window or lower eval_size"
        )
    if len(sizes) < 2:
        raise NotEnoughRecordsError(
            f"{have}; a conversation is never divided, so evaluating and training need at least 2. Widen the "
            "window. If these are several conversations that open with the same words, log "
            "request.metadata.conversation_id"
        )
    order = in_order(sizes, settings.random_seed)
    evaluation = frozenset(_fill(order, sizes, eval_size))
    if not evaluation:
        raise NotEnoughRecordsError(
            f"{have}; the smallest conversation has {min(sizes.values())}, more than the eval set of {eval_size} "
            "(data_split_config.eval_size) can take undivided. Raise eval_size"
        )
    rest = [conversation for conversation in order if conversation not in evaluation]
    remaining = sum(sizes[conversation] for conversation in rest)
    wanted = round(settings.val_ratio * remaining)
    validation = _fill(rest, sizes, wanted)
    if len(validation) == len(rest):
        validation.pop()
    if settings.val_ratio and not validation and len(rest) > 1:
        validation = [min(rest, key=lambda conversation: sizes[conversation])]
    return Split(evaluation, frozenset(validation))


def _fill(order: Iterable[str], sizes: Mapping[str, int], room: int) -> list[str]:
    """Return the conversations that fit into the room, in order, passing over those that are too large."""
    taken = []
    for conversation in order:
        if sizes[conversation] <= room:
            taken.append(conversation)
            room -= sizes[conversation]
        if not room:
            break
    return taken
