"""Say what went wrong, also when nobody may be listening any more."""

from __future__ import annotations

import contextlib
import errno
import sys

#: What a person can do about a refusal of the operating system.
REMEDIES = {
    errno.ENOSPC: "Free some disk space (make clean removes old runs) and try again.",
    errno.EDQUOT: "Free some of your disk quota (make clean removes old runs) and try again.",
    errno.EROFS: "Name a folder that you may write to with FLYWHEEL_HOME=<folder>.",
    errno.EACCES: "Mend its permissions, or name another folder with FLYWHEEL_HOME=<folder>.",
    errno.EMFILE: "Raise the limit of open files (ulimit -n) and try again.",
    errno.ENOMEM: "Close some programs and try again.",
}


def say(text: str) -> None:
    """Print to stderr. A reader that has gone (`| head`, a closed terminal) must not stop a clean-up."""
    with contextlib.suppress(OSError):
        print(text, file=sys.stderr, flush=True)


def complain(text: str) -> None:
    """Do the same, in red on a terminal."""
    say(f"\033[31m{text}\033[0m" if sys.stderr.isatty() else text)


def refusal(error: OSError) -> str:
    """Put a refusal of the operating system into a sentence that names the file and says what to do."""
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror or error}. {REMEDIES.get(error.errno or 0, '')}".strip()
