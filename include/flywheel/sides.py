"""The split of a curated window, with what earlier runs evaluated taken into account."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from include.flywheel import curate as curation
from include.flywheel.config_sections import DataSplitConfig
from include.flywheel.evalset import EvalSide, choose_eval_set, said_in
from include.flywheel.near import Told, near_any
from include.flywheel.registry import EvalSet, joined
from include.flywheel.split import Split, split_conversations


class Sides:
    """Where each kept record goes: a side, or the reason why it is set aside."""

    def __init__(self, curated: Path, settings: DataSplitConfig, earlier: EvalSet) -> None:
        """Split the conversations of a curated folder; `earlier` is what other runs evaluated.

        Raises NotEnoughRecordsError, see `split_conversations`.
        """
        kept = curation.kept_conversations(curated)
        names = {f"{key:016x}": position for position, key in enumerate(kept.keys.tolist())}
        newest = _newest(curated, names) if settings.order == "time" else None
        split = split_conversations(kept.keys, kept.sizes, settings, newest=newest)
        keys = list(names)
        eval_side = EvalSide(
            curation.index_entries(curated),
            {keys[position]: position for position in split.eval_side.tolist()},
        )
        chosen = choose_eval_set(split.eval_side, kept.sizes, eval_side.tools, settings.eval_size)
        prompts = sorted({prompt for position in chosen.tolist() for prompt in eval_side.prompts[position]})
        #: What this run evaluates.
        self.evaluated = EvalSet(
            kept.keys[chosen],
            np.array([int(p, 16) for p in prompts], dtype=np.uint64),
            kept.signatures[chosen],
        )
        self._keys = kept.keys
        self._positions = names
        all_evaluated = joined([self.evaluated, earlier])
        self._prompts = set(all_evaluated.prompts.tolist())
        told = Told.of(np.concatenate([kept.signatures, all_evaluated.signatures]))
        #: What the kept conversations say, in the order of their keys.
        self.told = told.part(slice(len(kept.keys)))
        #: What all eval sets ever used say.
        self.told_evaluated = told.part(slice(len(kept.keys), None))
        self._verdicts = self._judge(split, chosen, earlier, settings.near_duplicate_similarity)

    def _judge(
        self, split: Split, chosen: np.ndarray, earlier: EvalSet, threshold: float | None
    ) -> list[str]:
        """Return for each conversation its side or its reason."""
        keys = self._keys
        verdicts = np.full(len(keys), "train", dtype=object)
        verdicts[split.validation] = "validation"
        if threshold is not None:
            verdicts[near_any(self.told, self.told_evaluated, threshold)] = "near_eval"
        verdicts[np.isin(keys, earlier.conversations)] = "evaluated_before"
        verdicts[split.eval_side] = "held_out"
        verdicts[chosen] = "eval"
        return verdicts.tolist()

    def of(self, entry: Mapping[str, Any]) -> str:
        """Return the side of a record, given by its index entry, or the reason why it is set aside."""
        verdict = self._verdicts[self._positions[entry["conversation"]]]
        if verdict in ("train", "validation") and not self._prompts.isdisjoint(prompt_keys(entry)):
            return "prompt_in_eval"
        return verdict

    def positions(self, keys: np.ndarray) -> np.ndarray:
        """Return where conversations of this window are among the kept ones."""
        return np.searchsorted(self._keys, keys)


def prompt_keys(entry: Mapping[str, Any]) -> tuple[int, int]:
    """Return the hashes of a prompt by which eval sets may know it: of its messages, and, in those of before, of tools as well."""
    return int(said_in(entry), 16), int(entry["prompt"], 16)


def _newest(curated: Path, names: Mapping[str, int]) -> np.ndarray:
    newest = np.zeros(len(names))
    for entry in curation.index_entries(curated):
        position = names[entry["conversation"]]
        newest[position] = max(newest[position], entry["timestamp"])
    return newest
