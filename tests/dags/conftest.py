"""A platform, and configs that tasks find."""

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import flywheel
import pytest
import yaml
from airflow.sdk import DAG

from flywheel_tasks.settings import flywheel_config
from include.local_nemo.platform import Platform
from include.local_nemo.testing import running_platform
from tests.dags.doctoring import CUSTOMIZED, UseConfig


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    with running_platform(gpus=4) as platform:
        yield platform


@pytest.fixture
def use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Make a config the one that DAG and tasks find."""

    def write(config: dict[str, Any]) -> None:
        path = tmp_path / "config.yaml"
        path.write_text(yaml.safe_dump(config))
        monkeypatch.setenv("FLYWHEEL_CONFIG", str(path))
        monkeypatch.setenv("FLYWHEEL_ARTIFACTS", str(tmp_path / "artifacts"))
        flywheel_config.cache_clear()

    yield write
    monkeypatch.undo()
    flywheel_config.cache_clear()


@pytest.fixture
def dag_of(use: Any) -> Iterator[Any]:
    """Make the DAG of a config."""

    def make(config: dict[str, Any]) -> DAG:
        use(config)
        return importlib.reload(flywheel).flywheel_dag("under_test", None)

    yield make
    # The DAG file is a module that other tests use, with the config that they expect.
    use(yaml.safe_load((Path(__file__).parents[2] / "config/local.yaml").read_text()))
    importlib.reload(flywheel)


@pytest.fixture
def use_config(use: Any) -> UseConfig:
    """Make a config the one that tasks find, of a platform where it is given."""

    def write(platform: Platform | None = None, **more: Any) -> None:
        config: dict[str, Any] = {"nims": [CUSTOMIZED], "icl_config": {"max_context_length": 8192}, **more}
        if platform:
            config["nmp_config"] = {
                "nemo_base_url": platform.nemo_url,
                "nim_base_url": platform.nim_url,
                "datastore_base_url": platform.datastore_url,
            }
        use(config)

    return write
