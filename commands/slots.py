"""Give each command a stack folder of its own: `run-local-1`, `run-local-2`, …, `up-local-1`, `run-config-3f2a9c1b-1`, …

What a command left is found again only by one that does the same work: so `make run` and `make up` have folders of their own,
and so has each config. Of its series a command takes the lowest free folder, but first of all one with a run that was never
ended: several work side by side, and whoever comes next goes on with what a killed one left. A folder is held by a file lock,
which the kernel drops when its holder dies: an interrupted command blocks nobody. Standard library only.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: Beyond this somebody starts stacks in a loop.
MOST_STACKS = 20
#: Exists while a slot may have runs that have not been ended; its text says where their remote work is.
UNFINISHED = "unfinished"


class NoSlotError(Exception):
    """No stack folder can be had."""


def series(command: str, config_path: Path, platform: str, default_config: Path) -> str:
    """Name the folders of a command with a config, without their number.

    platform: the address of the platform that the config means, "" for the embedded one. A file that is made to mean another
    platform gets other folders: what a killed command left on the old one cannot be ended on the new one.
    """
    if config_path == default_config and not platform:
        return f"{command}-local"
    stem = re.sub(r"[^a-z0-9]+", "-", config_path.stem.lower()).strip("-")[:30]
    digest = hashlib.sha256(f"{config_path}\n{platform}".encode()).hexdigest()[:8]
    return f"{command}-{stem}-{digest}"


@contextmanager
def claim_slot(home: Path, name: str) -> Iterator[Path]:
    """Hold a free stack folder of the series `name` below `home` for the length of the `with` block. Raises NoSlotError."""
    folders = [home / f"{name}-{number}" for number in range(1, MOST_STACKS + 1)]
    # A stable sort: among equals the lowest number comes first.
    for folder in sorted(folders, key=lambda each: not (each / UNFINISHED).exists()):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = lock_folder(folder)
        except OSError as error:
            raise NoSlotError(
                f"{folder} cannot be used: {error.strerror}. Runs keep their state there: make {home} a folder that you may "
                "write to, or name another with FLYWHEEL_HOME=<folder>."
            ) from error
        if lock is not None:
            try:
                yield folder
            finally:
                os.close(lock)
            return
    raise NoSlotError(
        f"All {MOST_STACKS} stack folders {name}-… in {home} are in use. Stop a `make run` or `make up` first."
    )


def lock_folder(folder: Path) -> int | None:
    """Return the folder's lock, held until it is closed (`os.close`), or None if a command holds it. Raises OSError."""
    path = folder / "lock"
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # `make clean` may have taken the folder away between the two calls: that lock locks nothing.
        if path.exists() and os.path.samestat(os.fstat(lock), path.stat()):
            return lock
    except BlockingIOError:
        pass
    except OSError:
        os.close(lock)
        raise
    os.close(lock)
    return None


def mark_unfinished(folder: Path, platform: str, config_path: Path) -> None:
    """Note that runs in this folder may have remote work, and where: "" for the embedded platform."""
    where = f"at {platform} (CONFIG={config_path})" if platform else ""
    (folder / UNFINISHED).write_text(where)


def mark_finished(folder: Path) -> None:
    """Note that no run in this folder has remote work any more."""
    (folder / UNFINISHED).unlink(missing_ok=True)
