"""The data path, and the least that any path must do with the same bytes; each is also run as a process of its own.

`python -m bench.data_path path|floor LOG FOLDER CLIENT WORKLOAD LIMIT` prints what it took as JSON.
"""

import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from bench.child import cpu_seconds, report
from include.flywheel.config import FlywheelConfig, parse_config
from include.flywheel.curate import CurationSummary, curate
from include.flywheel.datasets import build_datasets
from include.flywheel.export import ExportSummary, export_logs, export_part, join_parts
from include.flywheel.icl_files import add_examples
from include.flywheel.logs.files import FileLogs, LogSource
from include.flywheel.manifest import DatasetSummary
from include.flywheel.records import Window

_BUFFER = 1 << 20
_ALL = Window()


@dataclass(frozen=True)
class Passed:
    """What the three stages said, and the seconds that each took, by its name."""

    exported: ExportSummary
    curated: CurationSummary
    dataset: DatasetSummary
    seconds: dict[str, float]


def take_path(
    source: LogSource,
    folder: Path,
    *,
    client_id: str,
    workload_id: str,
    config: FlywheelConfig,
    window: Window = _ALL,
    history: Path | None = None,
) -> Passed:
    """Export, curate and build what the logs hold of one workload, all below `folder`, as the tasks of the DAG do.

    `history` is shared by the runs of a workload; without it this run has no earlier ones.
    """
    marks = [time.perf_counter()]
    exported = _export(source, client_id, workload_id, window, folder / "export")
    marks.append(time.perf_counter())
    curated = curate(folder / "export", folder / "curated", split=config.data_split_config)
    marks.append(time.perf_counter())
    split = build_datasets(
        folder / "export",
        folder / "curated",
        folder / "dataset",
        config=config,
        client_id=client_id,
        workload_id=workload_id,
        workload_type=curated.workload_type,
        history=history or folder / "history",
        run=folder.name,
        window=(exported.start, exported.end),
    )
    dataset = add_examples(
        folder / "dataset", split, config=config, client_id=client_id, workload_id=workload_id
    )
    marks.append(time.perf_counter())
    names = ("export", "curate", "datasets")
    return Passed(exported, curated, dataset, {name: marks[i + 1] - marks[i] for i, name in enumerate(names)})


def _export(
    source: LogSource, client_id: str, workload_id: str, window: Window, folder: Path
) -> ExportSummary:
    """Export in parts as the tasks of the DAG do, as many at a time as there are cores."""
    if not isinstance(source, FileLogs) or len(spans := source.spans()) == 1:
        return export_logs(source, client_id=client_id, workload_id=workload_id, window=window, folder=folder)
    asked: dict[str, Any] = {
        "client_id": client_id,
        "workload_id": workload_id,
        "window": window,
        "folder": folder,
    }
    with ProcessPoolExecutor(os.cpu_count()) as workers:
        running = [
            workers.submit(export_part, FileLogs(source.path, span), **asked, part=number, parts=len(spans))
            for number, span in enumerate(spans, start=1)
        ]
        parts = [part.result() for part in running]
    return join_parts(parts, **asked)


def path_config(limit: int, eval_size: int = 100) -> FlywheelConfig:
    """Return the settings that are measured: the defaults, one candidate, no record left out for the limit."""
    return parse_config(
        {
            "nims": [{"model_name": "bench/candidate", "context_length": 32768}],
            "data_split_config": {"eval_size": eval_size, "limit": limit, "min_total_records": 0},
        },
        source="bench",
    )


def take_floor(log: Path, folder: Path) -> None:
    """Read, parse, serialise and write every line."""
    with log.open("rb", buffering=_BUFFER) as lines, (folder / "floor.jsonl").open("wb", _BUFFER) as out:
        for line in lines:
            out.write(orjson.dumps(orjson.loads(line)))
            out.write(b"\n")


def main(which: str, log: Path, folder: Path, client_id: str, workload_id: str, limit: int) -> None:
    """Measure one of the two with the log, unless it is a pipe, in the page cache and nothing else waiting to be written."""
    if log.is_file():
        with log.open("rb", buffering=0) as file:
            while file.read(_BUFFER):
                pass
    os.sync()
    start, cpu = time.perf_counter(), cpu_seconds()
    if which == "floor":
        take_floor(log, folder)
        report(total=time.perf_counter() - start, cpu=cpu_seconds() - cpu)
        return
    passed = take_path(
        FileLogs(log), folder, client_id=client_id, workload_id=workload_id, config=path_config(limit)
    )
    report(
        total=time.perf_counter() - start,
        cpu=cpu_seconds() - cpu,
        seconds=passed.seconds,
        kept=passed.curated.kept,
    )


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4], sys.argv[5], int(sys.argv[6]))
