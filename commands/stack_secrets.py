"""The secrets of one stack: made at its first start, readable by this user alone, the same at every later start."""

from __future__ import annotations

import base64
import json
import secrets
from pathlib import Path

NAMES = ("password", "api_secret", "jwt_secret", "fernet_key")


class DamagedSecretsError(Exception):
    """The file of the secrets cannot be read; the message says what to do."""


def stored_secrets(path: Path) -> dict[str, str]:
    """Return the secrets `{"password": …, "api_secret": …, "jwt_secret": …, "fernet_key": …}`. Raises DamagedSecretsError."""
    if not path.exists():
        write_private(
            path,
            {
                "password": secrets.token_urlsafe(9),
                "api_secret": secrets.token_hex(32),
                "jwt_secret": secrets.token_hex(64),
                "fernet_key": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            },
        )
    try:
        stored = json.loads(path.read_text())
    except ValueError:
        stored = None
    if not isinstance(stored, dict) or not all(isinstance(stored.get(name), str) for name in NAMES):
        # New ones could not decrypt what the database has: what waiting tasks would go on with.
        raise DamagedSecretsError(
            f"{path} is damaged, and without it the Airflow database beside it cannot be read. Remove the folder {path.parent} "
            "(reports and artifacts are not in it) and try again."
        )
    return stored


def write_private(path: Path, content: dict[str, str]) -> None:
    """Write JSON that only this user can read, whole or not at all."""
    fresh = path.with_suffix(".new")
    fresh.touch(mode=0o600)
    fresh.write_text(json.dumps(content))
    fresh.replace(path)
