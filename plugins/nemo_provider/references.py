"""Secret references: text in a payload that stands for a secret until the moment it is sent.

    secret://env/LLM_JUDGE_API_KEY    the environment variable of the process that submits
    secret://conn/llm_judge           the password of that Airflow connection

The configs of evaluations and deployments travel through DAG files, rendered fields and XCom, and the platform echoes
them in its answers. So they hold references only; the hook puts the secrets in on the wire and takes them out of the echo.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, TypeVar

from nemo_provider.errors import NemoConfigurationError

_REFERENCE = re.compile(r"secret://(env|conn)/([^\s/]+)")
_PREFIX = "secret://"
#: Keys whose value is a secret in the platform's payloads, and variables of a NIM such as NGC_API_KEY.
_SECRET_KEY = re.compile(r"(.*_)?(api_key|hf_token)", re.IGNORECASE)
T = TypeVar("T")


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
        if is_reference(value):
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
        if isinstance(value, str) and value and not is_reference(value) and "{{" not in value:
            raise NemoConfigurationError(
                f"{path} holds a literal secret, which Airflow would show and store. Write secret://env/NAME or "
                "secret://conn/CONN_ID instead"
            )


def strike_out(payload: T, secrets: Collection[str] = ()) -> T:
    """Return an answer of the platform with the values of secret keys, and all that equals a secret, as ``***``."""

    def struck(value: Any, secret_key: bool = False) -> Any:
        if isinstance(value, dict):
            return {key: struck(item, bool(_SECRET_KEY.fullmatch(str(key)))) for key, item in value.items()}
        if isinstance(value, list):
            return [struck(item) for item in value]
        hidden = isinstance(value, str) and (value in secrets or (secret_key and value))
        return "***" if hidden else value

    return struck(payload)


def is_reference(value: Any) -> bool:
    """Say whether a value stands for a secret."""
    return isinstance(value, str) and value.startswith(_PREFIX)


def _secret_values(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, item in value.items():
            here = f"{path}.{key}" if path else str(key)
            if _SECRET_KEY.fullmatch(str(key)):
                yield here, item
            yield from _secret_values(item, here)
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from _secret_values(item, f"{path}[{index}]")
