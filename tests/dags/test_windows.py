"""Which window a run is about."""

from datetime import UTC, datetime

import pytest

from flywheel_tasks.run import resolve_window
from include.flywheel.errors import FlywheelError

NO_WINDOW = {"window_start": None, "window_end": None}
START, END = datetime(2026, 11, 22, 2, tzinfo=UTC), datetime(2026, 11, 23, 2, tzinfo=UTC)


def test_parameters_come_before_the_interval() -> None:
    params = {"window_start": "2025-10-01T00:00:00Z", "window_end": "2025-10-02T00:00:00Z"}
    window = resolve_window(params, "scheduled", START, END)
    assert (window.start, window.end) == (
        datetime(2025, 10, 1, tzinfo=UTC),
        datetime(2025, 10, 2, tzinfo=UTC),
    )


@pytest.mark.parametrize("run_type", ["scheduled", "backfill"])
def test_a_run_for_an_interval_reads_that_interval(run_type: str) -> None:
    window = resolve_window(NO_WINDOW, run_type, START, END)
    assert (window.start, window.end) == (START, END)


def test_a_manual_run_without_a_window_reads_all_logs_whatever_interval_airflow_makes_up() -> None:
    window = resolve_window(NO_WINDOW, "manual", START, END)
    assert (window.start, window.end) == (None, None)


@pytest.mark.parametrize(("start", "end"), [(None, None), (START, START)])
def test_a_scheduled_run_without_an_interval_is_an_error_and_not_all_logs(start, end) -> None:
    with pytest.raises(FlywheelError, match="interval timetable"):
        resolve_window(NO_WINDOW, "scheduled", start, end)
