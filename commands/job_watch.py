"""Ask how far jobs are, beside the terminal: a slow platform takes its time, the person who watches does not wait for it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any

from commands import loopback

#: Kind (`customization`, `evaluation`) and id.
Job = tuple[str, str]


class JobWatch:
    """Within its `with` block `percent` has the latest answers about the jobs in `jobs`."""

    def __init__(self, ask: Callable[[str, str], float | None], poll_seconds: float) -> None:
        """Prepare to ask `ask(kind, job_id)`, which returns a percentage, or None if there is none, so often."""
        #: Replaced as a whole by who watches, never changed: the thread reads it.
        self.jobs: list[Job] = []
        self.percent: dict[Job | None, float] = {}
        self._ask = ask
        self._poll_seconds = poll_seconds
        self._ended = threading.Event()

    def __enter__(self) -> JobWatch:
        """Start asking."""
        # A daemon, and not waited for at the end: nobody needs the answer that it may be waiting for.
        threading.Thread(target=self._watch, name="job-watch", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Ask no more."""
        self._ended.set()

    def _watch(self) -> None:
        # There is nothing to ask at first: look soon whether there is, so that the first answer is not late.
        while not self._ended.wait(self._poll_seconds if self.percent else min(1.0, self._poll_seconds)):
            for job in self.jobs:
                if self._ended.is_set():
                    return
                percent = self._ask(*job)
                if percent is not None:
                    self.percent[job] = percent


def percentage_on_loopback(nemo_url: str, kind: str, job_id: str) -> float | None:
    """Ask the embedded platform how far a job is: without Airflow, which takes seconds of a small machine to import."""
    return percentage_of(loopback.get_json(f"{nemo_url}/v1/{kind}/jobs/{job_id}") or {})


def percentage_of(job: dict[str, Any]) -> float | None:
    """Return how far a job is, from its document; None if that does not say."""
    details = job.get("status_details") or {}
    value = details.get("percentage_done", details.get("progress"))
    return None if value is None else float(value)
