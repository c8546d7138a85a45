"""The Makefile's own part: what needs no installation."""

import os
import subprocess
from pathlib import Path

import pytest

from commands.settings import LOCAL_CONFIG
from commands.slots import claim_slot, mark_unfinished

ROOT = Path(__file__).resolve().parents[2]


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    # As a person starts it: a make inside of `make test` would take its settings over, and say which folder it is in.
    env = {
        name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")
    }
    return subprocess.run(["make", *arguments], cwd=ROOT, env=env, capture_output=True, text=True, timeout=60)


def test_help_lists_every_command_with_what_it_does() -> None:
    lines = make("help").stdout.splitlines()
    assert {"run", "up", "test", "clean"} <= {line.split()[0] for line in lines}
    assert all(line.index("  ") < 19 for line in lines)


@pytest.mark.parametrize("target", ["run", "up", "test", "clean"])
def test_a_python_that_is_not_there_is_named_with_what_to_do(target: str) -> None:
    ended = make(target, "PYTHON=/no/such/python", "VENV=/no/such/environment")
    assert ended.returncode != 0
    assert f"make {target} PYTHON=/path/to/python3.12" in ended.stderr
    assert "/no/such/python." in ended.stderr


def test_clean_removes_what_runs_left_and_nothing_else(tmp_path: Path) -> None:
    with claim_slot(tmp_path, "run-local") as folder:
        (folder / "airflow.db").touch()
        mark_unfinished(folder, "", LOCAL_CONFIG)
    (tmp_path / "artifacts" / "support-desk").mkdir(parents=True)
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "lock").touch()
    ended = make("clean", f"FLYWHEEL_HOME={tmp_path}")
    assert ended.returncode == 0, ended.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["thesis"]


def test_clean_refuses_while_a_command_is_at_work(tmp_path: Path) -> None:
    with claim_slot(tmp_path, "up-local") as folder, claim_slot(tmp_path, "run-local") as other:
        ended = make("clean", f"FLYWHEEL_HOME={tmp_path}")
        assert ended.returncode != 0
        assert "In use: run-local-1, up-local-1" in ended.stderr
        assert folder.exists()
        assert other.exists()


def test_clean_keeps_what_leads_to_gpus_that_may_be_held(tmp_path: Path) -> None:
    with claim_slot(tmp_path, "run-config-1a2b3c4d") as folder:
        mark_unfinished(folder, "http://nemo.test", Path("config.yaml"))
    ended = make("clean", f"FLYWHEEL_HOME={tmp_path}")
    assert "run-config-1a2b3c4d-1 at http://nemo.test (CONFIG=config.yaml)" in ended.stderr
    assert folder.exists()
    assert make("clean", f"FLYWHEEL_HOME={tmp_path}", "FORCE=1").returncode == 0
    assert not folder.exists()
