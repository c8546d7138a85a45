"""The files of one evaluation job: samples while it runs, a log, and the zip that clients download."""

import io
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import orjson

from include.local_nemo.evaluation_rows import SampleLog
from include.local_nemo.wire import Document, now

RESULTS_MEMBER = "results/results.json"
SUMMARY_MEMBER = "results/evaluation_result.json"


class JobFiles:
    """Keep a job's files in `<state_dir>/evaluations/<job id>`. None of them ever holds a key of an endpoint."""

    def __init__(self, state_dir: Path, job_id: str) -> None:
        self._folder = state_dir / "evaluations" / job_id
        self.archive = self._folder / "results.zip"
        self._log = self._folder / "evaluation.log"

    def samples(self, task_number: int) -> SampleLog:
        """Open the samples of one task, made new if there are none."""
        return SampleLog(self._samples_path(task_number))

    def _samples_path(self, task_number: int) -> Path:
        return self._folder / f"samples-{task_number}.jsonl"

    def note(self, line: str) -> None:
        """Add a line to the job's log: counts, ids and reasons, never what was asked or answered."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with self._log.open("a", encoding="utf-8") as file:
            file.write(f"{now()} {line}\n")

    def write_archive(self, results: Path, result: Document) -> None:
        """Write the zip: the per-sample records, a file that lies elsewhere, and the result."""
        part = self.archive.with_suffix(".part")
        # Level 1: prompts repeat so much that more effort would only cost time.
        with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            archive.write(results, RESULTS_MEMBER)
            archive.writestr(SUMMARY_MEMBER, summary_json(result))
        part.replace(self.archive)

    def drop_samples(self, tasks: int) -> None:
        """Remove the samples of a finished job; the archive has them."""
        for number in range(tasks):
            self._samples_path(number).unlink(missing_ok=True)

    def logs_archive(self, job_id: str) -> bytes:
        """Return a zip with the job's log, which is empty before the job has started."""
        content = self._log.read_bytes() if self._log.exists() else b""
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(f"logs/{job_id}.log", content)
        return buffer.getvalue()

    def remove(self) -> None:
        """Remove everything."""
        shutil.rmtree(self._folder, ignore_errors=True)


def summary_json(result: Document) -> bytes:
    """Return a result as the archive holds it."""
    return orjson.dumps(result, option=orjson.OPT_INDENT_2)


def samples_json(samples: Mapping[str, SampleLog]) -> Iterator[bytes]:
    """Yield the pieces of results.json: `{task: [record of each sample, in the order of the rows]}`."""
    yield b"{"
    for number, (task, log) in enumerate(samples.items()):
        yield (b"," if number else b"") + orjson.dumps(task) + b":["
        for place, body in enumerate(log.bodies()):
            yield b"," + body if place else body
        yield b"]"
    yield b"}"
