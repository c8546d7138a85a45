"""Read what the platform says without trusting its types: what is not as documented counts as absent.

A wait of hours must not end because one answer held a text where a number was due. Whether a whole answer is usable at
all is asked elsewhere, once: ``nemo_provider.hooks.answers.document_of``.
"""

from __future__ import annotations

import math
from typing import Any


def mapping(value: Any) -> dict[str, Any]:
    """Return an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def mappings(value: Any) -> list[dict[str, Any]]:
    """Return the objects of a list; everything else in it, and anything that is no list, is left out."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def text(value: Any) -> str | None:
    """Return a text that says something, else None."""
    return value if isinstance(value, str) and value else None


def number(value: Any) -> float | None:
    """Return a finite number as it is, else None."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return value if math.isfinite(value) else None
