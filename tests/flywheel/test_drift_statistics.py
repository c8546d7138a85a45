from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from include.flywheel.drift.counts import count, lengths
from include.flywheel.drift.history import keep_window, windows_before
from include.flywheel.drift.statistics import WindowStatistics, window_statistics
from include.flywheel.errors import RecordError
from tests.flywheel.conftest import Curate
from tests.flywheel.drift_samples import START, drawn
from tests.flywheel.samples import CLIENT, WORKLOAD, text_record, tool_record

DAY = timedelta(days=1)


def statistics(tmp_path: Path) -> WindowStatistics:
    return window_statistics(
        tmp_path / "curated", client_id=CLIENT, workload_id=WORKLOAD, start=START, end=START + 2 * DAY
    )


def test_a_window_is_counted_from_what_the_curation_wrote(tmp_path: Path, curated: Curate) -> None:
    records = [tool_record(f"c{c}", turn) for c in range(3) for turn in range(4)]
    for each in records[:5]:
        each["response"]["usage"] = {"completion_tokens": 40}
    records[5]["response"]["usage"] = {"completion_tokens": "many"}
    last = tool_record("c3", 0, tool="cancel_order")
    summary = curated([*records, last, tool_record("c0", 0), text_record("t", "q", "a")])
    found = statistics(tmp_path)
    assert (found.exported, found.kept, found.set_aside) == (15, 13, {"duplicate": 1, "not_a_tool_call": 1})
    assert (found.conversations, found.records_per_day) == (4, 7.5)
    assert found.tools.records == summary.tools == {"get_order": 12, "cancel_order": 1}
    assert found.tools.conversations == {"get_order": 3, "cancel_order": 1}
    assert sum(found.prompt_tokens.bins.records.values()) == 13
    assert found.prompt_tokens.quantiles[95] <= summary.prompt_tokens_max
    assert found.answer_tokens is not None
    assert found.answer_tokens.quantiles[50] == 40
    assert sum(found.answer_tokens.bins.records.values()) == 5


def test_a_window_of_texts_calls_no_tools_and_knows_no_answer_lengths(
    tmp_path: Path, curated: Curate
) -> None:
    curated([text_record(f"c{i}", f"q{i}", "a") for i in range(4)])
    found = statistics(tmp_path)
    assert (found.workload_type, found.tools.records, found.answer_tokens) == ("generic", {}, None)


def test_what_only_a_limit_leaves_out_is_not_called_set_aside(tmp_path: Path, curated: Curate) -> None:
    curated([tool_record(f"c{c}", turn) for c in range(20) for turn in range(5)], limit=42)
    found = statistics(tmp_path)
    assert (found.exported, found.kept, found.judged, found.refused) == (100, 40, 40, {})


def test_a_folder_that_was_not_curated_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"summary\.json is not there"):
        statistics(tmp_path)


def test_records_that_stand_alone_count_in_full_and_repeated_ones_once_per_conversation() -> None:
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 3, 3000)
    assert count(["a", "b", "c"], codes, np.arange(3000)).design_effect == pytest.approx(1, abs=0.05)
    repeated = count(["a", "b", "c"], np.repeat(codes, 5), np.arange(15000) // 5)
    assert repeated.design_effect == pytest.approx(5, rel=0.05)
    assert sum(repeated.effective.values()) == pytest.approx(3000, rel=0.05)
    assert count(["a", "b"], [0, 1, 0], [7, 7, 7]).design_effect == 3


def test_a_bin_of_lengths_is_a_quarter_of_a_doubling() -> None:
    assert lengths([0, 1, 2, 1023, 1024, 1217, 1218], range(7)).bins.records == {
        "0": 2,
        "4": 1,
        "39": 1,
        "40": 2,
        "41": 1,
    }


def test_kept_windows_come_back_in_order_whatever_order_they_were_run_in(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    days = [drawn(rng, day) for day in range(6)]
    for window in (days[4], days[0], days[2], days[5], days[1], days[3]):
        keep_window(window, tmp_path)
    assert windows_before(days[4].start, tmp_path, 3) == (days[1:4], [])
    assert windows_before(days[0].start, tmp_path, 3) == ([], [])


def test_a_window_that_is_run_again_replaces_its_own_statistics(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    first, again = drawn(rng), drawn(rng, records=700)
    assert keep_window(first, tmp_path) == keep_window(again, tmp_path)
    assert windows_before(first.end, tmp_path, 8) == ([again], [])


def test_windows_that_overlap_are_not_previous_ones_of_each_other(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    month, days = drawn(rng, 0, days=30), [drawn(rng, day) for day in range(28, 31)]
    odd = drawn(rng, 26.5)
    for window in (month, *days, odd):
        keep_window(window, tmp_path)
    assert windows_before(days[2].start, tmp_path, 8)[0] == [odd, *days[:2]]
    assert windows_before(days[1].start, tmp_path, 8)[0] == [odd, days[0]]
    assert windows_before(month.end, tmp_path, 1)[0] == [days[1]]


def test_times_of_any_zone_and_fraction_make_a_name_that_is_found_again(tmp_path: Path) -> None:
    start = datetime.fromisoformat("2025-10-01T02:00:00.250000+02:00")
    window = drawn(np.random.default_rng(0), start=start, end=START + DAY)
    assert keep_window(window, tmp_path).name == "20251001T000000.250000Z--20251002T000000Z.json"
    assert windows_before(datetime(2025, 10, 2, tzinfo=UTC), tmp_path, 1)[0][0].start == start


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"\xff", b"[1]", b'{"format_version": 2}'], ids=["empty", "bare", "bytes", "list", "newer"]
)  # fmt: skip
def test_kept_statistics_that_cannot_be_read_are_left_out_and_named(tmp_path: Path, content: bytes) -> None:
    rng = np.random.default_rng(0)
    good, bad = drawn(rng, 0), drawn(rng, 1)
    keep_window(good, tmp_path)
    path = keep_window(bad, tmp_path)
    path.write_bytes(content)
    for foreign in ("notes.txt", "a--b.json", "20251002T000000Z--20251003T000000Z.json.part"):
        (path.parent / foreign).write_text("x")
    found, notes = windows_before(bad.end, tmp_path, 8)
    assert found == [good]
    assert len(notes) == 1
    assert path.name in notes[0]
    assert "Run that window again" in notes[0]


def test_statistics_that_a_newer_version_wrote_are_left_out(tmp_path: Path) -> None:
    window = drawn(np.random.default_rng(0))
    path = keep_window(window, tmp_path)
    path.write_text(path.read_text().replace('"format_version": 1', '"format_version": 2'))
    found, notes = windows_before(window.end, tmp_path, 8)
    assert found == []
    assert "format_version" in notes[0]
