"""Create the virtual environments in which the hub's client is tested against the Data Store.

One for each pinned version of huggingface_hub, in `.flywheel/venvs/hub-<version>`; what is there already
is kept. Standard library only, so that any Python can run it: `python -m commands.hub_venvs`.

The client's version is exact, but no lock and no hashes hold what it brings with it: these stand for the clients that users
have, with whatever an install gives them today, and are used by tests alone. What the project itself runs on comes from the
locks.
"""

import shutil
import subprocess
import sys
from pathlib import Path

VERSIONS = ("0.30.2", "0.36.2", "2.4.0")
"""What existing users are pinned to, what this project runs, and the newest."""

VENVS = Path(".flywheel/venvs")


def python_of(version: str) -> Path:
    """Return the interpreter of the environment with this version of the client."""
    return VENVS / f"hub-{version}" / "bin" / "python"


def create(version: str) -> None:
    """Create the environment; raise `subprocess.CalledProcessError` when a step fails.

    It gets its final name only when complete, so a cut-off run leaves nothing that looks ready.
    """
    home = python_of(version).parent.parent
    shutil.rmtree(home, ignore_errors=True)
    package = f"huggingface_hub=={version}"
    uv = Path(sys.executable).with_name("uv")
    if uv.exists():
        _run(uv, "venv", "--quiet", "--python", sys.executable, home)
        _run(uv, "pip", "install", "--quiet", "--python", python_of(version), package)
    else:
        _run(sys.executable, "-m", "venv", home)
        _run(python_of(version), "-m", "pip", "install", "--quiet", package)
    _ready(version).touch()


def missing() -> list[str]:
    """Return the versions whose environment is not there or not complete."""
    return [version for version in VERSIONS if not _ready(version).exists()]


def main() -> int:
    """Create what is missing; return 1 when one could not be made."""
    for version in missing():
        print(f"Creating {python_of(version).parent.parent}", flush=True)
        try:
            create(version)
        except subprocess.CalledProcessError as error:
            print(f"huggingface_hub {version} could not be installed: {error}", file=sys.stderr)
            return 1
    return 0


def _ready(version: str) -> Path:
    return VENVS / f"hub-{version}" / "complete"


def _run(*command: Path | str) -> None:
    subprocess.run([str(part) for part in command], check=True)


if __name__ == "__main__":
    sys.exit(main())
