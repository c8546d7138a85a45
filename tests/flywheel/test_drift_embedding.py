"""Whether conversations are unlike earlier ones, by vectors: simulated, kept, and chosen from real windows."""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from include.flywheel.drift.embedding import compare_vectors, embedding_drift
from include.flywheel.drift.result import Drift, Finding
from include.flywheel.drift.section import drift_section
from include.flywheel.drift.vector_differences import centroids_differ, cliffs_delta, pooled
from include.flywheel.drift.vector_history import WindowVectors, keep_vectors, vectors_before
from include.flywheel.drift.vector_sample import MOST_CONVERSATIONS, SampledVectors, sample_texts
from include.flywheel.text_vectors import TextVectors
from include.flywheel.vector_cache import text_key
from tests.flywheel.conftest import Curate
from tests.flywheel.drift_samples import drawn_vectors
from tests.flywheel.embedding import Model, vector
from tests.flywheel.samples import text_record, tool_record

SIMULATIONS = 300


def usual(rng: np.random.Generator, windows: int = 8, **drawn: Any) -> list[WindowVectors]:
    return [drawn_vectors(rng, day, **drawn) for day in range(windows)]


def only(drift: Drift) -> Finding:
    [finding] = drift.findings
    assert (finding.topic, finding.severity) == ("embedding", drift.severity)
    return finding


@pytest.mark.parametrize(("conversations", "windows"), [(10, 1), (30, 1), (200, 1), (30, 8)])
def test_windows_of_the_same_traffic_hardly_ever_raise_an_alarm(conversations: int, windows: int) -> None:
    rng = np.random.default_rng(20251001)
    found = [
        compare_vectors(drawn_vectors(rng, 8, conversations=conversations), previous).severity
        for _ in range(SIMULATIONS)
        if (previous := usual(rng, windows, conversations=conversations))
    ]
    assert found.count("strong") <= 0.01 * SIMULATIONS
    assert found.count("notice") <= 0.01 * SIMULATIONS


@pytest.mark.parametrize(
    ("conversations", "moved", "severities"),
    [(200, 0.45, {"strong"}), (200, 0.25, {"strong", "notice"}), (50, 0.5, {"strong", "notice"})],
)
def test_a_share_of_the_conversations_about_something_new_is_found_nine_times_in_ten(
    conversations: int, moved: float, severities: set[str]
) -> None:
    rng = np.random.default_rng(20251001)
    found = []
    for _ in range(20):
        previous = usual(rng, 4, conversations=conversations)
        now = drawn_vectors(rng, 8, conversations=conversations, moved=moved)
        found.append(only(compare_vectors(now, previous)))
    assert sum(finding.severity in severities for finding in found) >= 18
    # The effect is about the share of the conversations that moved.
    assert np.mean([finding.effect or 0 for finding in found]) == pytest.approx(moved, abs=0.06)


def test_the_sentence_says_how_often_a_pair_is_told_apart_and_by_which_model() -> None:
    rng = np.random.default_rng(0)
    moved = compare_vectors(drawn_vectors(rng, 8, moved=0.6), usual(rng))
    assert only(moved).sentence == (
        "Conversations are unlike those of the last 8 windows: their embeddings (org/embed) tell one of this window from "
        f"an earlier one in {50 + 50 * (only(moved).effect or 0):.0f} of 100 pairs (50 is guessing)."
    )
    assert only(compare_vectors(drawn_vectors(rng, 8), usual(rng))).sentence.startswith(
        "Conversations are like those of the last 8 windows: "
    )
    few = compare_vectors(drawn_vectors(rng, 8, conversations=10, moved=0.4), usual(rng, 1, conversations=10))
    assert (only(few).severity, (only(few).effect or 0) > 0.147) == ("none", True)
    assert "differ from those of the window before by no more than chance" in only(few).sentence


def test_a_change_that_an_earlier_window_had_as_well_is_a_notice() -> None:
    rng = np.random.default_rng(0)
    windows = [drawn_vectors(rng, day, moved=0.6 if day in (5, 8) else 0.0) for day in range(9)]
    finding = only(compare_vectors(windows[8], windows[:8]))
    assert finding.severity == "notice"
    assert "pairs (50 is guessing); the window from 2025-10-06 does not clearly differ" in finding.sentence


