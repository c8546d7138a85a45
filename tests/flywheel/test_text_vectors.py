"""Vectors of texts: what is cached, and what is refused."""

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from include.flywheel.errors import FlywheelError
from include.flywheel.text_vectors import BLOCK, TextVectors
from include.flywheel.vector_cache import VectorCache, Vectors, text_key
from tests.flywheel.embedding import Model, vector

TEXTS = [f"text number {i}" for i in range(100)]


def embedded(vectors: TextVectors, texts: Sequence[str] = TEXTS, input_type: str = "passage") -> Vectors:
    keys = {text_key(text): number for number, text in enumerate(texts)}
    found = {
        key: row
        for block_keys, block in vectors.blocks(keys, lambda ns: [texts[n] for n in ns], input_type)  # type: ignore[arg-type]
        for key, row in zip(block_keys, block, strict=True)
    }
    return np.stack([found[text_key(text)] for text in texts])


def parts(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.vectors"))


def test_a_text_is_embedded_once_and_read_from_the_cache_in_later_runs(tmp_path: Path) -> None:
    first, second = Model(), Model()
    made = embedded(TextVectors("org/embed", first.embed, tmp_path))
    again = embedded(TextVectors("org/embed", second.embed, tmp_path), [*TEXTS, "a new one"])
    assert len(first.asked) == 100
    assert second.asked == [("a new one", "passage")]
    assert (again[:100] == made).all()
    assert (made[7] == vector(TEXTS[7])).all()


@pytest.mark.parametrize(("model", "input_type"), [("org/other", "passage"), ("org/embed", "query")])
def test_another_model_or_input_type_has_vectors_of_its_own(
    tmp_path: Path, model: str, input_type: str
) -> None:
    embedded(TextVectors("org/embed", Model().embed, tmp_path))
    asked = Model()
    embedded(TextVectors(model, asked.embed, tmp_path), input_type=input_type)
    assert len(asked.asked) == 100


@pytest.mark.parametrize("damage", [b"", b"x" * 5000, "cut", "flipped"])
def test_a_damaged_part_is_told_of_removed_and_embedded_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: bytes | str
) -> None:
    made = embedded(TextVectors("org/embed", Model().embed, tmp_path))
    [part] = parts(tmp_path)
    content = part.read_bytes()
    flipped = content[:-9] + bytes([content[-9] ^ 1]) + content[-8:]
    part.write_bytes(
        damage if isinstance(damage, bytes) else {"cut": content[:-1], "flipped": flipped}[damage]
    )
    model = Model()
    with caplog.at_level(logging.WARNING):
        again = embedded(TextVectors("org/embed", model.embed, tmp_path))
    assert (again == made).all()
    assert len(model.asked) == 100
    assert str(part) in caplog.text
    assert len(parts(tmp_path)) == 1
    assert parts(tmp_path) != [part]


def test_what_a_killed_writer_has_left_is_no_part(tmp_path: Path) -> None:
    embedded(TextVectors("org/embed", Model().embed, tmp_path))
    [part] = parts(tmp_path)
    part.rename(part.with_name(f"{part.name}.part"))
    model = Model()
    embedded(TextVectors("org/embed", model.embed, tmp_path))
    assert len(model.asked) == 100


def test_runs_that_embed_the_same_texts_at_once_do_not_disturb_each_other(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as runs:
        made = list(
            runs.map(lambda _: embedded(TextVectors("org/embed", Model().embed, tmp_path)), range(16))
        )
    assert all((each == made[0]).all() for each in made)
    model = Model()
    embedded(TextVectors("org/embed", model.embed, tmp_path))
    assert model.asked == []


def test_what_was_embedded_before_a_failure_is_kept(tmp_path: Path) -> None:
    many = [f"text number {i}" for i in range(2 * BLOCK + 10)]
    model = Model()

    def breaking(texts: Sequence[str], input_type: str) -> Vectors:
        if len(model.asked) == 2 * BLOCK:
            raise ConnectionError("the service is gone")
        return model.embed(texts, input_type)

    with pytest.raises(ConnectionError):
        embedded(TextVectors("org/embed", breaking, tmp_path), many)
    rest = Model()
    embedded(TextVectors("org/embed", rest.embed, tmp_path), many)
    assert [text for text, _ in rest.asked] == many[2 * BLOCK :]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (np.ones((99, 4), np.float32), "shape"),
        (np.ones(100, np.float32), "shape"),
        (np.full((100, 4), np.nan, np.float32), "no number"),
        (np.eye(100, 4, dtype=np.float32), "zeros only"),
    ],
)
def test_an_answer_without_one_usable_vector_per_text_is_an_error_and_not_cached(
    tmp_path: Path, answer: Vectors, said: str
) -> None:
    with pytest.raises(FlywheelError, match=f"org/embed.*{said}"):
        embedded(TextVectors("org/embed", lambda texts, kind: answer, tmp_path))
    assert parts(tmp_path) == []


def test_a_model_that_has_changed_under_its_name_is_an_error_that_names_the_folder(tmp_path: Path) -> None:
    embedded(TextVectors("org/embed", Model().embed, tmp_path))
    changed = TextVectors("org/embed", lambda texts, kind: np.ones((len(texts), 3), np.float32), tmp_path)
    with pytest.raises(
        FlywheelError, match=f"16.*dimensions.*Delete {VectorCache(tmp_path, 'org/embed').folder}"
    ):
        embedded(changed, [*TEXTS, "a new one"])
