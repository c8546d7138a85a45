"""The install behind make, with real virtual environments; only what it would download is a stand-in."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from commands.install import UV

ROOT = Path(__file__).resolve().parents[2]
#: In place of the real installer: notes each call, and leaves something behind as an installed package does.
STAND_IN = """
import pathlib, sys
def main():
    home = pathlib.Path(sys.prefix)
    with (home.parent / "installs.txt").open("a") as log:
        log.write(pathlib.Path(sys.argv[-1]).name + chr(10))
    (home / ("package-of-" + pathlib.Path(sys.argv[-1]).stem)).touch()
"""


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a wheel of the stand-in, under the name and version that is asked for."""
    folder = tmp_path_factory.mktemp("wheels")
    name, _, version = UV.partition("==")
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        wheel.writestr("uv_stand_in.py", STAND_IN)
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/entry_points.txt", "[console_scripts]\nuv = uv_stand_in:main\n")
        wheel.writestr(f"{info}/RECORD", "")
    return folder


class Checkout:
    """A project of its own, with small locks."""

    def __init__(self, folder: Path, wheels: Path) -> None:
        self.folder = folder
        self.env = {**os.environ, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels)}
        (folder / "commands").mkdir(parents=True)
        shutil.copy(ROOT / "commands" / "install.py", folder / "commands")
        for lock in ("requirements.lock", "requirements-dev.lock"):
            (folder / lock).write_text("# version 1\n")

    def start(self, kind: str) -> subprocess.Popen[str]:
        command = [sys.executable, "commands/install.py", kind]
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def install(self, kind: str) -> str:
        running = self.start(kind)
        output, _ = running.communicate(timeout=120)
        assert running.returncode == 0, output
        return output

    @property
    def installs(self) -> list[str]:
        return (self.folder / "installs.txt").read_text().split()


def test_the_installed_environment_follows_the_locks_and_the_folder(tmp_path: Path, wheels: Path) -> None:
    checkout = Checkout(tmp_path / "here", wheels)
    python = checkout.folder / ".venv" / "bin" / "python"
    added = checkout.folder / ".venv" / "package-of-requirements"

    checkout.install("runtime")
    assert checkout.install("runtime") == "", "nothing to do"
    checkout.install("dev")
    assert checkout.install("runtime") == "", "the dev lock holds the runtime lock"
    assert checkout.installs == ["requirements.lock", "requirements-dev.lock"]
    assert added.exists(), "the dev lock is installed beside the runtime lock"

    for lock in ("requirements.lock", "requirements-dev.lock"):
        (checkout.folder / lock).write_text("# version 2, one package less\n")
    checkout.install("dev")
    assert not added.exists(), "what is in no lock any more is gone"

    moved = Checkout.__new__(Checkout)
    moved.folder, moved.env = tmp_path / "there", checkout.env
    checkout.folder.rename(moved.folder)
    assert "Installing" in moved.install("runtime"), "scripts name the folder that they were made in"
    assert not python.exists()


def test_a_half_made_environment_is_not_taken_for_one(tmp_path: Path, wheels: Path) -> None:
    checkout = Checkout(tmp_path, wheels)
    # What `python -m venv` leaves behind on a Debian without python3-venv.
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / ".venv"], check=True)
    checkout.install("runtime")
    assert checkout.installs == ["requirements.lock"]


def test_an_environment_that_cannot_be_made_is_not_left_behind(tmp_path: Path, wheels: Path) -> None:
    checkout = Checkout(tmp_path, wheels)
    # In place of that Debian's venv: begins an environment, and has no pip to put into it.
    begun = "import os, sys\nos.makedirs(sys.argv[-1] + '/bin')\nos.symlink(sys.executable, sys.argv[-1] + '/bin/python')\n"
    (tmp_path / "venv.py").write_text(begun + "sys.exit('ensurepip is not available')\n")
    checkout.env["PYTHONPATH"] = str(tmp_path)
    running = checkout.start("runtime")
    output, _ = running.communicate(timeout=120)
    assert running.returncode == 1
    assert "apt install python3-venv" in output
    assert not (tmp_path / ".venv").exists()


def test_of_two_installs_at_once_one_waits_and_finds_it_done(tmp_path: Path, wheels: Path) -> None:
    checkout = Checkout(tmp_path, wheels)
    both = [checkout.start("runtime"), checkout.start("runtime")]
    outputs = [running.communicate(timeout=120)[0] for running in both]
    assert [running.returncode for running in both] == [0, 0], outputs
    assert checkout.installs == ["requirements.lock"]
    assert sum("Another make is installing" in output for output in outputs) == 1, outputs
