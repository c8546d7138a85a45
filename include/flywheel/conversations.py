"""Which conversation a record belongs to: its turns must never be on two sides of the split."""

from typing import Any, NamedTuple

import numpy as np
import orjson

from include.flywheel.records import digest


class Origin(NamedTuple):
    """What tells a record's conversation: the id that was logged with it, if any, and how it opened (16 hex digits)."""

    given: str | None
    opening: str


def origin_of(request: dict[str, Any]) -> Origin:
    """Return the origin of a request: `metadata.conversation_id`, and a hash of the opening.

    The opening is the messages up to the first of the user, without system messages, which all turns of a
    conversation share and which tomorrow's logs do not change. Without a user it is the system messages and the
    first other one.
    """
    metadata = request.get("metadata")
    given = metadata.get("conversation_id") if isinstance(metadata, dict) else None
    named = isinstance(given, str | int) and not isinstance(given, bool) and given != ""
    system: list[Any] = []
    others: list[Any] = []
    for message in request["messages"]:
        said = [message["role"], message.get("content")]
        (system if message["role"] in ("system", "developer") else others).append(said)
        if message["role"] == "user":
            return Origin(str(given) if named else None, _hash(others))
    return Origin(str(given) if named else None, _hash(system + others[:1]))


def _hash(opening: list[Any]) -> str:
    return digest(orjson.dumps(opening))[:8].hex()


def given_key(given: str) -> int:
    """Return the number that stands for a logged conversation id; 0 stands for none."""
    return int.from_bytes(digest(f"conversation:{given}".encode())[:8], "big") or 1


def conversation_keys(given: np.ndarray, opening: np.ndarray) -> np.ndarray:
    """Return the conversation of each record as a number, from what tells it (uint64 each, shape (records,)).

    An id tells conversations apart that opened with the same words. But a record without one (0) can only be told by
    its opening: the conversations that opened so then count as one. The numbers follow from the records alone, not
    from their order.
    """
    keys = np.where(given == 0, opening, given)
    nameless = np.unique(opening[given == 0])
    both = (given != 0) & np.isin(opening, nameless)
    pairs = np.unique(np.stack([given[both], opening[both]], axis=1), axis=0)
    if not len(pairs):
        return keys
    roots = _roots([(int(one), int(other)) for one, other in pairs])
    linked = np.array(sorted(roots), dtype=np.uint64)
    representatives = np.array([roots[int(key)] for key in linked], dtype=np.uint64)
    found = np.minimum(np.searchsorted(linked, keys), len(linked) - 1)
    return np.where(linked[found] == keys, representatives[found], keys)


def _roots(pairs: list[tuple[int, int]]) -> dict[int, int]:
    """Return for each number that is in a pair the smallest of those it is connected with."""
    parents: dict[int, int] = {}

    def root(key: int) -> int:
        while (parent := parents.setdefault(key, key)) != key:
            parents[key] = parents.get(parent, parent)
            key = parent
        return key

    for one, other in pairs:
        low, high = sorted((root(one), root(other)))
        parents[high] = low
    return {key: root(key) for key in list(parents)}
