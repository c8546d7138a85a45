"""Give each command a stack folder of its own: `.flywheel/stack-1`, `-2`, …

The lowest free one is taken, so one command at a time always finds its history again, and several run side by side. A
folder is held by a file lock, which the kernel drops when its holder dies: an interrupted command blocks nobody.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: Beyond this somebody starts stacks in a loop.
MOST_STACKS = 20


class NoSlotError(Exception):
    """Every stack folder is in use."""


@contextmanager
def claim_slot(home: Path) -> Iterator[Path]:
    """Hold the lowest free stack folder below `home` for the length of the `with` block."""
    for number in range(1, MOST_STACKS + 1):
        folder = home / f"stack-{number}"
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            yield folder
            return
    raise NoSlotError(
        f"All {MOST_STACKS} stack folders in {home} are in use. Stop a `make run` or `make up` first."
    )
