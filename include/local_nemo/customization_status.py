"""The status of a customization job, as its document changes while it runs."""

from collections.abc import Callable

from include.local_nemo.platform import Platform
from include.local_nemo.wire import Document, now

KIND = "customization_job"
FINAL = frozenset({"completed", "failed", "cancelled"})

INTERNAL = "internal"
"""The part of a job's document that no client sees: where its data is, when it started, how far its end has come."""


class Stopped(Exception):  # noqa: N818
    """The job was told to cancel, or has ended already."""


def first_status(moment: str) -> Document:
    """Return the status of a job that was just created."""
    return {
        "created_at": moment,
        "updated_at": moment,
        "status": "created",
        "percentage_done": 0.0,
        "epochs_completed": 0,
        "steps_completed": 0,
        "steps_per_epoch": None,
        "samples_processed": 0,
        "elapsed_time": 0.0,
        "best_epoch": None,
        "train_loss": None,
        "val_loss": None,
        "metrics": {"keys": ["train_loss", "val_loss"], "metrics": {"train_loss": [], "val_loss": []}},
        "status_logs": [log_entry("created", moment)],
    }


def log_entry(message: str, moment: str, detail: str | None = None) -> Document:
    """Return one entry of `status_logs`."""
    return {"updated_at": moment, "message": message, "detail": detail}


def shown(job: Document) -> Document:
    """Return the job as clients see it."""
    return {name: value for name, value in job.items() if name != INTERNAL}


class JobStatus:
    """Write one job's status; every write is one step in the store and shows in the job and its `/status` alike.

    A job that is being cancelled, or has ended, takes no other change: the methods raise Stopped then, except `end`.
    """

    def __init__(self, platform: Platform, job_id: str) -> None:
        self._store = platform.store
        self._clock = platform.clock
        self._id = job_id

    def advance(self, status: str, *messages: str) -> Document:
        """Go on to a status (never back, after a restart) and add the log messages that are not there yet."""

        def step(job: Document) -> None:
            if status == "running" or job["status"] == "created":
                job["status"] = status
            if status == "running":
                job[INTERNAL].setdefault("started", self._clock())
            for name in ("finishing", "result"):  # left over when the platform stopped during an upload
                job[INTERNAL].pop(name, None)
            self._log(job, messages)

        return self._change(step)

    def note(self, *messages: str) -> Document:
        """Add log messages that are not there yet."""
        return self._change(lambda job: self._log(job, messages))

    def progress(self, change: Callable[[Document], None]) -> Document:
        """Apply a change to `status_details`."""
        return self._change(lambda job: change(job["status_details"]))

    def keep_result(self, result: Document) -> None:
        """Keep what `status_details` gets at the end of the job and not before: final losses and best epoch."""
        self._change(lambda job: job[INTERNAL].update(result=result))

    def last_chance(self) -> None:
        """Mark the point of no return: the job is about to store its result, a later cancel is refused."""

        def step(job: Document) -> None:
            job[INTERNAL]["finishing"] = True

        self._change(step)

    def end(self, status: str, message: str | None = None, detail: str | None = None) -> Document:
        """Write the final status; a job that was being cancelled is cancelled, whatever else happened."""

        def step(job: Document) -> None:
            if job["status"] in FINAL:
                return
            cancelled = job["status"] == "cancelling"
            job["status"] = "cancelled" if cancelled else status
            job["status_details"].update(job[INTERNAL].pop("result", {}))
            if message and not cancelled:
                job["status_details"]["status_logs"].append(log_entry(message, now(), detail))

        return self._change(step, ending=True)

    def _change(self, step: Callable[[Document], None], *, ending: bool = False) -> Document:
        def change(job: Document) -> None:
            if not ending and (job["status"] == "cancelling" or job["status"] in FINAL):
                raise Stopped
            step(job)
            details = job["status_details"]
            job["updated_at"] = details["updated_at"] = now()
            details["status"] = job["status"]
            if "started" in job[INTERNAL]:
                details["elapsed_time"] = round(self._clock() - job[INTERNAL]["started"], 3)

        return self._store.update(KIND, self._id, change)

    @staticmethod
    def _log(job: Document, messages: tuple[str, ...]) -> None:
        logs = job["status_details"]["status_logs"]
        there = {entry["message"] for entry in logs}
        logs.extend(log_entry(message, now()) for message in messages if message not in there)
