"""The background work of one customization job: wait for GPUs, fetch, train, upload."""

import logging
import shutil
import threading
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from include.local_nemo.cluster import NotEnoughResources
from include.local_nemo.customization_requests import gpus_of
from include.local_nemo.customization_status import INTERNAL, KIND, JobStatus, Stopped
from include.local_nemo.datastore import NotFound
from include.local_nemo.entities import MODELS
from include.local_nemo.platform import Platform
from include.local_nemo.served_models import UPLOADS
from include.local_nemo.store import Absent
from include.local_nemo.training_progress import TrainingProgress
from include.local_nemo.training_rows import training_data
from include.local_nemo.wire import Document, now

if TYPE_CHECKING:
    from include.local_nemo.students.catalogue import StudentSpec

log = logging.getLogger(__name__)

DOWNLOAD, TRAINING, UPLOAD = "EntityHandler_0", "TrainingJob", "EntityHandler_1"

# What learning from a client's rows can raise. Such a job has failed; anything else is a fault of the
# platform.
TRAINING_ERRORS = (ArithmeticError, AttributeError, LookupError, MemoryError, OSError, TypeError, ValueError)


WORK_FOLDER = "training-"
"""How the names of the folders begin in which adapters lie until they are uploaded."""


class JobFailed(Exception):  # noqa: N818
    """The job cannot go on; `message` is the word for the status log, `detail` the reason."""

    def __init__(self, message: str, detail: str) -> None:
        super().__init__(detail)
        self.message = message
        self.detail = detail


def remove_leftovers(state_dir: Path) -> None:
    """Remove the folders of trainings that a kill ended."""
    for folder in state_dir.glob(f"{WORK_FOLDER}*"):
        shutil.rmtree(folder, ignore_errors=True)


class TrainingRun:
    """Run one customization job; an instance lives in the thread of its job.

    The job waits in `pending` for its GPUs and holds them from `running` until its status is about to be
    final.
    """

    def __init__(self, platform: Platform, job_id: str) -> None:
        self._platform = platform
        self._id = job_id
        self._status = JobStatus(platform, job_id)

    def run(self, cancelled: threading.Event) -> None:
        """Take the job to completed, failed or cancelled. A job that is started again trains again from the start."""
        job = self._platform.store.get(KIND, self._id)
        assert job is not None, "customization jobs are never deleted"
        end: tuple[str, str | None, str | None] = ("completed", f"{UPLOAD}_Completed", None)
        try:
            self._run(job, cancelled)
        except Stopped:
            end = ("cancelled", None, None)
        except JobFailed as failure:
            end = ("failed", failure.message, failure.detail)
        finally:
            self._platform.cluster.release(self._id)
        self._set_artifact(job, "upload_completed" if end[0] == "completed" else "upload_failed")
        ended = self._status.end(*end)
        log.info("Customization %s is %s", self._id, ended["status"])

    def _run(self, job: Document, cancelled: threading.Event) -> None:
        settings = self._platform.settings
        self._wait(settings.job_start, cancelled)
        self._status.advance("pending", "PVCCreated", f"{DOWNLOAD}_Created", f"{DOWNLOAD}_Pending")
        self._acquire(job, cancelled)
        self._wait(settings.job_start, cancelled)
        self._status.advance("running", f"{DOWNLOAD}_Running")
        self._wait(settings.download, cancelled)
        spec = self._platform.student_for(job["config_snapshot"]["base_model"])
        if spec is None or spec.kind != "student":
            raise JobFailed(f"{DOWNLOAD}_Failed", self._no_student(job))
        self._status.note(
            f"{DOWNLOAD}_Completed", f"{TRAINING}Created", f"{TRAINING}Pending", f"{TRAINING}Running"
        )
        with TemporaryDirectory(dir=self._platform.settings.state_dir, prefix=WORK_FOLDER) as folder:
            self._train(job, spec, Path(folder), cancelled)
            self._status.note(
                f"{TRAINING}Completed", f"{UPLOAD}_Created", f"{UPLOAD}_Pending", f"{UPLOAD}_Running"
            )
            self._wait(settings.upload, cancelled)
            self._status.last_chance()
            self._upload(job, Path(folder))

    def _acquire(self, job: Document, cancelled: threading.Event) -> None:
        try:
            if not self._platform.cluster.acquire(self._id, gpus_of(job), cancelled):
                raise Stopped
        except NotEnoughResources as error:
            raise JobFailed("NotEnoughResources", str(error)) from error

    def _train(self, job: Document, spec: "StudentSpec", folder: Path, cancelled: threading.Event) -> None:
        # Learning libraries are slow to import: not before there is something to learn.
        from include.local_nemo.students.training import (
            TrainingCancelled,
            TrainingDataError,
            TrainingDiverged,
            train,
        )

        hyperparameters = job["hyperparameters"]
        planned = self._platform.faults.job_failure("customization", job["output_model"] or self._id)
        try:
            rows, validation, count = training_data(self._platform.datastore, job[INTERNAL]["repo"])
            progress = TrainingProgress(
                self._status,
                rows=count,
                batch_size=hyperparameters["batch_size"],
                log_every=hyperparameters["log_every_n_steps"],
                least_seconds=self._platform.settings.training_min,
                cancelled=cancelled,
                fail=lambda: JobFailed(f"{TRAINING}Failed", planned) if planned else None,
            )
            adapter = train(spec, rows, validation, hyperparameters, progress.report, cancelled.is_set)
            self._wait(0, cancelled)
            progress.finish()
            adapter.save(folder)
        except TrainingCancelled:
            raise Stopped from None
        except TrainingDiverged as error:
            raise JobFailed(f"{TRAINING}Failed", str(error)) from error
        except (*TRAINING_ERRORS, TrainingDataError, NotFound) as error:
            raise JobFailed(f"{TRAINING}Failed", f"{type(error).__name__}: {error}") from error

    def _upload(self, job: Document, folder: Path) -> None:
        """Commit the adapter; without an output model there is no repository to put it into."""
        if job["output_model"] is None:
            return
        repo, _, revision = job["output_model"].partition("@")
        files = {path.name: path.read_bytes() for path in folder.iterdir()}
        self._platform.datastore.commit("model", repo, files, revision, f"adapter of {self._id}")

    def _set_artifact(self, job: Document, status: str) -> None:
        if job["output_model"] is None:
            return

        def change(model: Document) -> None:
            if model.get("artifact"):  # unless a client has taken it away
                model["artifact"]["status"] = status
                model["updated_at"] = now()

        try:
            with self._platform.store.together():
                if status == "upload_completed":
                    moment = {"uploaded": self._platform.clock()}
                    self._platform.store.put(UPLOADS, job["output_model"], moment)
                self._platform.store.update(MODELS.kind, job["output_model"], change)
        except Absent:
            log.info("Model %s was deleted while it was trained", job["output_model"])

    def _no_student(self, job: Document) -> str:
        known = [name for name, spec in self._platform.students.items() if spec.kind == "student"]
        return (
            f"no model behind {job['config_snapshot']['base_model']}: this platform trains "
            f"{', '.join([*known, *self._platform.settings.models])}"
        )

    @staticmethod
    def _wait(seconds: float, cancelled: threading.Event) -> None:
        if cancelled.wait(seconds) if seconds else cancelled.is_set():
            raise Stopped
