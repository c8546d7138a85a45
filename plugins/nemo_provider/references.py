"""Secret references: text in a payload that stands for a secret until the moment it is sent.

    secret://env/LLM_JUDGE_API_KEY    the environment variable of the process that submits
    secret://conn/llm_judge           the password of that Airflow connection

An evaluation config travels through DAG files, rendered fields and XCom, and the platform echoes it in its answers.
So it holds references only; the hook puts the secrets in on the wire and drops the echo.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from nemo_provider.errors import NemoConfigurationError

_REFERENCE = re.compile(r"secret://(env|conn)/([^\s/]+)")
#: Keys whose value is a secret in the platform's payloads.
SECRET_KEYS = frozenset({"api_key", "hf_token"})


def resolve(
    payload: Any, environ: Mapping[str, str], password_of: Callable[[str], str | None]
) -> tuple[Any, frozenset[str]]:
    """Return the payload with its references replaced, and the secrets that are now in it.

    ``password_of`` returns the password of a connection, or None. Raise ``NemoConfigurationError`` naming the
    variable or connection that has no value.
    """
    secrets: set[str] = set()

    def replace(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: replace(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [replace(item) for item in value]
        if isinstance(value, str) and value.startswith("secret://"):
            secret = _look_up(value, environ, password_of)
            secrets.add(secret)
            return secret
        return value

    return replace(payload), frozenset(secrets)


def _look_up(reference: str, environ: Mapping[str, str], password_of: Callable[[str], str | None]) -> str:
    match = _REFERENCE.fullmatch(reference)
    if match is None:
        raise NemoConfigurationError(
            f"{reference.split('/')[0]}//… is no secret reference: write secret://env/NAME or secret://conn/CONN_ID"
        )
    kind, name = match.groups()
    if kind == "env":
        if not (secret := environ.get(name)):
            raise NemoConfigurationError(
                f"The environment variable {name}, which the payload refers to as secret://env/{name}, is not set. "
                f"Set it for the Airflow workers, or refer to a connection: secret://conn/CONN_ID"
            )
        return secret
    if not (secret := password_of(name) or ""):
        raise NemoConfigurationError(
            f"The Airflow connection {name}, which the payload refers to as secret://conn/{name}, does not exist or "
            f"has no password. Define it, or refer to a variable: secret://env/NAME"
        )
    return secret


def refuse_literal_secrets(payload: Any) -> None:
    """Raise ``NemoConfigurationError`` where a payload holds a secret itself and not a reference to it.

    Airflow templates (``{{ … }}``) pass: they are not rendered yet, and this is asked again when they are.
    """
    for path, value in _secret_values(payload, ""):
        if isinstance(value, str) and value and not value.startswith("secret://") and "{{" not in value:
            raise NemoConfigurationError(
                f"{path} holds a literal secret, which Airflow would show and store. Write secret://env/NAME or "
                "secret://conn/CONN_ID instead"
            )


def _secret_values(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, item in value.items():
            here = f"{path}.{key}" if path else str(key)
            if key in SECRET_KEYS:
                yield here, item
            yield from _secret_values(item, here)
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from _secret_values(item, f"{path}[{index}]")
