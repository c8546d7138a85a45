"""A sentence where something is wrong with this machine, instead of a traceback."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from commands.settings import LOCAL_CONFIG, read_config
from commands.stack import Stack, StackError
from commands.stack_secrets import stored_secrets
from commands.voice import refusal

ROOT = Path(__file__).resolve().parents[2]


def run_command(module: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", module],
        cwd=ROOT,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.parametrize("module", ["commands.run", "commands.up"])
def test_a_home_that_is_a_file(tmp_path: Path, module: str) -> None:
    (tmp_path / "home").touch()
    ended = run_command(module, FLYWHEEL_HOME=str(tmp_path / "home"))
    assert ended.returncode == 2
    assert "FLYWHEEL_HOME=<folder>" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("module", ["commands.run", "commands.up"])
def test_a_folder_of_the_stack_that_cannot_be_written(tmp_path: Path, module: str) -> None:
    series = module.replace("commands.", "") + "-local-1"
    (tmp_path / series).mkdir()
    (tmp_path / series / "logs").touch()
    ended = run_command(module, FLYWHEEL_HOME=str(tmp_path), LOGS="", CONFIG="")
    assert ended.returncode == 2
    assert f"{tmp_path / series / 'logs'}: " in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_full_disk_is_named_with_the_file_and_what_to_do() -> None:
    error = OSError(errno.ENOSPC, "No space left on device", "/home/me/x.jsonl")
    assert refusal(error).startswith("/home/me/x.jsonl: No space left on device. Free some disk space")
    assert refusal(OSError("no number")) == "no number."


@pytest.mark.parametrize("text", ["", "{", "[]", '{"password": 1}'])
def test_damaged_secrets_are_not_replaced_behind_the_databases_back(tmp_path: Path, text: str) -> None:
    (tmp_path / "secrets.json").write_text(text)
    _, config = read_config("")
    with pytest.raises(StackError, match=f"secrets.json is damaged.*Remove the folder {tmp_path}"):
        Stack(tmp_path, LOCAL_CONFIG, config)
    assert (tmp_path / "secrets.json").read_text() == text


def test_secrets_are_made_once_and_for_this_user_alone(tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    first = stored_secrets(path)
    assert stored_secrets(path) == first
    assert path.stat().st_mode & 0o077 == 0
