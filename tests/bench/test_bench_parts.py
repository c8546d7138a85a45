import json
from pathlib import Path

import pytest

from bench.child import run_module
from bench.data import measure_streamed
from bench.logs import templates, write_log
from bench.outcome import Target, finish
from bench.replicas import Template, replicas
from tests.flywheel.samples import CLIENT, WORKLOAD, tool_record


def test_replicas_are_json_of_other_conversations_and_words() -> None:
    made = [json.loads(line) for line in replicas([Template.of(tool_record("conversation", 2))], 50)]
    for differs in (
        {each["request"]["metadata"]["conversation_id"] for each in made},
        {each["response"]["id"] for each in made},
        {each["request"]["messages"][1]["content"] for each in made},
        {each["timestamp"] for each in made},
    ):
        assert len(differs) == 50
    assert {each["request"]["messages"][0]["content"] for each in made} == {"Help the customer."}


def test_fewer_replicas_than_records_take_every_nth_once() -> None:
    some = [Template.of(tool_record(f"c{n}", 0)) for n in range(10)]
    made = [json.loads(line)["request"]["metadata"]["conversation_id"][:2] for line in replicas(some, 5)]
    assert made == ["c0", "c2", "c4", "c6", "c8"]


def test_the_sample_is_as_large_as_a_real_log(tmp_path: Path) -> None:
    size = write_log(tmp_path / "log.jsonl", templates("tool", []), 200)
    assert size / 200 == pytest.approx(34_700, rel=0.05)


def test_path_and_floor_are_measured_in_processes_of_their_own(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    write_log(log, [Template.of(tool_record(f"c{n}", n % 3)) for n in range(50)], 200)
    for which in ("path", "floor"):
        found = run_module("bench.data_path", which, str(log), str(tmp_path), CLIENT, WORKLOAD, "200")
        assert found.result["total"] > 0
        assert 10 < found.peak_mb < 300


def test_a_streamed_log_takes_the_same_path_and_is_never_stored(tmp_path: Path) -> None:
    some = [Template.of(tool_record(f"c{n}", n % 3)) for n in range(50)]
    size = write_log(tmp_path / "stored.jsonl", some, 400)
    row = measure_streamed("tool", 400, some, tmp_path)
    assert row.kept == 400
    assert row.bytes == pytest.approx(size, rel=0.01)
    assert row.cells()[8:11] == ["–", "–", "–"]
    assert [path.name for path in tmp_path.iterdir()] == ["stored.jsonl"]


def test_a_missed_target_is_the_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert finish("b", {"seconds": Target(2, 3), "rows": Target(5, 4, at_least=True)}) == 0
    assert finish("b", {"seconds": Target(4, 3)}) == 1
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert last == {"bench": "b", "targets": {"seconds": {"value": 4, "target": 3, "ok": False}}}
