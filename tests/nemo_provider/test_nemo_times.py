"""The platform's timestamps."""

from datetime import timedelta

import pytest

from nemo_provider.times import parse_time


@pytest.mark.parametrize(
    "text", ["2026-11-23T12:00:00.123456", "2026-11-23T12:00:00Z", "2026-11-23T12:00:00.123456789Z"]
)
def test_all_times_of_the_platform_are_read_as_utc(text: str) -> None:
    assert parse_time(text).utcoffset() == timedelta(0)