def test_the_figure_shows_how_far_the_previous_windows_are_from_each_other() -> None:
    rng = np.random.default_rng(0)
    windows = [drawn_vectors(rng, day, moved=0.6 if day == 3 else 0.0) for day in range(9)]
    [figure] = compare_vectors(windows[8], windows[:8]).figures
    assert figure.name == "embedding_distance"
    assert (figure.high or 0) == pytest.approx(0.6, abs=0.1)
    assert (figure.median or 0) < 0.147
    [alone] = compare_vectors(windows[8], windows[:1]).figures
    assert (alone.median, alone.low, alone.high) == (None, None, None)


def test_a_handful_of_conversations_is_not_compared() -> None:
    rng = np.random.default_rng(0)
    drift = compare_vectors(drawn_vectors(rng, 8, conversations=9), usual(rng, 1))
    assert only(drift).sentence == (
        "Embeddings are not compared: 9 conversations here and 200 in the window before are too few."
    )
    assert drift.figures == []


def test_of_many_windows_a_part_of_each_is_compared() -> None:
    samples = [np.full((500, 2), number, np.float32) for number in range(60)]
    together = pooled(samples)
    assert len(together) == 60 * (4000 // 60)
    assert set(together[:, 0]) == set(range(60))


def test_samples_that_are_equal_do_not_differ() -> None:
    same = np.ones((20, 4), np.float32)
    assert cliffs_delta(same, same) == 0
    assert not centroids_differ(same, same)


def test_kept_vectors_come_back_as_they_are_compared_whatever_order_windows_ran_in(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    days = usual(rng, 5)
    for day in (3, 0, 4, 1, 2):
        keep_vectors(days[day], tmp_path)
    found, others, notes = vectors_before(days[3], tmp_path, 2)
    assert [window.start for window in found] == [days[1].start, days[2].start]
    assert (found[0].vectors == days[1].vectors).all()
    assert (others, notes) == (False, [])
    assert compare_vectors(days[3], found) == compare_vectors(days[3], days[1:3])


def test_a_damaged_file_is_left_out_and_named_in_the_report(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for day in range(4):
        path = keep_vectors(drawn_vectors(rng, day), tmp_path)
        content = path.read_bytes()
        damaged = [content[:-1], content[:-1] + b"\x00", b"", content][day]
        path.write_bytes(damaged)
    found, _, notes = vectors_before(drawn_vectors(rng, 4), tmp_path, 8)
    assert [window.start.day for window in found] == [4]
    assert len(notes) == 3
    assert "20251001T000000Z--20251002T000000Z.vectors cannot be read and are left out" in notes[2]
    assert "(file: it is damaged). Run that window again" in notes[1]


ORIGIN = {"start": "2025-10-09T00:00:00+00:00", "end": "2025-10-10T00:00:00+00:00", "windows": 8}


def sampled(tmp_path: Path, texts: Sequence[str], model: Model, name: str = "org/embed") -> SampledVectors:
    return SampledVectors(TextVectors(name, model.embed, tmp_path / "embeddings"), texts)


def compared(tmp_path: Path, history: str = "history", **changes: Any) -> Drift:
    sample = sampled(tmp_path, [f"question {number}" for number in range(30)], Model())
    return embedding_drift(sample, history=tmp_path / history, **{**ORIGIN, **changes})


def test_windows_of_another_model_or_dimension_are_not_compared_and_that_is_said(tmp_path: Path) -> None:
    assert only(compared(tmp_path)).sentence == "Embeddings are not compared: no earlier window has any."
    rng = np.random.default_rng(0)
    for history, changes in {"model": {"model": "org/other"}, "dimension": {"dimension": 8}}.items():
        keep_vectors(drawn_vectors(rng, **changes), tmp_path / history)
        assert only(compared(tmp_path, history)).sentence == (
            "Embeddings are not compared: those of earlier windows are of another model than org/embed."
        )
    later = drawn_vectors(rng, 9, model="org/other")
    keep_vectors(later, tmp_path / "later")
    assert "no earlier window has any" in only(compared(tmp_path, "later")).sentence


def test_a_window_that_is_run_again_replaces_its_vectors_and_is_not_compared_with_itself(
    tmp_path: Path,
) -> None:
    first, again = compared(tmp_path), compared(tmp_path)
    assert first == again
    assert "no earlier window has any" in only(again).sentence
    assert len(list((tmp_path / "history").rglob("*.vectors"))) == 1


def test_a_window_without_bounds_or_texts_is_not_compared(tmp_path: Path) -> None:
    assert "no start or end" in only(compared(tmp_path, start="", end="")).sentence
    nothing = embedding_drift(sampled(tmp_path, [], Model()), history=tmp_path / "history", **ORIGIN)  # type: ignore[arg-type]
    assert "no conversation here has a text" in only(nothing).sentence
    assert not (tmp_path / "history").exists()


def test_the_sample_has_one_record_of_each_conversation_and_does_not_depend_on_their_order(
    tmp_path: Path, curated: Curate
) -> None:
    records = [tool_record(f"c{c}", turn) for c in range(40) for turn in range(3)]
    nothing = text_record("silent", "", "answer")
    curated([*records, nothing], workload_type="tool_calling")
    texts = sample_texts(tmp_path / "exported", tmp_path / "curated")
    assert len(texts) == len({text.split("order ")[1].split(".")[0] for text in texts}) == 40
    assert len({text.count("tool call") for text in texts}) > 1
    random.Random(0).shuffle(records)
    curated(records, workload_type="tool_calling")
    assert sample_texts(tmp_path / "exported", tmp_path / "curated") == texts


def test_of_many_conversations_some_are_sampled(tmp_path: Path, curated: Curate) -> None:
    curated([text_record(f"c{i}", f"question {i} {i * i}", f"answer {i}") for i in range(600)])
    texts = sample_texts(tmp_path / "exported", tmp_path / "curated")
    assert len(set(texts)) == len(texts) == MOST_CONVERSATIONS


def test_the_sample_is_embedded_with_the_passages_and_only_what_is_not_there_is_asked_for(
    tmp_path: Path,
) -> None:
    passages = [f"passage {number}" for number in range(1500)]
    wanted = ["only sampled", passages[3], "only sampled", passages[1200]]
    model = Model()
    vectors = sampled(tmp_path, wanted, model)
    numbers = {text_key(text): number for number, text in enumerate(passages)}

    def read(chosen: Sequence[int]) -> list[str]:
        assert list(chosen) == sorted(chosen)
        return [passages[number] for number in chosen]

    list(vectors.blocks({text_key("q"): 0}, lambda _: ["q"], "query"))
    seen = {
        key: row
        for keys, block in vectors.blocks(numbers, read, "passage")
        for key, row in zip(keys, block, strict=True)
    }
    assert set(seen) == set(numbers)
    assert all((seen[key] == vector(passages[number])).all() for key, number in numbers.items())
    expected = np.stack([vector(text) / np.linalg.norm(vector(text)) for text in wanted])
    assert vectors.sample() == pytest.approx(expected, abs=1e-6)
    assert sorted(model.asked) == sorted(
        [("q", "query"), *((text, "passage") for text in [*passages, "only sampled"])]
    )


def test_the_sample_is_asked_for_where_no_passage_was(tmp_path: Path) -> None:
    model = Model()
    assert sampled(tmp_path, ["one", "two"], model).sample().shape == (2, 16)
    assert model.asked == [("one", "passage"), ("two", "passage")]


def test_what_embeddings_say_stands_among_the_other_findings_by_its_gravity() -> None:
    rng = np.random.default_rng(0)
    other = Drift(
        severity="notice",
        findings=[Finding(topic="volume", severity="notice", sentence="More.")],
        notes=["first"],
        plot="drift.svg",
    )
    more = compare_vectors(drawn_vectors(rng, 8, moved=0.6), usual(rng)).model_copy(
        update={"notes": ["second"]}
    )
    drift = other.joined(more)
    assert [finding.topic for finding in drift.findings] == ["embedding", "volume"]
    assert (drift.severity, drift.notes, drift.plot) == ("strong", ["first", "second"], "drift.svg")
    text = drift_section(drift)
    assert text.startswith("- **strong**: Conversations are unlike")
    assert f"| embedding distance (Cliff's delta) | {drift.figures[0].current:.2f} |" in text
