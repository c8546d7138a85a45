"""Talk to this machine past any proxy: a proxy cannot reach our loopback addresses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import requests

ADDRESSES = ("127.0.0.1", "localhost", "::1")


def session() -> requests.Session:
    """Return a session for our own servers, in which the environment's proxies and .netrc have no say."""
    made = requests.Session()
    made.trust_env = False
    return made


def get_json(url: str, timeout: float = 5.0) -> dict[str, Any] | None:
    """Return the JSON object that one of our own servers answers with, or None for no or another answer."""
    try:
        with session() as own:
            answer = own.get(url, timeout=timeout)
        return answer.json() if answer.ok else None
    except requests.RequestException:
        return None


def past_proxies(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment with our addresses excepted from its proxies; what it excepts already stays excepted."""
    given = [environment.get(name, "") for name in ("no_proxy", "NO_PROXY")]
    entries = [entry.strip() for text in given for entry in text.split(",") if entry.strip()]
    # "*" excepts everything, but only where it stands alone.
    excepted = "*" if "*" in entries else ",".join(dict.fromkeys([*entries, *ADDRESSES]))
    return {**environment, "no_proxy": excepted, "NO_PROXY": excepted}
