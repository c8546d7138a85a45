"""Create `.venv` and install exactly what a lock file says: `python commands/install.py runtime|dev`.

Runs before anything is installed, and under Python versions that the project does not support, to say so: standard library
only, syntax of Python 3.6.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
LOCKS = {"runtime": "requirements.lock", "dev": "requirements-dev.lock"}
SUPPORTED = ((3, 11), (3, 12), (3, 13))
#: The installer; everything else comes from the locks, each file checked by its hash.
UV = "uv==0.13.9"
#: An install takes about 0.9 GB; the rest is room for the downloads beside it.
NEEDED_DISK_BYTES = 2 * 1024**3


def main() -> None:
    """Bring `.venv` to the state of the lock; do nothing when it is there already."""
    kind = sys.argv[1] if len(sys.argv) > 1 else ""
    if kind not in LOCKS:
        sys.exit("usage: python commands/install.py runtime|dev")
    lock = ROOT / LOCKS[kind]
    if installed(lock):
        return
    python = find_python()
    free = shutil.disk_usage(str(ROOT)).free
    if free < NEEDED_DISK_BYTES:
        sys.exit(
            "Not enough disk space: {:.1f} GB free in {}, 2 GB needed. Free some space and run make again.".format(
                free / 1024**3, ROOT
            )
        )
    say("Installing {} with {} (a minute or so, once) ...".format(lock.name, python))
    if not usable(VENV / "bin" / "python"):
        call(
            [python, "-m", "venv", "--clear", str(VENV)],
            "Could not create .venv; on Debian and Ubuntu: apt install python3-venv.",
        )
    pip = [str(VENV / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "install", "-q", UV]
    network = (
        "Could not download packages. Is the network up? Behind a mirror or a proxy, set PIP_INDEX_URL and UV_DEFAULT_INDEX, "
        "or HTTPS_PROXY, and run make again."
    )
    call(pip, network)
    uv = [str(VENV / "bin" / "uv"), "pip", "install", "-q", "--python", str(VENV / "bin" / "python")]
    call([*uv, "--require-hashes", "-r", str(lock)], network)
    for name in satisfied_by(kind):
        stamp(ROOT / LOCKS[name]).write_text(digest(ROOT / LOCKS[name]))


def satisfied_by(kind: str) -> list:
    """List the locks that an install of this kind fulfils: the dev lock holds all of the runtime lock."""
    return ["runtime", "dev"] if kind == "dev" else ["runtime"]


def find_python() -> str:
    """Return the path of a supported Python: the running one, or the newest on PATH.

    PYTHON=… chooses: make passes it on as the running interpreter. Exits with a sentence when there is none.
    """
    if sys.version_info[:2] in SUPPORTED:
        return sys.executable
    for major, minor in reversed(SUPPORTED):
        path = shutil.which("python{}.{}".format(major, minor))
        # A version manager's shim may be on PATH for a Python that is not installed: ask it.
        if path and usable(path):
            return path
    sys.exit(
        "Python 3.11, 3.12 or 3.13 is needed and was not found ({} is {}.{}). "
        "Install one, or name it: make run PYTHON=/path/to/python3.12".format(
            sys.executable, *sys.version_info[:2]
        )
    )


def usable(python: object) -> bool:
    """Tell whether this interpreter starts and is of a supported version."""
    code = "import sys; sys.exit(sys.version_info[:2] not in {!r})".format(SUPPORTED)
    try:
        return (
            subprocess.run(
                [str(python), "-c", code], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            ).returncode
            == 0
        )
    except OSError:
        return False


def installed(lock: Path) -> bool:
    """Tell whether `.venv` was last brought to this very lock."""
    mark = stamp(lock)
    return mark.exists() and mark.read_text() == digest(lock) and usable(VENV / "bin" / "python")


def stamp(lock: Path) -> Path:
    """Return the file that remembers which content of a lock is installed."""
    return VENV / ".installed-{}".format(lock.stem)


def digest(lock: Path) -> str:
    """Return the hash of a lock file."""
    return hashlib.sha256(lock.read_bytes()).hexdigest()


def call(command: list, remedy: str) -> None:
    """Run a command; exit with the remedy if it fails."""
    if subprocess.run(command, env=dict(os.environ, UV_LINK_MODE="copy")).returncode:
        sys.exit("{}\n(the failed command: {})".format(remedy, " ".join(command[:6])))


def say(text: str) -> None:
    """Print at once, also into a pipe."""
    print(text, flush=True)


if __name__ == "__main__":
    main()
