"""The file and what its summary says of it."""

import datetime
import gzip
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from include.sample_logs import CLIENT_ID, write_sample_logs
from tests.sample_logs.conftest import Sample, answer_of

ROOT = Path(__file__).parents[2]


def run_command(*arguments: str, hash_seed: str = "0") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "include.sample_logs", *arguments],
        cwd=ROOT,
        env=os.environ | {"PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=False,
    )


def is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def test_the_same_arguments_give_the_same_bytes_in_every_process(tmp_path: Path) -> None:
    for name in ("1", "2"):
        run_command("--out", str(tmp_path / name), "--conversations", "30", hash_seed=name)
    first = (tmp_path / "1").read_bytes()
    assert first
    assert first == (tmp_path / "2").read_bytes()


def test_gzip_holds_the_same_text_and_no_clock(tmp_path: Path) -> None:
    plain, once, twice = tmp_path / "a.jsonl", tmp_path / "b.jsonl.gz", tmp_path / "c.jsonl.gz"
    for path in (plain, once, twice):
        write_sample_logs(path, conversations=10)
    assert gzip.decompress(once.read_bytes()) == plain.read_bytes()
    assert once.read_bytes() == twice.read_bytes()
    assert once.read_bytes()[4:8] == bytes(4), "gzip's time stamp"


def test_another_seed_changes_what_the_callers_say(tmp_path: Path) -> None:
    write_sample_logs(tmp_path / "a", seed=7, conversations=10)
    write_sample_logs(tmp_path / "b", seed=8, conversations=10)
    assert not set((tmp_path / "a").read_bytes().splitlines()) & set(
        (tmp_path / "b").read_bytes().splitlines()
    )


def test_the_default_sample_is_of_a_size_to_train_on(sample: Sample) -> None:
    assert 1200 <= sample.summary.records["support.desk"] <= 1500
    sizes = sorted(len(line) for line in sample.lines)
    assert sizes[len(sizes) * 9 // 10] < 12_500
    assert sizes[-1] < 16_000


def test_the_summary_counts_what_a_stranger_counts(sample: Sample) -> None:
    desk = sample.of("support.desk")
    calls = [answer_of(record).get("tool_calls", []) for record in desk]
    counted = {
        "lines": len(sample.lines),
        "records": dict(Counter(record["workload_id"] for record in sample.records)),
        "parallel_calls": sum(len(made) > 1 for made in calls),
        "text_answers": sum(not made for made in calls),
        "object_arguments": sum(
            bool(made) and isinstance(made[0]["function"]["arguments"], dict) for made in calls
        ),
        "without_conversation_id": sum("metadata" not in record["request"] for record in desk),
        "first_timestamp": min(record["timestamp"] for record in sample.records),
        "last_timestamp": max(record["timestamp"] for record in sample.records),
    }
    assert counted.items() <= sample.summary.as_dict().items()
    assert min(counted["parallel_calls"], counted["text_answers"], counted["object_arguments"]) > 0
    assert {record["client_id"] for record in sample.records} == {CLIENT_ID}


def test_every_line_is_well_formed_or_declared_malformed(sample: Sample) -> None:
    assert sum(sample.summary.malformed.values()) == len(sample.lines) - len(sample.records)
    assert len(sample.summary.malformed) == 9
    assert sample.summary.malformed["cut_off_line"] == sum(not is_json(line) for line in sample.lines)


def test_duplicates_and_contradictions_are_as_declared(sample: Sample) -> None:
    answers: dict[str, list[str]] = {}
    for record in sample.of("support.desk"):
        answers.setdefault(json.dumps(record["request"]["messages"]), []).append(
            json.dumps(answer_of(record))
        )
    repeats = sum(len(given) - len(set(given)) for given in answers.values())
    assert repeats == sample.summary.duplicates["support.desk"] > 20
    disputed = sum(len(set(given)) > 1 for given in answers.values())
    assert disputed == sample.summary.contradictions > 3


def test_records_come_in_time_order_within_the_days_asked_for(sample: Sample) -> None:
    stamps = [record["timestamp"] for record in sample.records]
    assert stamps == sorted(stamps)
    begin = datetime.datetime(2025, 10, 1, tzinfo=datetime.UTC).timestamp()
    assert begin <= stamps[0] < begin + 86_400
    assert begin + 29 * 86_400 <= stamps[-1] < begin + 30 * 86_400


def test_callers_keep_office_hours_and_call_less_at_weekends(sample: Sample) -> None:
    moments = [
        datetime.datetime.fromtimestamp(group[0]["timestamp"], datetime.UTC)
        for group in sample.conversations()
    ]
    assert all(8 <= moment.hour <= 20 for moment in moments)
    weekend = sum(moment.weekday() >= 5 for moment in moments) / len(moments)
    assert 0.02 < weekend < 0.2


def test_a_short_log_of_other_days_is_filled_and_drifts_too(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "logs.jsonl"
    summary = write_sample_logs(path, days=3, conversations=40, start=datetime.date(2026, 2, 27))
    assert summary.drift == {"check_outage": "2026-02-28", "reboot_device": "2026-03-01"}
    begin = datetime.datetime(2026, 2, 27, tzinfo=datetime.UTC).timestamp()
    assert begin <= summary.first_timestamp < summary.last_timestamp < begin + 3 * 86_400


def test_nothing_to_write_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="a conversation and a day"):
        write_sample_logs(tmp_path / "a", days=0)
    refused = run_command("--out", str(tmp_path / "a"), "--conversations", "0")
    assert refused.returncode == 2
    assert "at least 1" in refused.stderr
    assert not (tmp_path / "a").exists()


def test_the_command_prints_the_summary_as_json(tmp_path: Path) -> None:
    path = tmp_path / "logs.jsonl.gz"
    done = run_command(
        "--out", str(path), "--conversations", "12", "--days", "5", "--start", "2025-11-03", "--seed", "1"
    )
    assert done.returncode == 0, done.stderr
    printed = json.loads(done.stdout)
    again = write_sample_logs(path, seed=1, days=5, conversations=12, start=datetime.date(2025, 11, 3))
    assert printed == again.as_dict()
