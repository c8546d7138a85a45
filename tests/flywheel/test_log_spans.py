"""Logs in files, read in consecutive pieces: together they are what one reader finds."""

import gzip
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.flywheel.errors import NotEnoughRecordsError, RecordError
from include.flywheel.export import ExportSummary, export_part, join_parts, read_signatures
from include.flywheel.jsonl import read_lines
from include.flywheel.logs.files import FileLogs
from include.flywheel.logs.spans import Cut, Span, file_spans
from include.flywheel.records import Window
from tests.flywheel.samples import CLIENT, WORKLOAD, text_record, tool_record, write_logs

#: The same logs in every run: a test that turns red speaks of a change in the code.
tried = settings(max_examples=60, deadline=None, derandomize=True, database=None)

lines = st.one_of(
    st.integers(0, 400).map(lambda size: orjson.dumps(text_record("c", "q" * size, "a"))),
    st.sampled_from([b"", b"{", b"nonsense " * 30, b"\r"]),
)
texts = st.builds(
    lambda some, end: b"\n".join(some) + end,
    st.lists(lines, max_size=12),
    st.sampled_from([b"", b"\n", b"\n\n"]),
)
names = st.sampled_from(["a.jsonl", "b.ndjson", "b/c.jsonl", "d.jsonl.gz"])
folders = st.dictionaries(names, texts, min_size=1, max_size=4)


def found(logs: FileLogs) -> tuple[list[Any], list[str]]:
    """Where each record stands and its time, and what is unreadable."""
    records = [(record.where, record.timestamp) for record in logs.records(CLIENT, WORKLOAD, Window())]
    return records, logs.statistics.unreadable_lines


@tried
@given(folders, st.integers(1, 6))
def test_every_line_is_in_exactly_one_span_and_named_as_in_the_whole(
    files: dict[str, bytes], most: int
) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        for path, text in files.items():
            (folder / path).parent.mkdir(exist_ok=True)
            (folder / path).write_bytes(gzip.compress(text) if path.endswith(".gz") else text)
        whole = found(FileLogs(folder))
        spans = FileLogs(folder).spans(piece=1, most=most)
        assert 1 <= len(spans) <= most
        pieces = [found(FileLogs(folder, span)) for span in spans]
        assert [record for records, _ in pieces for record in records] == whole[0]
        assert [line for _, unreadable in pieces for line in unreadable][:5] == whole[1]


