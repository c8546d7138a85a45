"""Background work: one thread for each live job, each with an event that tells it to stop."""

import logging
import threading
from collections.abc import Callable

from include.local_nemo.store import StoreClosed

log = logging.getLogger(__name__)

Run = Callable[[threading.Event], None]

STOP_SECONDS = 1.0
"""How long a stopping platform waits for its job threads; they are daemons, and their state is on disk."""


class Jobs:
    """Run jobs in daemon threads and cancel them.

    The event given to a job is set when the job is cancelled *and* when the platform stops. A stopping
    platform has frozen its store before, so whatever a job still tries to write raises `StoreClosed`,
    which ends its thread quietly: on disk it stays as unfinished as it was, and `resume` starts it again.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._live: dict[str, tuple[threading.Thread, threading.Event]] = {}
        self.stopping = False

    def start(self, job_id: str, run: Run) -> None:
        """Start `run(cancelled)` in a thread of its own; a job that is already live is left alone."""
        with self._lock:
            if self.stopping or job_id in self._live:
                return
            cancelled = threading.Event()
            thread = threading.Thread(
                target=self._run, args=(job_id, run, cancelled), name=f"job {job_id}", daemon=True
            )
            self._live[job_id] = (thread, cancelled)
            thread.start()

    def cancel(self, job_id: str) -> bool:
        """Tell a live job to stop; return False when it is not (or no longer) live."""
        with self._lock:
            live = self._live.get(job_id)
        if live is None:
            return False
        live[1].set()
        return True

    def is_live(self, job_id: str) -> bool:
        """Return whether the job's thread has not ended yet."""
        with self._lock:
            return job_id in self._live

    def stop_all(self) -> None:
        """Tell every job that the platform stops, and wait briefly for the threads."""
        with self._lock:
            self.stopping = True
            live = list(self._live.values())
        for _, cancelled in live:
            cancelled.set()
        for thread, _ in live:
            thread.join(STOP_SECONDS)

    def _run(self, job_id: str, run: Run, cancelled: threading.Event) -> None:
        try:
            run(cancelled)
        except StoreClosed:
            log.info("Job %s stops with the platform and goes on after the next start", job_id)
        finally:
            with self._lock:
                self._live.pop(job_id, None)
