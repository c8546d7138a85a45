"""Which conversation a record belongs to: its turns must never be on two sides of the split."""

from collections.abc import Collection
from typing import Any, NamedTuple

import orjson

from include.flywheel.records import digest


class Origin(NamedTuple):
    """What tells a record's conversation: the id that was logged with it, if any, and how it opened."""

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
    return f"opening-{digest(orjson.dumps(opening)).hex()}"


class Conversations:
    """The conversations of a workload, told from the distinct origins of all its records.

    An id tells conversations apart that opened with the same words. But a record without one can only be told by
    its opening: the conversations that opened so then count as one.
    """

    def __init__(self, origins: Collection[Origin]) -> None:
        self._parents: dict[str, str] = {}
        nameless = {origin.opening for origin in origins if origin.given is None}
        for given, opening in sorted((o.given, o.opening) for o in origins if o.given is not None):
            if opening in nameless:
                one, other = self._root(given), self._root(opening)
                # The smaller name stands for both, so that the order of the records does not matter.
                self._parents[max(one, other)] = min(one, other)

    def name(self, origin: Origin) -> str:
        """Return the conversation of a record."""
        return self._root(origin.opening if origin.given is None else origin.given)

    def _root(self, name: str) -> str:
        while (parent := self._parents.get(name, name)) != name:
            name = parent
        return name
