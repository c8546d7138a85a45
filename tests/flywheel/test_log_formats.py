"""The same records from every format, and a plain word about files that are damaged."""

import gzip
import json
import lzma
import math
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from backports import zstd
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet
from upath import UPath

from include.flywheel.errors import RecordError
from include.flywheel.logs.files import FileLogs
from include.flywheel.logs.json_values import has_json_values
from include.flywheel.logs.skim import workload_shown
from include.flywheel.records import Window, parse_window
from tests.flywheel.samples import CLIENT, DAY_ONE, WORKLOAD, text_record, tool_record

RECORDS = [tool_record(f"c{i}", i % 3) for i in range(150)] + [text_record("ü", "Where?\u2028", "here")]


def lines(records: list[Any]) -> bytes:
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


def table(records: list[Any], **columns: Any) -> pa.Table:
    texts = {key: [json.dumps(r[key], indent=1) for r in records] for key in ("request", "response")}
    plain = {key: [r[key] for r in records] for key in ("timestamp", "client_id", "workload_id")}
    return pa.table({**plain, **texts, "more": [1] * len(records), **columns})


def as_parquet(records: list[Any]) -> bytes:
    out = pa.BufferOutputStream()
    parquet.write_table(table(records), out, row_group_size=70)
    return out.getvalue().to_pybytes()


def halves(packed: Callable[[bytes], bytes]) -> Callable[[list[Any]], bytes]:
    """Write two streams one after the other, as appending to a file does."""
    return lambda records: packed(lines(records[:50])) + packed(lines(records[50:]))


FORMATS: dict[str, Callable[[list[Any]], bytes]] = {
    "l.jsonl": lines,
    "l.ndjson": lambda records: b"\xef\xbb\xbf" + lines(records).replace(b"\n", b"\r\n\r\n"),
    "l.json": lines,
    "l.JSONL.gz": halves(gzip.compress),
    "l.jsonl.xz": halves(lzma.compress),
    "l.jsonl.zst": halves(zstd.compress),
    "array.json": lambda records: b"\xef\xbb\xbf\n" + json.dumps(records).encode(),
    "indented.json": lambda records: json.dumps(records, indent=2, ensure_ascii=False).encode(),
    "values.json": lambda records: "\n".join(json.dumps(r, indent=1) for r in records).encode(),
    "array.json.zst": lambda records: zstd.compress(json.dumps(records).encode()),
    "l.parquet": as_parquet,
}


