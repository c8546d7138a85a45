"""What a training reports, turned into the job's status: throttled, and never going back."""

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from include.local_nemo.customization_status import JobStatus, Stopped
from include.local_nemo.wire import Document, now

if TYPE_CHECKING:
    from include.local_nemo.students.training import Progress

WRITE_SECONDS = 0.2
"""Reports closer together than this become one write."""


class TrainingProgress:
    """Receive a training's reports and write them into the job's status.

    The numbers are the training's own: steps done, losses measured. `least_seconds` makes it last at least
    that long by pausing between steps. A training that is repeated after a restart starts from zero; the
    status stays where it was until the training has come further. `fail()` may give an exception that ends
    the training half-way.
    """

    def __init__(
        self,
        status: JobStatus,
        *,
        rows: int,
        batch_size: int,
        log_every: int,
        least_seconds: float,
        cancelled: threading.Event,
        fail: Callable[[], Exception | None],
    ) -> None:
        self._status = status
        self._rows, self._batch_size, self._log_every = rows, batch_size, log_every
        self._least_seconds = least_seconds
        self._cancelled = cancelled
        self._fail = fail
        self._began = time.monotonic()
        self._written = 0.0
        self._last: Progress | None = None
        self._points: dict[str, list[Document]] = {"train_loss": [], "val_loss": []}
        self._final: Document = {}

    def report(self, progress: "Progress") -> None:
        """Take one report, after each step; raise Stopped when the job was cancelled."""
        self._last = progress
        self._collect(progress)
        total = progress.steps_per_epoch * progress.epochs
        moment = time.monotonic()
        if moment - self._written >= WRITE_SECONDS:
            self._write()
            self._written = moment
        pause = self._began + self._least_seconds * progress.step / total - moment
        if self._cancelled.wait(pause) if pause > 0 else self._cancelled.is_set():
            raise Stopped
        failure = self._fail() if 2 * progress.step >= total else None
        if failure is not None:
            self._write()
            raise failure

    def finish(self) -> None:
        """Write the end of the training. The model that is uploaded is that of the last epoch, so its losses count."""
        self._write()
        self._status.keep_result(self._final)

    def _collect(self, progress: "Progress") -> None:
        # Steps of the series are counted from zero, as the service counts them.
        place = progress.step - 1
        if progress.train_loss is not None:
            self._final["train_loss"] = progress.train_loss
            if progress.step % self._log_every == 0:
                self._add("train_loss", place, progress.train_loss)
        if progress.val_loss is not None:
            self._final.update(val_loss=progress.val_loss, best_epoch=progress.epoch)
            self._add("val_loss", place, progress.val_loss)

    def _add(self, name: str, step: int, value: float) -> None:
        self._points[name].append({"step": step, "value": value, "timestamp": now()})

    def _write(self) -> None:
        progress = self._last
        if progress is None:
            return

        def change(details: Document) -> None:
            for name, series in details["metrics"]["metrics"].items():
                last = series[-1]["step"] if series else -1
                series.extend(point for point in self._points[name] if point["step"] > last)
            if progress.step <= details["steps_completed"]:
                return
            total = progress.steps_per_epoch * progress.epochs
            details.update(
                steps_completed=progress.step,
                steps_per_epoch=progress.steps_per_epoch,
                epochs_completed=progress.step // progress.steps_per_epoch,
                samples_processed=min(progress.step * self._batch_size, self._rows * progress.epochs),
                percentage_done=round(100 * progress.step / total, 2),
            )

        self._status.progress(change)
        self._points = {"train_loss": [], "val_loss": []}
