"""The embedded platform for the provider's tests: its own code runs unchanged against it, without a database."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import orjson
import pytest

from include.local_nemo.platform import Platform
from include.local_nemo.testing import running_platform
from tests.nemo_provider.support import TaskInstance, Tenant

StartPlatform = Callable[..., Tenant]

_namespaces = (f"team-{number}" for number in itertools.count(1))


@pytest.fixture(scope="session")
def shared_platform() -> Iterator[Callable[..., Platform]]:
    """Return one platform per choice of settings: starting one takes longer than most tests."""
    with ExitStack() as stack:
        started: dict[str, Platform] = {}

        def start(**settings: Any) -> Platform:
            key = repr(sorted(settings.items()))
            if key not in started:
                # Room for what tests leave behind.
                started[key] = stack.enter_context(running_platform(**{"gpus": 1000, **settings}))
            return started[key]

        yield start


@pytest.fixture
def start_platform(tmp_path: Path, shared_platform: Callable[..., Platform]) -> Iterator[StartPlatform]:
    """Return a namespace of a test's own, on a platform of its own if something is to go wrong there."""
    with ExitStack() as stack:

        def start(*faults: dict[str, Any], **settings: Any) -> Tenant:
            if not faults:
                return Tenant(shared_platform(**settings), next(_namespaces))
            plan = tmp_path / "faults.json"
            plan.write_bytes(orjson.dumps(faults))
            return Tenant(stack.enter_context(running_platform(faults=plan, **settings)), next(_namespaces))

        yield start


@pytest.fixture
def platform(start_platform: StartPlatform) -> Tenant:
    """A platform on which nothing goes wrong and nothing takes time."""
    return start_platform()


@pytest.fixture
def ti() -> TaskInstance:
    return TaskInstance()


@pytest.fixture
def context(ti: TaskInstance) -> dict[str, Any]:
    return {"ti": ti}


@pytest.fixture
def connection(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Define an Airflow connection the way a deployment does, in the environment."""

    def define(conn_id: str, url: str, **fields: Any) -> None:
        document = {"conn_type": "http", "host": url, **fields}
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", orjson.dumps(document).decode())

    return define
