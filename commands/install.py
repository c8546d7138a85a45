"""Create `.venv` and install exactly what a lock file says: `python commands/install.py runtime|dev`.

Runs before anything is installed, and under Python versions that the project does not support, to say so: standard library
only, syntax of Python 3.6.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
LOCKS = {"runtime": "requirements.lock", "dev": "requirements-dev.lock"}
SUPPORTED = ((3, 11), (3, 12), (3, 13))
#: The installer; everything else comes from the locks, each file checked by its hash.
UV = "uv==0.13.9"
#: An install takes about 0.9 GB; the rest is room for the downloads beside it.
NEEDED_DISK_BYTES = 2 * 1024**3
NETWORK = (
    "Could not download packages. Is the network up? Behind a mirror or a proxy, set PIP_INDEX_URL and UV_DEFAULT_INDEX, "
    "or HTTPS_PROXY, and run make again."
)


def main() -> None:
    """Bring `.venv` to the state of the lock; do nothing when it is there already."""
    kind = sys.argv[1] if len(sys.argv) > 1 else ""
    if kind not in LOCKS:
        sys.exit("usage: python commands/install.py runtime|dev")
    lock = ROOT / LOCKS[kind]
    if installed(lock):
        return
    try:
        with only_one():
            # The one that was waited for may have done it.
            if not installed(lock):
                install(kind, lock)
    except OSError as error:
        sys.exit("{} cannot be made: {}. Mend that and run make again.".format(VENV, error))


def install(kind: str, lock: Path) -> None:
    """Make `.venv`, if what is there does not fit, and install the lock into it."""
    python = find_python()
    free = shutil.disk_usage(str(ROOT)).free
    if free < NEEDED_DISK_BYTES:
        sys.exit(
            "Not enough disk space: {:.1f} GB free in {}, 2 GB needed. Free some space and run make again.".format(
                free / 1024**3, ROOT
            )
        )
    say("Installing {} with {} (a minute or so, once) ...".format(lock.name, python))
    if not may_be_added_to():
        make_venv(python)
    own_python = str(VENV / "bin" / "python")
    call([own_python, "-m", "pip", "--disable-pip-version-check", "install", "-q", UV], NETWORK)
    uv = [str(VENV / "bin" / "uv"), "pip", "install", "-q", "--python", own_python]
    # Compiled now, on all cores: else the first run compiles what it imports, in each of its processes.
    call([*uv, "--compile-bytecode", "--require-hashes", "-r", str(lock)], NETWORK)
    for name in satisfied_by(kind):
        stamp(ROOT / LOCKS[name]).write_text(state(ROOT / LOCKS[name]))


def make_venv(python: str) -> None:
    """Make an empty `.venv` in place of what is there; leave none that is half made."""
    try:
        call(
            [python, "-m", "venv", "--clear", str(VENV)],
            "Could not create .venv; on Debian and Ubuntu: apt install python3-venv.",
        )
    except SystemExit:
        # Without python3-venv a Python is there by then, and no pip: it would pass for an environment ever after.
        shutil.rmtree(str(VENV), ignore_errors=True)
        raise


def may_be_added_to() -> bool:
    """Tell whether `.venv` holds nothing but locks as they are now: then the other lock may be installed beside them.

    Else it is made anew, for what was dropped from a lock since must not stay.
    """
    stamps = [stamp(ROOT / name) for name in LOCKS.values()]
    found = [mark for mark in stamps if mark.exists()]
    return bool(found) and all(
        installed(ROOT / name) for name in LOCKS.values() if stamp(ROOT / name) in found
    )


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


def usable(python: object, needed: str = "") -> bool:
    """Tell whether this interpreter starts, is of a supported version, and has the module `needed`."""
    code = "import sys{}; sys.exit(sys.version_info[:2] not in {!r})".format(
        needed and ", " + needed, SUPPORTED
    )
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
    """Tell whether `.venv` was last brought to this very lock, and in this very place."""
    mark = stamp(lock)
    return mark.exists() and mark.read_text() == state(lock) and usable(VENV / "bin" / "python", "pip")


def stamp(lock: Path) -> Path:
    """Return the file that remembers which content of a lock is installed."""
    return VENV / ".installed-{}".format(lock.stem)


def state(lock: Path) -> str:
    """Return the hash of a lock file, and where it is installed: scripts there begin with the path of their interpreter."""
    return "{}\n{}\n".format(hashlib.sha256(lock.read_bytes()).hexdigest(), VENV.resolve())


@contextmanager
def only_one() -> "Iterator[None]":
    """Hold back every other install into this `.venv` for the length of the `with` block."""
    # The lock needs a file that no install removes. Opened to append, and never written to: some network file systems lock
    # only files that may be written.
    with (ROOT / LOCKS["runtime"]).open("a") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Another make is installing into .venv; waiting for it ...")
            fcntl.flock(held, fcntl.LOCK_EX)
        yield


def call(command: list, remedy: str) -> None:
    """Run a command; exit with the remedy if it fails."""
    if subprocess.run(command, env=dict(os.environ, UV_LINK_MODE="copy")).returncode:
        sys.exit("{}\n(the failed command: {})".format(remedy, " ".join(command[:6])))


def say(text: str) -> None:
    """Print at once, also into a pipe."""
    print(text, flush=True)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("Interrupted. What is half installed is made anew by the next make.")
