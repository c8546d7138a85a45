"""The hub's client in several versions against the Data Store, each in an environment of its own."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from commands.hub_venvs import VERSIONS, missing, python_of
from include.local_nemo.testing import running_platform

SUITE = Path(__file__).with_name("hub_suite.py")
SECONDS = 60


@pytest.fixture(scope="module", params=["regular", "lfs"])
def endpoint(request: pytest.FixtureRequest) -> Iterator[tuple[str, str]]:
    with running_platform(upload_mode=request.param) as platform:
        platform.datastore.create_namespace("hub-suite")
        yield f"{platform.datastore_url}/v1/hf", request.param


@pytest.mark.parametrize("version", VERSIONS)
def test_the_clients_whole_call_suite_passes(endpoint: tuple[str, str], version: str) -> None:
    assert version not in missing(), (
        f"There is no environment with huggingface_hub {version}. Run `python -m commands.hub_venvs` first."
    )
    done = subprocess.run(
        [python_of(version), SUITE, *endpoint], capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"huggingface_hub {version} ok\n"
