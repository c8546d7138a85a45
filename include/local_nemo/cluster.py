"""The simulated GPUs: who holds how many, and who waits for them."""

import threading
from collections import deque

CANCEL_CHECK_SECONDS = 0.1
"""How soon a waiting owner notices that it was cancelled."""


class NotEnoughResources(Exception):  # noqa: N818 - named after the word in the platform's status logs
    """More GPUs were asked for than the whole cluster has."""


class Cluster:
    """Hand out a fixed number of GPUs, first come, first served.

    A large request at the head of the queue is never overtaken by smaller ones, so it cannot starve.
    """

    def __init__(self, gpus: int) -> None:
        self.total = gpus
        self._held: dict[str, int] = {}
        self._queue: deque[str] = deque()
        self._changed = threading.Condition()

    def acquire(self, owner: str, gpus: int, cancelled: threading.Event) -> bool:
        """Wait until `gpus` are free and it is the owner's turn, then hold them.

        Returns False, holding nothing, when `cancelled` is set first. An owner that holds GPUs already
        keeps them and gets True. Raises `NotEnoughResources` when the cluster is smaller than the
        request.
        """
        if gpus > self.total:
            raise NotEnoughResources(
                f"NotEnoughResources: {gpus} GPUs requested, the cluster has {self.total} in all"
            )
        with self._changed:
            if owner in self._held:
                return True
            self._queue.append(owner)
            try:
                while not cancelled.is_set():
                    if self._queue[0] == owner and self._free() >= gpus:
                        self._held[owner] = gpus
                        return True
                    self._changed.wait(CANCEL_CHECK_SECONDS)
                return False
            finally:
                self._queue.remove(owner)
                self._changed.notify_all()

    def adopt(self, owner: str, gpus: int) -> None:
        """Hold GPUs at once: the owner had them before a restart, so they are its own."""
        with self._changed:
            self._held[owner] = gpus

    def release(self, owner: str) -> None:
        """Free what the owner holds; nothing happens if that is nothing."""
        with self._changed:
            self._held.pop(owner, None)
            self._changed.notify_all()

    def in_use(self) -> dict[str, int]:
        """Return the GPUs held, by owner."""
        with self._changed:
            return dict(self._held)

    def waiting(self) -> list[str]:
        """Return the owners in the queue, the next one first."""
        with self._changed:
            return list(self._queue)

    def _free(self) -> int:
        return self.total - sum(self._held.values())
