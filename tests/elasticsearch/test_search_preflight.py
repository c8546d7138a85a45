"""Preflight asks the server that examples are searched with."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from flywheel_tasks.embedding import check_search
from flywheel_tasks.settings import flywheel_config
from include.flywheel.errors import FlywheelError
from include.flywheel.search_errors import SETTING
from tests.elasticsearch.conftest import Server


@pytest.fixture
def searching(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prefix: str) -> Iterator[None]:
    """A config whose examples are searched by the server."""
    similarity = {"elasticsearch": f"elasticsearch:///{prefix}", "embedding_nim_config": {"model_name": "e"}}
    icl = {"example_selection": "semantic_similarity", "similarity_config": similarity}
    config = {"nims": [{"model_name": "a/b", "context_length": 8192}], "icl_config": icl}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    monkeypatch.setenv("FLYWHEEL_CONFIG", str(tmp_path / "config.yaml"))
    flywheel_config.cache_clear()
    yield
    flywheel_config.cache_clear()


def test_a_server_that_lets_us_in_passes_and_a_wrong_password_is_told_with_the_setting(
    own: Server | None, searching: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if own is None:
        pytest.skip("whether the server of ELASTICSEARCH_URL asks for passwords is not known")
    check_search()
    monkeypatch.setenv("ELASTICSEARCH_PASSWORD", "not-the-password")
    with pytest.raises(FlywheelError, match=rf"{SETTING}: .*HTTP 401\)\. Mend login and password") as caught:
        check_search()
    assert "not-the-password" not in str(caught.value)