def test_a_large_file_is_cut_into_equal_pieces_and_a_small_one_is_not(tmp_path: Path) -> None:
    log = write_logs(tmp_path / "log.jsonl", [tool_record(f"c{c}", 1) for c in range(400)])
    size = log.stat().st_size
    assert FileLogs(log).spans(piece=size) == [Span()]
    spans = FileLogs(log).spans(piece=size // 4, most=8)
    edges = [0, *(span.end.at for span in spans if span.end), size]
    assert len(spans) == 4
    assert all(abs((b - a) - size / 4) < 4000 for a, b in pairwise(edges))
    assert len(FileLogs(log).spans(piece=1, most=3)) == 3


def test_what_is_packed_stays_whole(tmp_path: Path) -> None:
    text = write_logs(tmp_path / "log.jsonl", [tool_record(f"c{c}", 1) for c in range(50)]).read_bytes()
    (tmp_path / "log.jsonl").unlink()
    for name in ("a.jsonl.gz", "b.jsonl.gz", "c.jsonl.gz"):
        (tmp_path / name).write_bytes(gzip.compress(text))
    spans = FileLogs(tmp_path).spans(piece=1, most=8)
    assert {cut.at for span in spans for cut in span if cut} == {0}
    assert [len(found(FileLogs(tmp_path, span))[0]) for span in spans] == [50, 50, 50]


def test_a_file_without_line_breaks_is_not_divided(tmp_path: Path) -> None:
    with (tmp_path / "l.jsonl").open("wb") as file:
        file.truncate(1 << 28)
    assert file_spans([("", tmp_path / "l.jsonl")], piece=1, most=2) == [Span()]


def test_what_is_appended_after_the_cut_belongs_to_the_last_piece(tmp_path: Path) -> None:
    log = write_logs(tmp_path / "log.jsonl", [text_record(f"c{c}", "q", "a") for c in range(10)])
    first, last = FileLogs(log).spans(piece=1, most=2)
    before = found(FileLogs(log, first))
    with log.open("ab") as file:
        file.write(orjson.dumps(text_record("new", "q", "a")) + b"\n")
    assert found(FileLogs(log, first)) == before
    assert found(FileLogs(log, last))[0][-1][0] == "log.jsonl:11"


@pytest.mark.parametrize("change", ["shorter", "other lines"])
def test_logs_that_were_replaced_after_the_cut_are_an_error(tmp_path: Path, change: str) -> None:
    log = write_logs(tmp_path / "log.jsonl", [text_record(f"c{c}", "q", "a") for c in range(10)])
    first, last = FileLogs(log).spans(piece=1, most=2)
    if change == "shorter":
        write_logs(log, [text_record("c", "q", "a")])
        with pytest.raises(RecordError, match="has become shorter"):
            found(FileLogs(log, last))
    else:
        write_logs(log, [text_record("c", "q" * 100_000, "a")])
        with pytest.raises(RecordError, match="has changed"):
            found(FileLogs(log, first))


def test_a_span_knows_its_bytes_of_each_file() -> None:
    span = Span(Cut("b", 10), Cut("d", 20))
    assert [span.of(file) for file in "abcde"] == [None, (10, None), (0, None), (0, 20), None]
    assert Span(None, Cut("b", 0)).of("b") is None
    assert Span(Cut("b", 0), None).of("b") == (0, None)
    assert Span().of("anything") == (0, None)


def exported(log: Path, folder: Path, most: int) -> ExportSummary:
    """Export a log as several tasks do."""
    spans = FileLogs(log).spans(piece=1, most=most)
    parts = [
        export_part(
            FileLogs(log, span), client_id=CLIENT, workload_id=WORKLOAD, window=Window(), folder=folder,
            part=number, parts=len(spans),
        )
        for number, span in enumerate(spans, start=1)
    ]  # fmt: skip
    return join_parts(parts, client_id=CLIENT, workload_id=WORKLOAD, window=Window(), folder=folder)


def test_parts_together_are_the_export_of_the_whole_whatever_the_order_of_its_times(tmp_path: Path) -> None:
    records: list[Any] = [tool_record(f"c{c}", turn) for c in range(30) for turn in range(3)]
    records = [{**each, "timestamp": each["timestamp"] - 60 * i} for i, each in enumerate(records)]
    log = write_logs(tmp_path / "log.jsonl", [*records, "{", text_record("c", "q", "")])
    one, several = exported(log, tmp_path / "one", 1), exported(log, tmp_path / "several", 4)
    assert one == several
    places = sorted((tmp_path / "several").glob("part-*"))
    assert len(places) == 4
    for file in ("rows.jsonl.zst", "found.jsonl"):
        assert [line for place in places for line in read_lines(place / file)] == list(
            read_lines(tmp_path / "one" / file)
        )
    signatures = b"".join(block for place in places for block in read_signatures(place))
    assert signatures == b"".join(read_signatures(tmp_path / "one"))


def test_parts_that_found_nothing_say_together_what_the_logs_hold(tmp_path: Path) -> None:
    others = [
        {**text_record("c", "q", "a"), "workload_id": name} for name in ("sales", "billing") for _ in range(5)
    ]
    with pytest.raises(NotEnoughRecordsError, match=rf"{WORKLOAD} of client {CLIENT} .*sales.*; .*billing"):
        exported(write_logs(tmp_path / "log.jsonl", others), tmp_path / "out", 2)
