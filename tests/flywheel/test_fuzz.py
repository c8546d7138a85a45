import json
from pathlib import Path
from random import Random

import pytest

from bench.fuzz import LostError, check, fuzz
from bench.mutations import mutated
from tests.flywheel.samples import text_record, tool_record


def test_no_mutated_record_stops_the_data_path_or_vanishes_uncounted() -> None:
    found = fuzz([], seed=7, count=5_000)
    assert not found.failures, "\n\n".join(found.failures)
    assert (
        sum(found.outcomes.values()) >= found.lines
    )  # a line break that was put into a line makes two of it
    assert found.outcomes["kept"] > 500, "the mutations leave hardly anything to build from"
    assert len(found.outcomes) > 12, "the mutations are all of a kind"


def test_a_mutation_follows_from_its_seed_and_leaves_the_record_alone() -> None:
    record = tool_record("c", 3)
    before = json.dumps(record)
    assert [mutated(Random("7/0"), record) for _ in range(3)] == [mutated(Random("7/0"), record)] * 3
    assert json.dumps(record) == before


def test_the_check_notices_a_reason_that_nobody_explains(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(check.__globals__["REASONS"], "no_answer")
    records = [text_record(f"c{n}", f"question {n}", "answer") for n in range(40)]
    lines = [json.dumps(each).encode() for each in [*records, text_record("e", "question", " ")]]
    with pytest.raises(LostError):
        check(records[0], lines, tmp_path)
