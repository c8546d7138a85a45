"""The eval sets of a run: which conversations make up its own, and which records are in which set."""

from array import array
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from include.flywheel.jsonl import read_lines
from include.flywheel.split import fill

#: The sets that an eval record can be in: the window's own, and the workload's golden one.
ROLLING, GOLDEN = "rolling", "golden"


def sets_of(row: object) -> list[str]:
    """Return which eval sets a record is in, from its row; results from outside may have lost it: then it is rolling."""
    sets = row.get("sets") if isinstance(row, dict) else None
    return sets if isinstance(sets, list) else [ROLLING]


def rows_by_set(eval_file: Path, limit: int) -> dict[str, int]:
    """Count the records of each set among the first `limit` rows of an eval file: those that evaluations are asked."""
    counts: Counter[str] = Counter()
    for line in islice(read_lines(eval_file), limit):
        counts.update(sets_of(orjson.loads(line)))
    return dict(counts)


def said_in(entry: Mapping[str, Any]) -> str:
    """Return the hash, 16 hex digits, of a prompt's messages, given the index entry of its record.

    Entries of an export from before they had one have only that of the whole prompt, tools included.
    """
    return str(entry.get("said", entry["prompt"]))


class EvalSide:
    """The records of the eval side that can be evaluated: for each conversation the tools they call and their prompts.

    Prompts are hashes of their messages (`said_in`). What a conversation of the other side goes on from, a greeting for example,
    is `shared`: there its answer is part of what is trained on. `sizes` counts, by position, the records that are not.
    """

    def __init__(
        self,
        entries: Iterable[Mapping[str, Any]],
        positions: Mapping[str, int],
        sizes: np.ndarray,
        side: np.ndarray,
    ) -> None:
        """Look through index entries; `positions` and `sizes` are of all kept conversations, `side` those of the eval side."""
        on_side = np.isin(np.arange(len(sizes)), side)
        others = array("Q")
        records: list[tuple[int, list[str]]] = []
        said = array("Q")
        for entry in entries:
            position = positions[entry["conversation"]]
            if on_side[position]:
                records.append((position, entry["tools"][:1]))
                said.append(int(said_in(entry), 16))
            elif sizes[position] > 1:
                others.append(int(said_in(entry), 16))
        shared = np.isin(np.array(said), np.array(others))
        self.shared = set(np.array(said)[shared].tolist())
        self.tools: dict[int, Counter[str]] = {position: Counter() for position in side.tolist()}
        self.prompts: dict[int, list[int]] = {position: [] for position in side.tolist()}
        self.sizes = np.zeros_like(sizes)
        for (position, tools), prompt in zip(records, said, strict=True):
            if prompt not in self.shared:
                self.tools[position].update(tools)
                self.prompts[position].append(prompt)
                self.sizes[position] += 1


def choose_eval_set(
    order: np.ndarray, sizes: np.ndarray, tools: Mapping[int, Mapping[str, int]], eval_size: int
) -> np.ndarray:
    """Return the conversations, by position, of together at most `eval_size` records.

    First comes one conversation for each tool that the eval side knows, the rarest first and at most half of the
    records; then all others in the order that is given. So rare tools are evaluated, too, and the rest is as mixed as the
    logs are.
    """
    frequency: Counter[str] = Counter()
    for position in order.tolist():
        frequency.update(tools[position])
    for_tools = fill(_one_for_each(order, sizes, tools, frequency, eval_size), sizes, eval_size // 2)
    rest = order[~np.isin(order, for_tools)]
    return np.concatenate([for_tools, fill(rest, sizes, eval_size - int(sizes[for_tools].sum()))])


def _one_for_each(
    order: np.ndarray,
    sizes: np.ndarray,
    tools: Mapping[int, Mapping[str, int]],
    frequency: Mapping[str, int],
    eval_size: int,
) -> np.ndarray:
    chosen: list[int] = []
    covered: set[str] = set()
    for tool in sorted(frequency, key=lambda name: (frequency[name], name)):
        if tool in covered:
            continue
        position = next((p for p in order.tolist() if tool in tools[p] and sizes[p] <= eval_size), None)
        if position is not None:
            chosen.append(position)
            covered |= set(tools[position])
    return np.array(chosen, dtype=np.int64)
