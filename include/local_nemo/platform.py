"""The parts of one platform, as its services see them."""

import fcntl
import time
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import IO, TYPE_CHECKING

from include.local_nemo.blobs import Blobs
from include.local_nemo.cluster import Cluster
from include.local_nemo.datastore import Datastore
from include.local_nemo.faults import Faults
from include.local_nemo.jobs import Jobs
from include.local_nemo.settings import Settings
from include.local_nemo.store import Store

if TYPE_CHECKING:
    from include.local_nemo.students.catalogue import StudentSpec


class StateInUse(Exception):  # noqa: N818
    """Two platforms must not share a state folder."""


class Platform:
    """Hold what the services share. The urls are known once `server.bind` has chosen the ports.

    Raises `StateInUse` while another process has the state folder, and `ValueError` for a state folder of
    another version or a plan of faults that cannot be read.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.time) -> None:
        self.settings = settings
        self._lock = _locked(settings.state_dir)
        self.clock = clock
        """Seconds since the epoch."""
        self.store = Store(settings.state_dir / "platform.sqlite")
        self.datastore = Datastore(self.store, Blobs(settings.state_dir / "blobs"))
        self.cluster = Cluster(settings.gpus)
        self.jobs = Jobs()
        self.faults = Faults.load(settings.faults, settings.seed, self.store)
        self.nemo_url = ""
        self.nim_url = ""
        self.datastore_url = ""

    @cached_property
    def students(self) -> "dict[str, StudentSpec]":
        """The catalogue, by student name."""
        from include.local_nemo.students.catalogue import catalogue  # learning libraries are slow to import

        return catalogue()

    def student_for(self, model: str) -> "StudentSpec | None":
        """Return the student that answers for a model name, its own or a mapped foreign one."""
        return self.students.get(self.settings.models.get(model, model))

    def stop(self) -> None:
        """Stop all background work without touching its state on disk, and close the store."""
        self.store.freeze()
        self.jobs.stop_all()
        self.store.close()
        self._lock.close()


def _locked(state_dir: Path) -> IO[bytes]:
    """Take the state folder for this platform; the system frees it when the process ends, however it ends."""
    state_dir.mkdir(parents=True, exist_ok=True)
    lock = (state_dir / "lock").open("wb")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise StateInUse(
            f"Another platform is using {state_dir}: stop it, or give this one a state folder of its own."
        ) from None
    return lock
