"""The containers' files, as far as they can be read without an engine."""

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = (ROOT / "compose.yaml").read_text()
SERVICES = yaml.safe_load(COMPOSE)["services"]
LONG_RUNNING = ["postgres", "api-server", "scheduler", "dag-processor", "triggerer"]


def test_everything_that_keeps_running_has_a_health_check() -> None:
    assert sorted(SERVICES) == sorted([*LONG_RUNNING, "migrate"])
    assert [name for name in LONG_RUNNING if not SERVICES[name].get("healthcheck", {}).get("test")] == []


@pytest.mark.parametrize(
    "name",
    [
        "POSTGRES_PASSWORD",
        "AIRFLOW__API_AUTH__JWT_SECRET",
        "AIRFLOW__API__SECRET_KEY",
        "AIRFLOW__CORE__FERNET_KEY",
        "FLYWHEEL_LOGS",
    ],
)
def test_what_must_be_set_is_refused_when_empty_and_named_in_the_example(name: str) -> None:
    uses = re.findall(rf"\$\{{{name}[^}}]*\}}", COMPOSE)
    assert set(uses) == {f"${{{name}:?set it in .env}}"}
    assert re.search(rf"^{name}=$", (ROOT / ".env.example").read_text(), re.MULTILINE)


def test_logs_are_mounted_where_no_task_can_write_to_them() -> None:
    for name in ("scheduler", "triggerer"):
        [logs] = [v for v in SERVICES[name]["volumes"] if isinstance(v, dict) and v["target"] == "/logs"]
        assert logs["read_only"] is True


def test_no_secret_is_part_of_a_url() -> None:
    assert not re.search(r"://[^\s/]*:[^\s/]*@", COMPOSE)


def test_the_image_leaves_the_place_of_artifacts_to_the_config() -> None:
    assert "FLYWHEEL_ARTIFACTS" not in (ROOT / "Dockerfile").read_text() + COMPOSE
