import subprocess
import sys
from datetime import UTC, datetime

import pytest

from include.flywheel.errors import ConfigError
from include.flywheel.records import Window, epoch_seconds, parse_window


def test_a_window_of_dates_ends_before_its_end() -> None:
    window = parse_window("2025-10-01", "2025-10-02")
    day = datetime(2025, 10, 1, tzinfo=UTC).timestamp()
    assert window.contains(day)
    assert window.contains(day + 86399.9)
    assert not window.contains(day + 86400)
    assert not window.contains(day - 0.1)


def test_an_open_window_contains_everything() -> None:
    assert parse_window(None, "") == Window()
    assert Window().contains(0)


def test_a_window_knows_zones() -> None:
    window = parse_window("2025-10-01T02:00:00+02:00", None)
    assert window.start == datetime(2025, 10, 1, tzinfo=UTC)
    assert str(window.start) == "2025-10-01 00:00:00+00:00"


@pytest.mark.parametrize(
    ("start", "end", "said"),
    [
        ("yesterday", None, "no date or time"),
        ("2025-10-01", "2025-10-01", "exclusive"),
        ("2025-02-02", "2025-01-01", "must be after"),
    ],
)
def test_a_wrong_window_is_refused(start: str, end: str | None, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        parse_window(start, end)


@pytest.mark.parametrize(
    "value",
    [
        1759276800,
        1759276800.0,
        1759276800000,
        1759276800000000,
        1759276800000000000,
        "1759276800",
        "2025-10-01T00:00:00Z",
        "2025-10-01T00:00:00.000000000Z",
        "2025-10-01T02:00:00+02:00",
        "2025-10-01",
        "20251001",
    ],
)
def test_every_way_to_write_a_time_is_the_same_time(value: object) -> None:
    assert epoch_seconds(value) == 1759276800


@pytest.mark.parametrize(
    "value",
    [None, True, "", "soon", "nan", "inf", -1, [], {}, "2025-13-01", 1e30, 10**400, "1969-12-31T23:00:00Z"],
)
def test_what_is_no_time_is_none(value: object) -> None:
    assert epoch_seconds(value) is None


def test_ids_are_the_same_in_every_process() -> None:
    code = (
        "from include.flywheel.conversations import origin_of;"
        "print(origin_of({'messages': [{'role': 'user', 'content': 'hi'}]}))"
    )
    runs = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": "."},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(runs) == 1
