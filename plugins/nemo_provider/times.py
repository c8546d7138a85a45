"""Read the platform's timestamps: naive microseconds, whole seconds with Z, nanoseconds with Z. All are UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_FRACTION = re.compile(r"(\.\d{6})\d+")


def parse_time(text: str) -> datetime:
    """Return an aware datetime; raise ``ValueError`` for what is none."""
    when = datetime.fromisoformat(_FRACTION.sub(r"\1", text))
    return when if when.tzinfo else when.replace(tzinfo=UTC)
