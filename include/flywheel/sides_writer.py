"""The files of the three sides: training rows as they are, eval rows put together again."""

from array import array
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from include.flywheel import training_rows
from include.flywheel.chat import with_argument_texts
from include.flywheel.contamination import Trained
from include.flywheel.evalset import GOLDEN, ROLLING
from include.flywheel.export import name_example
from include.flywheel.golden import GoldenSet
from include.flywheel.jsonl import LineWriter, MixedLines, line_writer
from include.flywheel.manifest import FileSummary
from include.flywheel.sides import Sides, prompt_keys
from include.flywheel.split import Side

#: The folders are those that the Customizer reads.
FILES: dict[Side, str] = {
    "train": "training/train.jsonl",
    "validation": "validation/validation.jsonl",
    "eval": "testing/eval.jsonl",
}


class SidesWriter:
    """Writes train, validation and eval in one pass; only eval records are parsed.

    Training shows tools exactly when the evaluation does: otherwise the two prompts would differ. `counts` is by side, and
    by reason for what is set aside; `examples` says where the first few of each reason stand in the logs.
    """

    def __init__(self, folder: Path, sides: Sides, *, origin: Mapping[str, str], with_tools: bool) -> None:
        self._folder, self._sides, self._origin = folder, sides, origin
        self._with_tools = with_tools
        self._on: dict[str, set[str]] = {side: set() for side in FILES}
        self._prompts = array("Q")
        self.counts: Counter[str] = Counter()
        self.examples: dict[str, list[str]] = {}

    def write(
        self, rows: Iterable[tuple[dict[str, Any], bytes]], golden: GoldenSet | None
    ) -> dict[str, FileSummary]:
        """Write the files of all sides from index entries with their rows.

        The eval records are mixed, the same way in every run: evaluations that are asked only the first of them are asked
        a sample, not the oldest. The golden set's records are among them.
        """
        with ExitStack() as stack:
            out: dict[str, LineWriter] = {
                side: stack.enter_context(line_writer(self._folder / path, hashed=True))
                for side, path in FILES.items()
            }
            index = stack.enter_context(line_writer(self._folder / training_rows.INDEX))
            mixed = stack.enter_context(MixedLines())
            for entry, row in rows:
                side = self._sides.of(entry)
                self.counts[side] += 1
                if side == "eval":
                    self._on["eval"].add(entry["conversation"])
                    mixed.add(entry["id"], self._eval_line(entry, row, golden))
                elif side in ("train", "validation"):
                    self._on[side].add(entry["conversation"])
                    self._prompts.extend(prompt_keys(entry))
                    cut = entry["tools_at"] and not self._with_tools
                    line = row[: entry["tools_at"]] + b"}" if cut else row
                    if side == "train":
                        at = out[side].bytes
                        index.write(training_rows.index_line(entry["id"], entry["tools"], at, len(line)))
                    out[side].write(line)
                else:
                    name_example(self.examples, side, entry["where"])
            if golden:
                for record_id, line in golden.others():
                    mixed.add(record_id, line)
            for line in mixed:
                out["eval"].write(line)
        return {FILES[side]: FileSummary.of(out[side]) for side in FILES}

    def conversations(self) -> dict[Side, int]:
        """Return how many conversations are on each side."""
        return {side: len(self._on[side]) for side in FILES}

    def trained(self) -> Trained:
        """Return the conversations and prompts that were written for training and validation."""
        keys = np.array(
            sorted(int(name, 16) for name in self._on["train"] | self._on["validation"]), dtype=np.uint64
        )
        prompts = np.array(self._prompts, dtype=np.uint64).reshape(-1, 2)
        return Trained(keys, prompts, self._sides.told, self._sides.positions(keys))

    def _eval_line(self, entry: Mapping[str, Any], row: bytes, golden: GoldenSet | None) -> bytes:
        sets = [ROLLING, GOLDEN] if golden and golden.has(entry["id"]) else [ROLLING]
        return orjson.dumps({**eval_row(entry, orjson.loads(row)), **self._origin, "sets": sets})


def eval_row(entry: Mapping[str, Any], row: Mapping[str, Any]) -> dict[str, Any]:
    """Put a logged record together again from its index row and its training row."""
    *prompt, answer = row["messages"]
    request = {**entry["request"], "messages": with_argument_texts(prompt)}
    if "tools" in row:
        request["tools"] = row["tools"]
    choice = {"index": 0, "finish_reason": entry["finish_reason"], "message": answer}
    return {
        "request": request,
        "response": {**entry["response"], "choices": [choice]},
        "timestamp": entry["timestamp"],
        "conversation_id": entry["conversation"]
        if entry["conversation_id"] is None
        else entry["conversation_id"],
        "record_id": entry["id"],
    }
