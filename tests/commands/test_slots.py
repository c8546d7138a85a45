"""Commands beside one another, after one that was killed, and with different work to do."""

import subprocess
import sys
from pathlib import Path

import pytest

from commands.settings import LOCAL_CONFIG, platform_of, read_config
from commands.slots import NoSlotError, claim_slot, mark_finished, mark_unfinished, series

ROOT = Path(__file__).resolve().parents[2]
REAL = ROOT / "config" / "config.yaml"


def test_two_commands_at_once_get_two_folders(tmp_path: Path) -> None:
    with claim_slot(tmp_path, "run-local") as first, claim_slot(tmp_path, "run-local") as second:
        assert [first.name, second.name] == ["run-local-1", "run-local-2"]


def test_the_next_command_finds_the_folder_of_the_last_one(tmp_path: Path) -> None:
    with claim_slot(tmp_path, "run-local") as first:
        pass
    with claim_slot(tmp_path, "run-local") as second:
        assert second == first


def test_a_killed_command_holds_no_folder(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from commands.slots import claim_slot\n"
        f"with claim_slot(Path({str(tmp_path)!r}), 'up-local') as folder: print(folder, flush=True); time.sleep(600)"
    )
    holder = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert holder.stdout is not None
    held = holder.stdout.readline().strip()
    holder.kill()
    holder.wait()
    holder.stdout.close()
    with claim_slot(tmp_path, "up-local") as folder:
        assert str(folder) == held


def test_a_folder_with_an_unfinished_run_is_taken_first(tmp_path: Path) -> None:
    with claim_slot(tmp_path, "run-local"), claim_slot(tmp_path, "run-local") as second:
        mark_unfinished(second, "", LOCAL_CONFIG)
    with claim_slot(tmp_path, "run-local") as next_one:
        assert next_one == second
        mark_finished(next_one)
    with claim_slot(tmp_path, "run-local") as after_it:
        assert after_it.name == "run-local-1"


def test_every_command_and_config_has_folders_of_its_own() -> None:
    local, real = (read_config(str(path)) for path in (LOCAL_CONFIG, REAL))
    names = {
        series(command, path, platform_of(config), LOCAL_CONFIG)
        for command in ("run", "up")
        for path, config in (local, real, (Path("/elsewhere/config.yaml"), real[1]))
    }
    assert len(names) == 6
    assert {"run-local", "up-local"} < names


def test_a_config_that_comes_to_mean_another_platform_gets_other_folders() -> None:
    names = [
        series("run", REAL, platform, LOCAL_CONFIG)
        for platform in ("", "http://nemo.test", "http://new.test")
    ]
    assert len(set(names)) == 3
    assert series("run", REAL, "", LOCAL_CONFIG) == names[0], (
        "and the same again when it means the same again"
    )
    assert series("run", LOCAL_CONFIG, "http://nemo.test", LOCAL_CONFIG) != "run-local"


@pytest.mark.parametrize("home", ["file", "file/below", "/proc/no/such"])
def test_a_home_that_cannot_be_used_is_named_with_what_to_do(tmp_path: Path, home: str) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(NoSlotError, match=r"cannot be used: .*FLYWHEEL_HOME="),
        claim_slot(tmp_path / home, "run-local"),
    ):
        pass
