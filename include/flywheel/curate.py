"""Second stage: each usable record is kept, or set aside for one named reason that needs a look at all of them."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import orjson
from pydantic import BaseModel, Field

from include.flywheel import export
from include.flywheel.config_sections import DataSplitConfig
from include.flywheel.config_types import WorkloadType
from include.flywheel.conflicts import Conflicts, conflicts_of
from include.flywheel.errors import NotEnoughRecordsError, RecordError
from include.flywheel.export import ExportSummary, exported_parts, name_example
from include.flywheel.found import Found, first_of_each
from include.flywheel.jsonl import line_writer, read_lines, replacing, write_json
from include.flywheel.near import Told, near_earlier
from include.flywheel.privacy.settings import PrivacySummary
from include.flywheel.rejections import REASONS, in_order, write_rejections
from include.flywheel.split import within_limit

INDEX = "index.jsonl"
CONVERSATIONS = "conversations.npz"
SUMMARY = "summary.json"

_KEPT = 0
_CODES = {reason: code for code, reason in enumerate(REASONS, start=1)}


class CurationSummary(BaseModel):
    """What became of the exported records: `kept` and all of `set_aside` add up to `exported`.

    `tools` counts the kept records by the first tool they call. `examples` says where the first few of each reason stand
    in the logs. Prompt tokens are estimates.
    """

    exported: int
    kept: int
    set_aside: dict[str, int]
    examples: dict[str, list[str]] = Field(default_factory=dict)
    workload_type: WorkloadType
    conversations: int
    tools: dict[str, int]
    prompt_tokens_mean: int
    prompt_tokens_max: int
    conflicts: Conflicts = Conflicts()
    privacy: PrivacySummary = Field(default_factory=PrivacySummary)


def curate(
    exported: Path, folder: Path, *, split: DataSplitConfig, workload_type: str = "auto"
) -> CurationSummary:
    """Decide which of the usable records in all parts of `exported` are kept.

    Writes `index.jsonl` (one line per kept record: its part and row, conversation, and what the export found),
    `conversations.npz` (`keys`, sorted, `sizes` in records, `signatures`), `rejections.json` and `summary.json`.
    `workload_type` `auto` means `tool_calling` when most records call tools.

    Raises NotEnoughRecordsError with the counts by reason when nothing is kept.
    """
    parts = exported_parts(exported)
    whole = ExportSummary.model_validate_json((exported / export.SUMMARY).read_bytes())
    found = Found(parts)
    verdicts = _Verdicts(found, split, workload_type)
    counts = Counter(whole.set_aside) + Counter(verdicts.counts())
    examples = {reason: list(named) for reason, named in whole.examples.items()}

    _write_index(folder, parts, verdicts, examples)
    with replacing(folder / CONVERSATIONS) as file:
        np.savez(file, keys=verdicts.keys, sizes=verdicts.sizes, signatures=verdicts.signatures)
    kept = verdicts.codes == _KEPT
    tools = Counter(found.tools[kept].tolist())
    summary = CurationSummary(
        exported=whole.exported,
        kept=int(kept.sum()),
        set_aside=in_order(counts),
        examples={reason: examples[reason] for reason in REASONS if reason in examples},
        workload_type="tool_calling" if verdicts.tool_calling else "generic",
        conversations=len(verdicts.keys),
        tools={found.tool_names[tool]: count for tool, count in tools.most_common() if tool >= 0},
        prompt_tokens_mean=round(float(found.tokens[kept].mean())) if kept.any() else 0,
        prompt_tokens_max=int(found.tokens[kept].max(initial=0)),
        conflicts=conflicts_of(found.prompts[kept], found.answers[kept]),
        privacy=whole.privacy,
    )
    write_rejections(folder, exported=whole.exported, counts=counts, examples=examples)
    write_json(folder / SUMMARY, summary.model_dump(mode="json"))
    if not summary.kept:
        _raise_nothing_kept(summary, split)
    return summary


class _Verdicts:
    """The verdict on each usable record, and the conversations that are kept, sorted by their keys."""

    def __init__(self, found: Found, split: DataSplitConfig, workload_type: str) -> None:
        self.codes = np.zeros(len(found.ids), dtype=np.uint8)
        self._set_aside("duplicate", ~first_of_each(found.ids))
        calls = int(found.calls[self._kept].sum())
        self.tool_calling = workload_type == "tool_calling" or (
            workload_type == "auto" and 2 * calls > int(self._kept.sum())
        )
        other_kind = "not_a_tool_call" if self.tool_calling else "not_a_text_answer"
        self._set_aside(other_kind, found.calls != self.tool_calling)

        keys, first, sizes = np.unique(found.conversations[self._kept], return_index=True, return_counts=True)
        signatures = found.conversation_signatures(keys, self._kept)
        stays = np.ones(len(keys), dtype=bool)
        if split.near_duplicate_similarity is not None:
            stays = ~near_earlier(Told.of(signatures), np.argsort(first), split.near_duplicate_similarity)
            self._set_aside("near_duplicate", np.isin(found.conversations, keys[~stays]))
        within = within_limit(keys[stays], sizes[stays], split.limit, split.random_seed)
        self._set_aside("over_limit", ~np.isin(found.conversations, keys[stays][within]))
        stays[stays] = within
        self.keys, self.sizes, self.signatures = keys[stays], sizes[stays], signatures[stays]
        self.conversations = found.conversations

    @property
    def _kept(self) -> np.ndarray:
        return self.codes == _KEPT

    def _set_aside(self, reason: str, which: np.ndarray) -> None:
        self.codes[which & self._kept] = _CODES[reason]

    def counts(self) -> dict[str, int]:
        """Return how many records are set aside for each reason."""
        codes = Counter(self.codes.tolist())
        return {reason: codes[code] for reason, code in _CODES.items() if codes[code]}


def _write_index(
    folder: Path, parts: Sequence[Path], verdicts: _Verdicts, examples: dict[str, list[str]]
) -> None:
    """Write the kept records' lines, and name the first few of each reason among the others."""
    reasons, position = list(REASONS), 0
    with line_writer(folder / INDEX) as index:
        for part, place in enumerate(parts):
            for row, line in enumerate(read_lines(place / export.FOUND)):
                code = int(verdicts.codes[position])
                if code == _KEPT:
                    conversation = int(verdicts.conversations[position])
                    added = b',"part":%d,"row":%d,"conversation":"%016x"}' % (part, row, conversation)
                    index.write(line[:-1] + added)
                elif len(examples.get(reasons[code - 1], ())) < export.NAMED:
                    name_example(examples, reasons[code - 1], orjson.loads(line)["where"])
                position += 1


