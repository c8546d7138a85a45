import json
import re
import warnings
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

from include.flywheel.drift.findings import compare_windows
from include.flywheel.drift.measure import measure_drift
from include.flywheel.drift.plot import plot_windows
from include.flywheel.drift.result import Drift
from include.flywheel.drift.section import drift_section
from include.flywheel.drift.statistics import WindowStatistics
from include.flywheel.errors import RecordError
from tests.flywheel.conftest import Curate
from tests.flywheel.drift_samples import MIX, drawn
from tests.flywheel.samples import CLIENT, WORKLOAD, tool_record

HOSTILE = "a|b\n# <script>alert(1)</script> $x^2$ `y`"


def windows(count: int, mix: dict[str, float] = MIX) -> list[WindowStatistics]:
    rng = np.random.default_rng(0)
    return [drawn(rng, day, records=100, mix=mix) for day in range(count)]


def measured(tmp_path: Path, day: int, run: str) -> Drift:
    return measure_drift(
        tmp_path / "curated",
        client_id=CLIENT,
        workload_id=WORKLOAD,
        start=f"2025-10-{day:02}T00:00:00+00:00",
        end=f"2025-10-{day + 1:02}T00:00:00+00:00",
        history=tmp_path / "history",
        windows=2,
        folder=tmp_path / run,
    )


def test_a_backfill_finds_the_same_whatever_order_its_windows_run_in(tmp_path: Path, curated: Curate) -> None:
    curated([tool_record(f"c{c}", turn) for c in range(12) for turn in range(2)])
    for day in (4, 2, 3, 1):
        measured(tmp_path, day, "first")
    backfilled = measured(tmp_path, 4, "again")
    assert [span.start[:10] for span in backfilled.previous] == ["2025-10-02", "2025-10-03"]
    written = tmp_path / "again"
    assert Drift.model_validate_json((written / "drift.json").read_bytes()) == backfilled
    assert (written / str(backfilled.plot)).read_bytes().startswith(b"<?xml")


def test_a_broken_file_of_the_history_is_noted_in_the_report(tmp_path: Path, curated: Curate) -> None:
    curated([tool_record(f"c{c}", 0) for c in range(4)])
    measured(tmp_path, 1, "run")
    next((tmp_path / "history/windows").iterdir()).write_text("{")
    drift = measured(tmp_path, 2, "run")
    assert drift.previous == []
    assert "20251001T000000Z--20251002T000000Z.json cannot be read" in drift_section(drift)


def test_a_window_without_bounds_is_an_error_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="no start or end"):
        measure_drift(
            tmp_path, client_id="c", workload_id="w", start="", end="", history=tmp_path, windows=8, folder=tmp_path
        )  # fmt: skip


def test_the_section_has_sentences_a_table_and_the_plot() -> None:
    *before, now = windows(9)
    text = drift_section(compare_windows(now, before).model_copy(update={"plot": "drift.svg"}))
    assert (
        "- The volume of 100 records a day is 1 × the median of the last 8 windows, which is usual." in text
    )
    assert "| | this window | the last 8 windows: median (lowest – highest) |" in text
    assert "| records a day | 100 | 100 (100 – 100) |" in text
    assert text.endswith("![Volume, tools and prompt lengths, window by window](drift.svg)")


def test_the_section_of_a_first_window_says_so() -> None:
    text = drift_section(compare_windows(windows(1)[0], []))
    assert "There is no previous window of this workload to compare with." in text
    assert "| records a day | 100 |" in text


def test_tool_names_from_outside_stay_inside_their_line() -> None:
    *before, _ = windows(3)
    text = drift_section(compare_windows(windows(3, {**MIX, HOSTILE: 3.0})[2], before))
    assert "**strong**: New, not called in the last 2 windows: a\\|b \\# &lt;script&gt;" in text
    assert "<script>" not in text
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {4}


@pytest.mark.parametrize("count", [1, 2, 8, 60])
def test_the_plot_of_the_same_windows_has_the_same_bytes(tmp_path: Path, count: int) -> None:
    for name in ("one.svg", "two.svg"):
        plot_windows(windows(count), tmp_path / name)
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()


def labels(path: Path) -> list[str]:
    return [element.text or "" for element in ET.parse(path).iter() if element.tag.endswith("}text")]


def test_the_plot_names_the_tools_called_most_and_puts_the_rest_together(tmp_path: Path) -> None:
    mix = {f"tool_with_a_very_long_name_number_{rank}": 1 / (rank + 1) for rank in range(40)}
    plot_windows(windows(8, mix), tmp_path / "plot.svg")
    found = labels(tmp_path / "plot.svg")
    assert "tool_with_a_very…ng_name_number_0" in found
    assert any(re.fullmatch(r"other \(\d+ tools\)", label) for label in found)
    assert max(map(len, found)) <= 40


def test_a_tool_that_is_new_in_this_window_is_named_in_the_plot(tmp_path: Path) -> None:
    mix = {f"tool_{rank}": 1 / (rank + 1) for rank in range(40)}
    plot_windows([*windows(59, mix), windows(60, {**mix, "reboot": 0.4})[59]], tmp_path / "plot.svg")
    assert "reboot" in labels(tmp_path / "plot.svg")


def test_a_tool_name_of_any_kind_is_shown_as_it_is(tmp_path: Path) -> None:
    mix = {"_private": 1.0, "$x^2$": 1.0, "查询": 1.0, "<b>&": 1.0, "bell\x07": 1.0}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plot_windows(windows(2, mix), tmp_path / "plot.svg")
    assert {"_private", "$x^2$", "查询", "<b>&", "bell·"} <= set(labels(tmp_path / "plot.svg"))


def test_the_plot_of_texts_has_no_panel_of_tools(tmp_path: Path) -> None:
    none = {"tools": {"records": {}, "conversations": {}, "design_effect": 1}, "workload_type": "generic"}
    plot_windows([drawn(np.random.default_rng(0), **none)], tmp_path / "plot.svg")
    assert not any("tool" in label for label in labels(tmp_path / "plot.svg"))


def test_the_plot_does_not_depend_on_the_users_own_settings(tmp_path: Path) -> None:
    import matplotlib

    plot_windows(windows(2), tmp_path / "plain.svg")
    with matplotlib.rc_context({"axes.facecolor": "black", "font.size": 30}):
        plot_windows(windows(2), tmp_path / "styled.svg")
        assert matplotlib.rcParams["font.size"] == 30
    assert (tmp_path / "plain.svg").read_bytes() == (tmp_path / "styled.svg").read_bytes()


def test_the_drift_in_the_report_is_plain_json() -> None:
    *before, now = windows(3)
    drift = compare_windows(now, before)
    data = json.loads(drift.model_dump_json())
    assert set(data) == {"severity", "findings", "figures", "previous", "plot", "notes"}
    assert set(data["findings"][0]) == {"topic", "severity", "sentence", "effect"}
