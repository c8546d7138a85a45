"""The vectors of a sample of a window's conversations, asked for together with those of the training records.

The sample is of all kept conversations, not of those that are trained on: these lack whatever any run ever evaluated,
and so depend on what else was run, and in what order.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import orjson

from include.flywheel import curate as curation
from include.flywheel.examples import conversation_end
from include.flywheel.split import places
from include.flywheel.text_vectors import TextVectors
from include.flywheel.vector_cache import InputType, Vectors, text_key

#: Enough to see a tenth of them move; 1 MB in a file, for vectors of 1,024 dimensions.
MOST_CONVERSATIONS = 500


def sample_texts(exported: Path, curated: Path) -> list[str]:
    """Return the texts of up to 500 conversations, one record each, in random order: all chosen by hashes.

    A text is what examples are chosen by, the end of the prompt; conversations without any are left out.
    """
    keys = curation.kept_conversations(curated).keys
    order = np.argsort(places(keys, None, "embedding drift"))[:MOST_CONVERSATIONS]
    chosen: dict[str, tuple[str, bytes] | None] = {f"{key:016x}": None for key in keys[order].tolist()}
    for entry, row in curation.kept_rows(exported, curated):
        conversation = entry["conversation"]
        if conversation in chosen:
            # An id is a hash, so the least one is any of them.
            record = entry["id"], row
            chosen[conversation] = min(chosen[conversation] or record, record)
    rows = [orjson.loads(record[1]) for record in chosen.values() if record]
    return [text for row in rows if (text := conversation_end(row["messages"][:-1]))]


class SampledVectors:
    """Vectors of which those of some texts are remembered.

    These are asked for when passages are, so that the cache is read once. Most of them are passages anyway; the model embeds
    the others, at most as many as the sample has.
    """

    def __init__(self, vectors: TextVectors, texts: Sequence[str]) -> None:
        self._vectors = vectors
        self._keys = [text_key(text) for text in texts]
        self._texts = dict(zip(self._keys, texts, strict=True))
        self._found: dict[bytes, Vectors] = {}

    @property
    def model(self) -> str:
        """The name of the embedding model."""
        return self._vectors.model

    def blocks(
        self,
        texts: Mapping[bytes, int],
        read: Callable[[Sequence[int]], Iterable[str]],
        input_type: InputType,
    ) -> Iterator[tuple[list[bytes], Vectors]]:
        """Yield the vectors of these texts, as `TextVectors.blocks` does."""
        if input_type != "passage":
            yield from self._vectors.blocks(texts, read, input_type)
            return
        mine = {key: text for key, text in self._texts.items() if key not in texts and key not in self._found}
        first = max(texts.values(), default=-1) + 1
        numbers = {key: first + number for number, key in enumerate(mine)}
        added = list(mine.values())

        def read_all(wanted: Sequence[int]) -> Iterator[str]:
            yield from read([number for number in wanted if number < first])
            yield from (added[number - first] for number in wanted if number >= first)

        for keys, block in self._vectors.blocks({**texts, **numbers}, read_all, input_type):
            rows = []
            for row, key in enumerate(keys):
                if key in self._texts:
                    # A view would keep the whole block.
                    self._found[key] = block[row].copy()
                if key in texts:
                    rows.append(row)
            if rows:
                yield [keys[row] for row in rows], block[rows]

    def sample(self) -> Vectors:
        """Return the vectors of the sample, texts × dimension (0 × 0 of none), each of length one."""
        if len(self._found) < len(self._texts):
            for _ in self.blocks({}, lambda numbers: (), "passage"):
                pass
        if not self._keys:
            return np.zeros((0, 0), np.float32)
        vectors = np.stack([self._found[key] for key in self._keys])
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