def _raise_nothing_kept(summary: CurationSummary, split: DataSplitConfig) -> None:
    counts = ", ".join(f"{reason} {count}" for reason, count in summary.set_aside.items())
    remedy = ""
    if "over_limit" in summary.set_aside:
        remedy = (
            f". Every conversation has more than the {split.limit} records of data_split_config.limit, and none "
            "is divided: raise it, or null for no limit"
        )
    raise NotEnoughRecordsError(f"none of {summary.exported} exported records can be used: {counts}{remedy}")


def add_rejections(folder: Path, counts: Mapping[str, int], examples: Mapping[str, list[str]]) -> None:
    """Write `rejections.json` anew with what the split has set aside of the kept records; doing so again changes nothing."""
    summary = CurationSummary.model_validate_json((folder / SUMMARY).read_bytes())
    write_rejections(
        folder,
        exported=summary.exported,
        counts={**summary.set_aside, **counts},
        examples={**summary.examples, **examples},
    )


class KeptConversations(NamedTuple):
    """The conversations that the curation kept: keys (sorted, uint64), sizes in records, signatures (…, 64)."""

    keys: np.ndarray
    sizes: np.ndarray
    signatures: np.ndarray


def kept_conversations(folder: Path) -> KeptConversations:
    """Return the conversations of a curated folder."""
    try:
        with (folder / CONVERSATIONS).open("rb") as file, np.load(file) as arrays:
            return KeptConversations(arrays["keys"], arrays["sizes"].astype(np.int64), arrays["signatures"])
    except FileNotFoundError as error:
        raise RecordError(
            f"{folder / CONVERSATIONS} is not there. Run the stage that writes it first"
        ) from error


def index_entries(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield the index rows of a curated folder, in the order of its records."""
    for text in read_lines(folder / INDEX):
        yield orjson.loads(text)


def kept_rows(exported: Path, folder: Path) -> Iterator[tuple[dict[str, Any], bytes]]:
    """Yield each kept record's index row and training row, reading index and rows once, side by side."""
    entries = index_entries(folder)
    entry = next(entries, None)
    for number, part in enumerate(exported_parts(exported)):
        if entry is None or entry["part"] != number:
            continue
        for row, text in enumerate(read_lines(export.rows_file(part))):
            if row == entry["row"]:
                yield entry, text
                entry = next(entries, None)
                if entry is None or entry["part"] != number:
                    break
    if entry is not None:
        raise RecordError(
            f"{exported} has no row {entry['row']} of part {entry['part']}. Export and curate again"
        )
