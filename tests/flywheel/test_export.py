import gzip
import json
import lzma
from pathlib import Path

import pytest

from include.flywheel.errors import NotEnoughRecordsError, RecordError
from include.flywheel.export import export_logs
from include.flywheel.logs.files import FileLogs
from include.flywheel.records import Window, parse_window
from tests.flywheel.conftest import Export
from tests.flywheel.samples import CLIENT, DAY_ONE, WORKLOAD, read_rows, text_record, tool_record

DAY = 86400


def test_only_the_workload_in_the_window_is_exported(tmp_path: Path, export: Export) -> None:
    days = [text_record(f"c{day}", "q", f"a{day}", timestamp=DAY_ONE + day * DAY) for day in range(3)]
    other = {**text_record("o", "q", "a"), "workload_id": "other"}
    summary = export([*days, other], parse_window("2025-10-02", "2025-10-03"))
    assert summary.exported == 1
    assert [row["messages"][-1]["content"] for row in read_rows(tmp_path / "exported/rows.jsonl.zst")] == [
        "a1"
    ]
    assert (summary.start, summary.end) == ("2025-10-02T00:00:00+00:00", "2025-10-03T00:00:00+00:00")


def test_an_open_window_is_reported_as_what_it_found_and_finds_the_same_again(export: Export) -> None:
    days = [text_record(f"c{day}", "q", "a", timestamp=DAY_ONE + day * DAY + 0.25) for day in range(3)]
    found = export(days)
    again = export(days, parse_window(found.start, found.end))
    assert (found.exported, again.exported) == (3, 3)
    assert found.end == "2025-10-03T00:00:01+00:00"


def test_unreadable_lines_are_counted_and_named_not_fatal(export: Export) -> None:
    summary = export([text_record("c", "q", "a"), '{"half', "[1]", "", text_record("d", "q", "b")])
    assert (summary.exported, summary.unreadable) == (2, 2)
    assert summary.unreadable_lines == ["logs.jsonl:2", "logs.jsonl:3"]


def test_what_is_nearly_json_is_a_record_of_its_workload(tmp_path: Path) -> None:
    whole = json.dumps(text_record("c", "q", "a")).encode()
    lines = [
        whole.replace(b'"temperature": 0.1', b'"temperature": NaN'),
        whole.replace(b'"q"', b'"\xff"'),
        whole.replace(b'"q"', b'"\\ud800"'),
        whole.replace(b'"temperature": 0.1', b'"seed": ' + b"9" * 400),
        b"[" * 100_000,
        b'{"half',
    ]
    (tmp_path / "logs.jsonl").write_bytes(b"\n".join(lines))
    source = FileLogs(tmp_path / "logs.jsonl")
    assert len(list(source.records(CLIENT, WORKLOAD, parse_window("2025-10-01", "2025-10-02")))) == 4
    assert source.statistics.unreadable == 2


def test_a_record_without_a_time_is_exported_only_without_a_window(export: Export) -> None:
    records = [text_record("c", "q", "a", timestamp="soon"), text_record("d", "q", "b")]
    assert export(records).exported == 2
    bounded = export(records, parse_window("2025-01-01", None))
    assert (bounded.exported, bounded.undated) == (1, 1)


def test_milliseconds_and_iso_times_are_in_the_right_window(export: Export) -> None:
    times = [DAY_ONE * 1000, "2025-10-01T10:00:00Z", DAY_ONE + 2 * DAY]
    records = [text_record("c", "q", f"a{t}", timestamp=t) for t in times]
    assert export(records, parse_window("2025-10-01", "2025-10-02")).exported == 2


def test_packed_files_and_folders_are_read_in_order_of_their_names(tmp_path: Path) -> None:
    lines = [json.dumps(text_record("c", "q", name)).encode() + b"\n" for name in "abcd"]
    logs = tmp_path / "logs"
    (logs / "deep").mkdir(parents=True)
    (logs / "1.jsonl").write_bytes(b"\xef\xbb\xbf" + lines[0])
    (logs / "2.JSONL.GZ").write_bytes(gzip.compress(lines[1]))
    (logs / "3.json.xz").write_bytes(lzma.compress(lines[2]))
    (logs / "deep" / "4.ndjson").write_bytes(lines[3])
    (logs / "notes.txt").write_text("no log")
    source = FileLogs(logs)
    found = [r.record or {} for r in source.records(CLIENT, WORKLOAD, Window())]
    assert [r["response"]["choices"][0]["message"]["content"] for r in found] == ["a", "b", "c", "d"]
    assert source.statistics.files == 4


def test_finding_nothing_says_what_the_logs_hold(export: Export, tmp_path: Path) -> None:
    records = [
        {**tool_record("c", 0), "workload_id": "sales"},
        {**tool_record("c", 1), "workload_id": "sales"},
    ]
    with pytest.raises(NotEnoughRecordsError, match=r"sales of client acme \(2\), from 2025-10-01"):
        export(records)


def test_a_missing_or_damaged_log_is_a_record_error(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="is not there"):
        list(FileLogs(tmp_path / "none").records(CLIENT, WORKLOAD, Window()))
    packed = lzma.compress(json.dumps(text_record("c", "q", "a")).encode() * 50)
    (tmp_path / "cut.jsonl.xz").write_bytes(packed[: len(packed) // 2])
    zipped = gzip.compress(json.dumps(text_record("c", "q", "a")).encode() * 50)
    (tmp_path / "broken.jsonl.gz").write_bytes(zipped[:12] + b"\xff" * 8 + zipped[20:])
    for name in ("cut.jsonl.xz", "broken.jsonl.gz"):
        with pytest.raises(RecordError, match="damaged"):
            list(FileLogs(tmp_path / name).records(CLIENT, WORKLOAD, Window()))


def test_logs_without_a_single_record_say_what_is_expected(export: Export) -> None:
    with pytest.raises(NotEnoughRecordsError, match="one JSON object a line"):
        export(["[", "{", "}", "]"])


def test_a_failed_export_leaves_the_earlier_files_alone(tmp_path: Path, export: Export) -> None:
    export([text_record("c", "q", "a")])
    before = (tmp_path / "exported/rows.jsonl.zst").read_bytes()
    damaged = gzip.compress((tmp_path / "logs.jsonl").read_bytes() * 100)[:-20]
    (tmp_path / "damaged.jsonl.gz").write_bytes(damaged)
    with pytest.raises(RecordError, match="is damaged"):
        export_logs(
            FileLogs(tmp_path / "damaged.jsonl.gz"),
            client_id=CLIENT,
            workload_id=WORKLOAD,
            window=Window(),
            folder=tmp_path / "exported",
        )
    assert (tmp_path / "exported/rows.jsonl.zst").read_bytes() == before
    assert [p.name for p in (tmp_path / "exported").iterdir() if p.name.endswith(".part")] == []


def test_a_record_whose_owner_is_deeply_nested_is_nobodys(export: Export) -> None:
    levels = 1000  # still read, but no longer written
    text = json.dumps(tool_record("c", 1)).replace(f'"{CLIENT}"', "[" * levels + "]" * levels, 1)
    summary = export([tool_record("c", 0), text])
    assert (summary.exported, summary.unreadable) == (1, 0)
