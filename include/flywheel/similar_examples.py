"""Examples by similarity: the training records whose conversations end most like that of the eval record."""

import logging
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import orjson

from include.flywheel.config_sections import IclConfig, SimilarityConfig
from include.flywheel.examples import Example, conversation_end
from include.flywheel.icl import ExamplePool, offered_tools, shown_tools
from include.flywheel.jsonl import read_lines
from include.flywheel.nearest import OpenSearch, exact_search
from include.flywheel.text_vectors import VectorSource
from include.flywheel.training_rows import TrainingRows
from include.flywheel.vector_cache import text_key

log = logging.getLogger(__name__)


class SimilarExamples:
    """A selection: `ratio` of the examples are the nearest, the others are chosen uniformly from tools not covered yet.

    `nearest` is by eval record, as positions in `rows`, nearest first. Where there are no other tools the next nearest
    take their places; a record without any text gets uniform examples.
    """

    def __init__(
        self, rows: TrainingRows, pool: ExamplePool, nearest: Mapping[str, Sequence[int]], ratio: float
    ):
        self._rows, self._pool, self._nearest, self._ratio = rows, pool, nearest, ratio

    def for_record(self, record_id: str, offered_tools: Sequence[str], count: int) -> list[Example]:
        """Return at most `count` examples for an eval record: the nearest, nearest first, then the others."""
        nearest = self._nearest.get(record_id, ())
        wanted = math.floor(self._ratio * count + 0.5)
        relevant, next_nearest = nearest[:wanted], nearest[wanted:]
        covered = {self._rows.tools[position] for position in relevant}
        others = self._pool.for_record(record_id, offered_tools, count - len(relevant), covered)
        shown = {example.id for example in others}
        fill = [position for position in next_nearest if self._rows.ids[position] not in shown]
        fill = fill[: count - len(relevant) - len(others)]
        read = dict(self._rows.read([*relevant, *fill]))
        made = [Example.of(self._rows.ids[p], read[p]["messages"]) for p in (*relevant, *fill)]
        return [*made[: len(relevant)], *others, *made[len(relevant) :]]


def similar_examples(
    rows: TrainingRows,
    eval_file: Path,
    pool: ExamplePool,
    settings: IclConfig,
    vectors: VectorSource,
    open_search: OpenSearch = exact_search,
) -> SimilarExamples:
    """Find the nearest training records of every eval record, of those that call a tool which its request offers.

    Compared are the ends of the conversations (`conversation_end`). Raises what the embedding model, or the server
    that `open_search` asks, is refused with.
    """
    tools = sorted(set(rows.tools))
    questions: dict[str, str] = {}
    allowed = []
    for line in read_lines(eval_file):
        row = orjson.loads(line)
        text = conversation_end(row["request"]["messages"])
        if text:
            questions[row["record_id"]] = text
            shown = set(shown_tools(tools, offered_tools(row["request"])))
            allowed.append([tool in shown for tool in tools])
    ratio = (settings.similarity_config or SimilarityConfig()).relevance_ratio
    if not questions:
        return SimilarExamples(rows, pool, {}, ratio)

    kinds = {tool: kind for kind, tool in enumerate(tools)}
    passages: dict[bytes, list[int]] = {}
    for position, text in _passages(rows, range(len(rows))):
        if text:
            passages.setdefault(text_key(text), []).append(position)
    without = len(rows) - sum(len(same) for same in passages.values())
    if without:
        log.info(
            "%s of %s training records have a prompt without text and are no examples", without, len(rows)
        )
    first = {key: same[0] for key, same in passages.items()}
    useful = {key: _distinct(same, rows, settings.max_examples) for key, same in passages.items()}
    with open_search(
        _questions(list(questions.values()), vectors),
        rows.ids,
        np.array([kinds[tool] for tool in rows.tools], np.intp),
        np.array(allowed, np.bool_),
        settings.max_examples,
    ) as search:
        for keys, block in vectors.blocks(
            first, lambda positions: (text for _, text in _passages(rows, positions)), "passage"
        ):
            search.add(block, [useful[key] for key in keys])
        nearest = {record_id: search.found(query) for query, record_id in enumerate(questions)}
    return SimilarExamples(rows, pool, nearest, ratio)


def _questions(texts: Sequence[str], vectors: VectorSource) -> np.ndarray:
    """Return the vectors of the eval records' texts, a row each."""
    first: dict[bytes, int] = {}
    for number, text in enumerate(texts):
        first.setdefault(text_key(text), number)
    found = {
        key: vector
        for keys, block in vectors.blocks(first, lambda numbers: [texts[n] for n in numbers], "query")
        for key, vector in zip(keys, block, strict=True)
    }
    return np.stack([found[text_key(text)] for text in texts])


def _distinct(same: list[int], rows: TrainingRows, count: int) -> list[int]:
    """Return of the records with the same text those that can be among the nearest: a few of each tool."""
    if len(same) <= count:
        return same
    of_tool: Counter[str] = Counter()
    kept = []
    for position in sorted(same, key=rows.ids.__getitem__):
        of_tool[rows.tools[position]] += 1
        if of_tool[rows.tools[position]] <= count:
            kept.append(position)
    return kept


def _passages(rows: TrainingRows, positions: Sequence[int]) -> Iterator[tuple[int, str]]:
    for position, row in rows.read(positions):
        yield position, conversation_end(row["messages"][:-1])
