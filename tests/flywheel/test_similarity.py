import io
import random

import numpy as np
import pytest

from include.flywheel.near import Told, near_any, near_earlier
from include.flywheel.similarity import SignatureWriter, merge_signatures, similarities

WORDS = [f"word{i}" for i in range(3000)]


def text(seed: int, length: int = 80) -> str:
    return " ".join(random.Random(seed).choices(WORDS, k=length))


def changed(words: str, count: int, seed: int = 0) -> str:
    """Replace some words, spread evenly: each takes three shingles with it."""
    parts = words.split()
    for place in range(count):
        parts[place * len(parts) // count] = f"changed{seed}-{place}"
    return " ".join(parts)


def signatures(*texts: str) -> np.ndarray:
    file = io.BytesIO()
    writer = SignatureWriter(file)
    for each in texts:
        writer.add(each)
    writer.flush()
    return np.frombuffer(file.getvalue(), dtype="<u4").reshape(-1, 64).astype(np.uint32)


def jaccard(one: str, other: str) -> float:
    def shingles(words: str) -> set[tuple[str, ...]]:
        parts = [*words.split(), "", ""]
        return {tuple(parts[i : i + 3]) for i in range(len(parts) - 2)}

    return len(shingles(one) & shingles(other)) / len(shingles(one) | shingles(other))


def test_signatures_estimate_the_similarity_of_the_texts() -> None:
    errors = []
    for seed in range(60):
        one, other = text(seed, 200), changed(text(seed, 200), 1 + seed % 12, seed)
        pair = signatures(one, other)
        nothing = np.zeros(64, dtype=bool)
        errors.append(float(similarities(pair[0], pair[1], nothing, nothing)) - jaccard(one, other))
    assert abs(np.mean(errors)) < 0.02
    assert np.std(errors) < 0.06


def test_a_signature_does_not_depend_on_what_else_is_written() -> None:
    alone = signatures("one two three four")
    among = signatures("zero", "", "one two three four", "two")
    assert (among[2] == alone[0]).all()
    assert (among[1] == 0xFFFFFFFF).all()


def test_a_conversation_is_what_all_its_records_say() -> None:
    parts = signatures("a b c", "d e f", "x y z")
    merged = merge_signatures(iter([parts[:1], parts[1:]]), np.array([1, 1, -1]), 2)
    assert (merged[1] == np.minimum(parts[0], parts[1])).all()
    assert (merged[0] == 0xFFFFFFFF).all()


def test_near_duplicates_are_found_and_the_earliest_is_kept() -> None:
    texts = [text(seed) for seed in range(60)]
    near = [changed(texts[7], 2, 1), changed(texts[7], 2, 2), changed(texts[31], 1, 3)]
    told = Told.of(signatures(*texts, *near))
    assert np.flatnonzero(near_earlier(told, np.arange(63), 0.8)).tolist() == [60, 61, 62]
    assert np.flatnonzero(near_earlier(told, np.arange(63)[::-1], 0.8)).tolist() == [7, 31, 60]


def test_none_of_many_different_conversations_is_near_another() -> None:
    texts = [text(seed) for seed in range(2000)] + [changed(text(seed), 20, seed) for seed in range(2000)]
    assert not near_earlier(Told.of(signatures(*texts)), np.arange(4000), 0.85).any()


def test_bands_find_what_a_comparison_of_all_pairs_finds() -> None:
    texts = [text(seed) for seed in range(300)]
    others = [changed(texts[seed % 300], seed % 9, seed) for seed in range(300)]
    told = Told.of(signatures(*texts, *others))
    here, there = told.part(slice(300)), told.part(slice(300, None))
    pairs = similarities(
        here.signatures[:, None], there.signatures[None], here.common[:, None], there.common[None]
    )
    expected = (pairs >= 0.85).any(axis=1)
    assert 60 < expected.sum() < 200
    assert (near_any(here, there, 0.85) == expected).all()


def test_a_common_template_does_not_make_conversations_alike() -> None:
    template = text(1, 150)
    told = Told.of(signatures(*(f"{template} {text(seed, 12)}" for seed in range(2, 200))))
    assert not near_earlier(told, np.arange(198), 0.85).any()


@pytest.mark.parametrize("count", [50, 3])
def test_the_same_few_words_for_everyone_tell_nothing(count: int) -> None:
    told = Told.of(signatures(*["yes please do it"] * count))
    assert not near_earlier(told, np.arange(count), 0.85).any()
