"""A memory of text answers: what was said when the conversation looked like this one."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix
from sklearn.cluster import MiniBatchKMeans
from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer

from include.local_nemo.students.linear import Features, Matrix
from include.local_nemo.students.templates import Facts, fill_template
from include.local_nemo.students.values import words_of

MAX_ENTRIES = 1_500_000
"""Non-zero features kept: 9 MB of an adapter."""
NEIGHBOURS = {1: 1, 2: 8, 3: 24}
"""How many similar conversations a student compares, by richness."""
ANSWERS_PER_KIND = 40
MAX_KINDS = 32
KIND_WEIGHT = 0.15
FILLED_WEIGHT = 0.2
SHARPNESS = 6.0
"""How fast the say of a neighbour fades with its distance."""
ANSWER_BITS = 12

_ANSWERS = HashingVectorizer(
    n_features=1 << ANSWER_BITS, tokenizer=words_of, lowercase=False, token_pattern=None, alternate_sign=False
)


@dataclass(slots=True)
class AnswerMemory:
    """Text answers as templates, the kind of each (a cluster of like answers) and the conversations before them."""

    templates: list[str]
    kinds: npt.NDArray[np.int32]
    features: npt.NDArray[np.int32]
    """Known feature numbers, sorted; columns of `conversations`."""
    rarity: Matrix
    conversations: csr_matrix
    """One row of unit length per answer."""
    style: str = "recall"
    """How answers are worded, see `phrasing.STYLES`; chosen on validation rows."""

    def recall(self, example: Features, kind_scores: Matrix, facts: Facts, neighbours: int) -> str:
        """Return the answer that fits best, filled with this conversation's facts.

        `kind_scores` are the logits of the kinds. Among the `neighbours` most similar conversations it takes
        the answer that agrees most with the others.
        """
        if not self.templates:
            return ""
        likeness = self._likeness(example) + KIND_WEIGHT * kind_scores[self.kinds]
        nearest = np.argsort(-likeness, kind="stable")[:neighbours]
        filled = [fill_template(self.templates[place], facts) for place in nearest.tolist()]
        if len(filled) == 1:
            return filled[0][0]
        vectors = answer_vectors([text for text, _ in filled])
        say = np.exp(SHARPNESS * (likeness[nearest] - likeness[nearest[0]]))
        agreement = np.asarray(vectors @ (vectors.T @ say)).ravel() / say.sum()
        shares = np.asarray([share for _, share in filled])
        return filled[int(np.argmax(agreement + likeness[nearest] + FILLED_WEIGHT * shares))][0]

    def _likeness(self, example: Features) -> Matrix:
        ids, values = example
        places = np.searchsorted(self.features, ids)
        places[places == len(self.features)] = 0
        found = self.features[places] == ids if len(self.features) else np.zeros(len(ids), bool)
        weights = values[found] * self.rarity[places[found]]
        norm = float(np.sqrt(weights @ weights)) or 1.0
        query = np.zeros(len(self.features), np.float32)
        query[places[found]] = weights / norm
        likeness: Matrix = self.conversations @ query
        return likeness


def answer_vectors(texts: Sequence[str]) -> csr_matrix:
    """Return texts as unit vectors of their words."""
    return _ANSWERS.transform(texts)


def kinds_of(answers: Sequence[str], seed: int) -> tuple[npt.NDArray[np.int32], MiniBatchKMeans | None]:
    """Sort answers into kinds by their words; few answers are all of one kind."""
    count = min(MAX_KINDS, len(answers) // ANSWERS_PER_KIND)
    if count < 2:
        return np.zeros(len(answers), np.int32), None
    clusters = MiniBatchKMeans(n_clusters=count, random_state=seed, n_init=1, batch_size=512)
    return clusters.fit_predict(answer_vectors(answers)).astype(np.int32), clusters


def build_memory(
    templates: list[str], kinds: npt.NDArray[np.int32], examples: Sequence[Features]
) -> AnswerMemory:
    """Weigh the conversations by the rarity of their features; evenly thinned out where there are too many."""
    total = sum(len(ids) for ids, _ in examples)
    every = max(1, -(-total // MAX_ENTRIES))
    templates, kinds, examples = templates[::every], kinds[::every], examples[::every]
    known = np.unique(np.concatenate([np.zeros(0, np.int32), *(ids for ids, _ in examples)]))
    columns = [np.searchsorted(known, ids) for ids, _ in examples]
    counts = csr_matrix(
        (
            np.concatenate([np.zeros(0, np.float32), *(values for _, values in examples)]),
            np.concatenate([np.zeros(0, np.int64), *columns]),
            np.cumsum([0] + [len(ids) for ids in columns]),
        ),
        shape=(len(examples), len(known)),
        dtype=np.float32,
    )
    if not len(examples) or not len(known):
        return AnswerMemory(templates, kinds, known, np.zeros(0, np.float32), counts)
    weighing = TfidfTransformer().fit(counts)
    rarity = np.asarray(weighing.idf_, dtype=np.float32)
    return AnswerMemory(templates, kinds, known, rarity, weighing.transform(counts))
