"""What an export has found, a few dozen bytes per usable record, for the decisions that need a look at all of them."""

from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import orjson

from include.flywheel import export
from include.flywheel.conversations import conversation_keys
from include.flywheel.jsonl import read_lines
from include.flywheel.similarity import COMPONENTS, merge_signatures


class Found:
    """The usable records of all parts of an export, in their order; every array has one element for each of them.

    `ids` (shape (records, 2)), `prompts`, `answers` and `conversations` are hashes, uint64; `calls` says whether a tool
    is called, `tools` which first (a position in `tool_names`, -1 for none).
    """

    def __init__(self, parts: Sequence[Path]) -> None:
        """Read the index lines of the parts."""
        self._parts = parts
        ids, prompts, answers = bytearray(), bytearray(), bytearray()
        given, opening, tools, tokens = array("Q"), array("Q"), array("i"), array("I")
        names: dict[str, int] = {}
        for line in self.lines():
            entry = orjson.loads(line)
            ids += bytes.fromhex(entry["id"])
            prompts += bytes.fromhex(entry["prompt"])
            answers += bytes.fromhex(entry["answer"])
            given.append(int(entry["given"], 16) if entry["given"] is not None else 0)
            opening.append(int(entry["opening"], 16))
            tools.append(names.setdefault(entry["tools"][0], len(names)) if entry["tools"] else -1)
            tokens.append(entry["prompt_tokens"])
        self.ids = np.frombuffer(ids, dtype=">u8").astype(np.uint64).reshape(-1, 2)
        self.prompts = np.frombuffer(prompts, dtype=">u8").astype(np.uint64)
        self.answers = np.frombuffer(answers, dtype=">u8").astype(np.uint64)
        self.tools = np.frombuffer(tools, dtype=np.int32)
        self.tokens = np.frombuffer(tokens, dtype=np.uint32)
        self.tool_names = list(names)
        self.calls = self.tools >= 0
        self.conversations = conversation_keys(
            np.frombuffer(given, dtype=np.uint64), np.frombuffer(opening, dtype=np.uint64)
        )

    def lines(self) -> Iterator[bytes]:
        """Yield the index lines of all parts."""
        for part in self._parts:
            yield from read_lines(part / export.FOUND)

    def conversation_signatures(self, conversations: np.ndarray, kept: np.ndarray) -> np.ndarray:
        """Return the signatures, shape (conversations, 64), of what the kept records of sorted conversations say."""
        owners = np.where(kept, np.searchsorted(conversations, self.conversations), -1)
        return merge_signatures(self._signature_blocks(), owners, len(conversations))

    def _signature_blocks(self) -> Iterator[np.ndarray]:
        for part in self._parts:
            for block in export.read_signatures(part):
                yield np.frombuffer(block, dtype="<u4").reshape(-1, COMPONENTS)


def first_of_each(ids: np.ndarray) -> np.ndarray:
    """Return which rows of ids, shape (records, 2), are the first of their kind, as a mask."""
    order = np.lexsort((ids[:, 1], ids[:, 0]))
    ordered = ids[order]
    begins = np.ones(len(ids), dtype=bool)
    begins[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    first = np.zeros(len(ids), dtype=bool)
    # lexsort is stable: of equal ids the earliest record comes first.
    first[order[begins]] = True
    return first
