"""When records were logged, and the hash that names what is in them."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from include.flywheel.errors import ConfigError

#: Numbers above are no seconds (they would lie after the year 5000) but milli-, micro- or nanoseconds.
LARGEST_SECONDS = 1e11
TIME_UNITS = (1, 10**3, 10**6, 10**9)
#: A string of this many digits is a date, 20251001, and not a second of the year 1970.
_DATE_DIGITS = 8

#: Of a hash, what stands for the data: different data never have the same by chance.
ID_BYTES = 16


@dataclass(frozen=True)
class Window:
    """The half-open span [start, end) of time that records are taken from; None leaves a side open."""

    start: datetime | None = None
    end: datetime | None = None

    def contains(self, timestamp: float) -> bool:
        """Say whether an epoch timestamp, in seconds, lies in the window."""
        return (self.start is None or timestamp >= self.start.timestamp()) and (
            self.end is None or timestamp < self.end.timestamp()
        )

    @property
    def bounded(self) -> bool:
        """Whether any side is closed."""
        return self.start is not None or self.end is not None


def parse_window(start: str | datetime | None, end: str | datetime | None) -> Window:
    """Read a window from dates or ISO times, as UTC; empty means open, a time without a zone is UTC.

    The end is exclusive, for a bare date too: start 2025-10-01 and end 2025-10-02 is the first of October.
    Raises ConfigError when a text is no time, or when nothing lies between start and end.
    """
    window = Window(_moment("start", start), _moment("end", end))
    if window.start and window.end and window.start >= window.end:
        raise ConfigError(
            "window",
            [
                f"end ({window.end.isoformat()}) must be after start ({window.start.isoformat()}). The end is "
                "exclusive: for a single day give the next day as the end"
            ],
        )
    return window


def _moment(name: str, value: str | datetime | None) -> datetime | None:
    if value is None or value == "":
        return None
    try:
        moment = datetime.fromisoformat(value.strip()) if isinstance(value, str) else value
    except ValueError as error:
        today = date(2025, 10, 11)
        raise ConfigError(
            "window", [f"{name}: {value!r} is no date or time. Write {today} or {today}T06:00:00Z"]
        ) from error
    return _utc(moment)


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def epoch_seconds(value: object) -> float | None:
    """Return a logged timestamp as epoch seconds, or None when it is no time.

    Understood are numbers (or digits in a string) in seconds, milli-, micro- and nanoseconds, told apart
    by their size, and ISO strings; without a zone they are UTC. Nothing was logged before 1970.
    """
    if isinstance(value, str):
        text = value.strip()
        try:
            if len(text) == _DATE_DIGITS:
                return _iso_seconds(text)
            value = float(text)
        except ValueError:
            return _iso_seconds(text)
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
        return None
    return next((value / unit for unit in TIME_UNITS if value <= LARGEST_SECONDS * unit), None)


def _iso_seconds(text: str) -> float | None:
    try:
        seconds = _utc(datetime.fromisoformat(text)).timestamp()
    except (ValueError, OverflowError):
        return None
    return seconds if seconds >= 0 else None


def iso(seconds: float) -> str:
    """Write epoch seconds as an ISO time in UTC."""
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)).isoformat()


def digest(data: bytes) -> bytes:
    """Return 16 bytes that stand for the data: the same in every process and on every day."""
    return hashlib.sha256(data).digest()[:ID_BYTES]
