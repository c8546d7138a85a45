"""`make clean`: remove what runs have left, unless a command is at work there. Needs no installation: standard library only.

What killed commands may have left on a real platform is found again by their folders alone, so those are kept unless FORCE=1.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from commands.places import HOME
from commands.slots import UNFINISHED, lock_folder

#: Of stack folders; the last is that of earlier versions.
NAMES = ("run-*-*", "up-*-*", "stack-*")


def main() -> int:
    """Remove the stack folders and the artifacts; return 1, with nothing removed, if one is needed."""
    slots = sorted(lock.parent for name in NAMES for lock in HOME.glob(f"{name}/lock"))
    held = {slot: lock_folder(slot) for slot in slots}
    in_use = [slot.name for slot, lock in held.items() if lock is None]
    if in_use:
        return _refuse(f"In use: {', '.join(in_use)}. Stop that `make run` or `make up` first.")
    remote = [f"{slot.name} {text}" for slot in slots if (text := _remote_work(slot))]
    if remote and os.environ.get("FORCE") != "1":
        return _refuse(
            f"Runs that were never ended may hold GPUs: {'; '.join(remote)}. `make run` with that CONFIG releases them (`make "
            "up` goes on with them); `make clean FORCE=1` forgets them."
        )
    # Named one by one: FLYWHEEL_HOME may be a folder that holds other things, too.
    for folder in [*slots, HOME / "artifacts", HOME / "sample"] if slots else []:
        shutil.rmtree(folder, ignore_errors=True)
    for lock in held.values():
        if lock is not None:
            os.close(lock)
    left = [str(slot) for slot in slots if slot.exists()]
    return _refuse(f"Could not be removed: {', '.join(left)}") if left else 0


def _remote_work(slot: Path) -> str:
    note = slot / UNFINISHED
    return note.read_text() if note.exists() else ""


def _refuse(reason: str) -> int:
    print(reason, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
