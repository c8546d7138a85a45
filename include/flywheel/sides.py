"""The split of a curated window, with what earlier runs evaluated taken into account."""

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from include.flywheel import curate as curation
from include.flywheel.config_sections import DataSplitConfig
from include.flywheel.errors import NotEnoughRecordsError
from include.flywheel.evalset import EvalSide, choose_eval_set, said_in
from include.flywheel.near import Told, near_any
from include.flywheel.registry import EvalSet, joined
from include.flywheel.split import Split, split_conversations


class Sides:
    """Where each kept record goes: a side, or the reason why it is set aside."""

    def __init__(self, curated: Path, settings: DataSplitConfig, earlier: EvalSet) -> None:
        """Split the conversations of a curated folder; `earlier` is what other runs evaluated.

        Raises NotEnoughRecordsError, see `split_conversations`, and when nothing can be evaluated.
        """
        kept = curation.kept_conversations(curated)
        names = {f"{key:016x}": position for position, key in enumerate(kept.keys.tolist())}
        newest = _newest(curated, names) if settings.order == "time" else None
        split = split_conversations(kept.keys, kept.sizes, settings, newest=newest)
        eval_side = EvalSide(curation.index_entries(curated), names, kept.sizes, split.eval_side)
        order = split.eval_side[eval_side.sizes[split.eval_side] > 0]
        chosen = choose_eval_set(order, eval_side.sizes, eval_side.tools, settings.eval_size)
        if not len(chosen):
            raise NotEnoughRecordsError(
                f"none of {int(kept.sizes[split.eval_side].sum())} records on the side of the evaluation can be evaluated: other "
                "conversations go on from the same prompts, so their answers are trained on. Widen the window"
            )
        prompts = sorted({prompt for position in chosen.tolist() for prompt in eval_side.prompts[position]})
        #: What this run evaluates.
        self.evaluated = EvalSet(
            kept.keys[chosen], np.array(prompts, dtype=np.uint64), kept.signatures[chosen]
        )
        self._shared = eval_side.shared
        self._keys = kept.keys
        self._positions = names
        all_evaluated = joined([self.evaluated, earlier])
        told = Told.of(np.concatenate([kept.signatures, all_evaluated.signatures]))
        #: What the kept conversations say, in the order of their keys.
        self.told = told.part(slice(len(kept.keys)))
        #: What all eval sets ever used say.
        self.told_evaluated = told.part(slice(len(kept.keys), None))
        asked = self._asked(curation.index_entries(curated), set(all_evaluated.prompts.tolist()))
        self._verdicts = self._judge(split, chosen, earlier, asked, settings.near_duplicate_similarity)

    def _asked(self, entries: Iterable[Mapping[str, Any]], prompts: Collection[int]) -> np.ndarray:
        """Return, as a mask, which conversations have a prompt that is or was evaluated.

        All of such a conversation tells: its later turns have the answer in their prompts, which trainers may learn, too.
        """
        asked = np.zeros(len(self._keys), dtype=bool)
        for entry in entries:
            said, whole = prompt_keys(entry)
            if said in prompts or whole in prompts:
                asked[self._positions[entry["conversation"]]] = True
        return asked

    def _judge(
        self, split: Split, chosen: np.ndarray, earlier: EvalSet, asked: np.ndarray, threshold: float | None
    ) -> list[str]:
        """Return for each conversation its side or its reason."""
        keys = self._keys
        verdicts = np.full(len(keys), "train", dtype=object)
        verdicts[split.validation] = "validation"
        verdicts[asked] = "prompt_in_eval"
        if threshold is not None:
            verdicts[near_any(self.told, self.told_evaluated, threshold)] = "near_eval"
        verdicts[np.isin(keys, earlier.conversations)] = "evaluated_before"
        verdicts[split.eval_side] = "held_out"
        verdicts[chosen] = "eval"
        return verdicts.tolist()

    def of(self, entry: Mapping[str, Any]) -> str:
        """Return the side of a record, given by its index entry, or the reason why it is set aside."""
        verdict = self._verdicts[self._positions[entry["conversation"]]]
        if verdict == "eval" and self._shared and int(said_in(entry), 16) in self._shared:
            return "held_out"
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