def read(path: Path, window: Window | None = None) -> list[Any]:
    """Return the records that are found."""
    return [record.record for record in FileLogs(path).records(CLIENT, WORKLOAD, window or Window())]


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_the_same_records(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(FORMATS[name](RECORDS))
    assert read(tmp_path / name) == RECORDS
    assert read(tmp_path) == RECORDS


def test_a_folder_of_an_object_store_holds_all_formats() -> None:
    folder = UPath("memory://logs/deep")
    for number, (name, written) in enumerate(FORMATS.items()):
        (folder / f"{number:02}").mkdir(parents=True)
        (folder / f"{number:02}" / name).write_bytes(written([text_record(None, name, "a")]))
    (folder / "a.json").mkdir()
    (folder / "notes.txt").write_bytes(b"no log")
    found = read(folder)
    assert [record["request"]["messages"][0]["content"] for record in found] == list(FORMATS)
    assert read(folder / "00" / "l.jsonl") == found[:1]
    with pytest.raises(RecordError, match="is not there"):
        read(folder / "none")


@pytest.mark.parametrize("name", [name for name in FORMATS if name not in ("l.jsonl", "l.ndjson", "l.json")])
def test_a_file_that_was_cut_off_is_an_error_that_names_it(tmp_path: Path, name: str) -> None:
    whole = FORMATS[name](RECORDS)
    for size in (len(whole) // 2, len(whole) - 3):
        (tmp_path / name).write_bytes(whole[:size])
        with pytest.raises(RecordError, match=rf"{name} is damaged.*Fetch it again"):
            read(tmp_path / name)


@pytest.mark.parametrize("name", ["l.JSONL.gz", "l.jsonl.xz", "l.jsonl.zst", "l.parquet"])
def test_a_file_with_broken_bytes_is_an_error_that_names_it(tmp_path: Path, name: str) -> None:
    whole = FORMATS[name](RECORDS)
    for broken in (whole[:12] + b"\xff" * 300 + whole[312:], b"no such file" * 10):
        (tmp_path / name).write_bytes(broken)
        with pytest.raises(RecordError, match=rf"{name} is damaged.*Fetch it again"):
            read(tmp_path / name)


def test_an_array_that_is_broken_says_where_and_how_to_mend_it(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(RECORDS[:2])[:-1] + ', {"half": }]')
    with pytest.raises(RecordError, match=r"after its record 2: .* jq -c '\.\[\]' a\.json > a\.jsonl"):
        read(tmp_path / "a.json")


def test_an_array_that_lost_its_end_between_two_records_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(RECORDS[:2])[:-1] + ",")
    with pytest.raises(RecordError, match="after its record 2: the array has no end"):
        read(tmp_path / "a.json")


def test_a_record_of_an_array_may_be_longer_than_what_is_read_at_once(tmp_path: Path) -> None:
    records = [text_record("c", "q" * 3_000_000, "é"), text_record("d", "q", "a")]
    (tmp_path / "a.json").write_text(json.dumps(records, ensure_ascii=False), encoding="utf-8")
    assert read(tmp_path / "a.json") == records


def test_what_is_no_record_in_an_array_is_counted(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps([1, RECORDS[0], [RECORDS[1]]]))
    source = FileLogs(tmp_path / "a.json")
    assert len(list(source.records(CLIENT, WORKLOAD, Window()))) == 1
    assert source.statistics.unreadable_lines == ["a.json:1", "a.json:3"]
    assert not has_json_values(b'{"timestamp": 1}\n')


def test_structs_of_parquet_are_records_without_the_keys_of_others(tmp_path: Path) -> None:
    records = [text_record("c", "q", "a", seed=1), text_record("d", "q", "b", stop=["x"], user="u")]
    parquet.write_table(pa.Table.from_pylist(records), tmp_path / "l.parquet")
    assert read(tmp_path / "l.parquet") == records


@pytest.mark.parametrize(
    "times",
    [
        pa.array([DAY_ONE + 0.5, DAY_ONE + 86400]),
        pa.array([DAY_ONE * 1000, (DAY_ONE + 86400) * 1000]),
        pa.array([datetime.fromtimestamp(DAY_ONE, UTC), datetime.fromtimestamp(DAY_ONE + 86400, UTC)]),
        pa.array([DAY_ONE * 10**9 + 1, (DAY_ONE + 86400) * 10**9], pa.timestamp("ns")),
        pa.array(["2025-10-01T00:00:00Z", "2025-10-02"]),
        pa.array([datetime.fromtimestamp(DAY_ONE, UTC), None]).cast(pa.date32()),
        pa.array([DAY_ONE, math.nan]),
    ],
    ids=lambda times: str(times.type),
)
def test_times_of_parquet_are_in_the_right_window(tmp_path: Path, times: pa.Array) -> None:
    parquet.write_table(table(RECORDS[:2], timestamp=times), tmp_path / "l.parquet")
    found = read(tmp_path / "l.parquet", parse_window("2025-10-01", "2025-10-02"))
    assert [record["request"] for record in found] == [RECORDS[0]["request"]]


def test_columns_of_parquet_may_be_categories_bytes_or_no_json(tmp_path: Path) -> None:
    changes = {
        "workload_id": pa.array([WORKLOAD] * 3).dictionary_encode(),
        "request": pa.array([json.dumps(record["request"]).encode() for record in RECORDS[:3]]),
        "response": ["data: {}\n\ndata: [DONE]", None, '{"half'],
    }
    parquet.write_table(table(RECORDS[:3], **changes), tmp_path / "l.parquet")
    source = FileLogs(tmp_path / "l.parquet")
    found = [r.record["response"] for r in source.records(CLIENT, WORKLOAD, Window()) if r.record]
    assert found == ["data: {}\n\ndata: [DONE]", None]
    assert source.statistics.unreadable_lines == ["l.parquet:3"]


def test_a_parquet_file_without_a_column_is_an_error_that_names_both(tmp_path: Path) -> None:
    parquet.write_table(table(RECORDS).drop_columns(["client_id", "response"]), tmp_path / "l.parquet")
    with pytest.raises(RecordError, match=r"l\.parquet has no column client_id, response"):
        read(tmp_path / "l.parquet")


def test_a_file_without_line_breaks_does_not_fill_the_memory(tmp_path: Path) -> None:
    with (tmp_path / "l.jsonl").open("wb") as file:
        file.truncate((1 << 26) + 1)
    with pytest.raises(RecordError, match="line at byte 0 is longer than 64 MiB"):
        read(tmp_path / "l.jsonl")


def test_who_finds_nothing_is_told_of_all_that_was_passed_over(tmp_path: Path) -> None:
    (tmp_path / "l.jsonl").write_bytes(lines(RECORDS) + b'{"workload_id": "cut\n')
    source = FileLogs(tmp_path)
    assert list(source.records(CLIENT, "sales", Window())) == []
    told = source.statistics.describe()
    assert f"1 file(s) with {WORKLOAD} of client {CLIENT} (151), from 2025-10-01" in told
    assert told.endswith("1 unreadable line(s)")


IDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=6) | st.sampled_from(
    ["a.b", "x/y", 'a"', 1, None]
)


@settings(deadline=None, derandomize=True, max_examples=100)
@given(
    top=st.permutations(["timestamp", "client_id", "workload_id", "request", "response"]),
    workload=IDS,
    inner=IDS,
    ascii_only=st.booleans(),
    indent=st.sampled_from([(",", ":"), (", ", ": "), (" , ", " : ")]),
)
def test_a_line_never_shows_a_workload_that_is_not_its_own(
    top: list[str], workload: Any, inner: Any, ascii_only: bool, indent: tuple[str, str]
) -> None:
    other = {"workload_id": inner, "client_id": "c"}
    text = json.dumps({"a": [other], "workload_id": inner})
    values = {
        "timestamp": 1.5e9,
        "client_id": "c",
        "workload_id": workload,
        "request": other,
        "response": [text, other],
    }
    line = json.dumps({key: values[key] for key in top}, ensure_ascii=ascii_only, separators=indent).encode()
    shown = workload_shown(line)
    assert shown is None or shown.decode() == workload
    if workload == "a.b" and {top.index("request"), top.index("response")} != {0, 4}:
        between = sorted((top.index("request"), top.index("response")))
        assert (shown is None) == (between[0] < top.index("workload_id") < between[1])
