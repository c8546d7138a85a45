"""`make bench-data`: seconds and memory of export → curate → datasets, against the floor on the same file."""

import argparse
import math
import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import get_args

import orjson

from bench.child import Measured, run_module
from bench.imports import cost_of_importing
from bench.logs import COPIES, COPIES_OF_STREAMED, Kind, log_paths, room_for, stream_log, templates, write_log
from bench.outcome import Target, finish, print_table
from bench.replicas import Template
from commands.places import HOME

RECORDS = (1_000, 5_000, 20_000, 100_000)
MILLION = 1_000_000
#: Up to here a measurement is short enough to be repeated; the median of three counts.
_REPEATED = 20_000

#: Targets; those for time are of tool records: in small ones the fixed cost of each record outweighs its bytes.
MOST_TIMES_FLOOR = 2.5
MOST_MB = 300
#: CPU time per record with many records, relative to that with 20,000.
MOST_GROWTH = 1.3
_GROWTH_FROM, _GROWTH_TO = 20_000, 100_000

_MODULES = ("include.flywheel.export", "include.flywheel.curate", "include.flywheel.datasets")


@dataclass(frozen=True)
class Row:
    """One measured size: medians over the repetitions, seconds; the peak is the highest."""

    kind: Kind
    records: int
    kept: int
    bytes: int
    stages: dict[str, float]
    total: float
    floor: float
    cpu: float
    floor_cpu: float
    peak_mb: float

    @property
    def streamed(self) -> bool:
        """Whether the log came through a pipe: then there is no file to take the floor of."""
        return math.isnan(self.floor)

    @property
    def times_floor(self) -> float:
        """How much longer than the floor the path takes."""
        return self.total / self.floor

    def cells(self) -> list[str]:
        """Return the row of the table."""
        compared = [self.floor, self.times_floor, self.cpu / self.floor_cpu]
        return [
            self.kind,
            f"{self.records:,}",
            f"{self.kept:,}",
            f"{self.bytes / self.records / 1e3:.2f}",
            *(f"{number:.2f}" for number in (*self.stages.values(), self.total)),
            *("–" if self.streamed else f"{number:.2f}" for number in compared),
            f"{self.records / self.total:,.0f}",
            f"{self.total / self.records * 1e6:.0f}",
            f"{self.peak_mb:.0f}",
        ]


_COLUMNS = "kind;records;kept;KB each;export s;curate s;datasets s;total s;floor s;x floor;x floor CPU;records/s;µs each;peak MB"


def measure(kind: Kind, records: int, some: Sequence[Template], folder: Path) -> Row:
    """Measure one size: the floor, then path and floor in turns, each in a process of its own."""
    log = folder / "log.jsonl"
    size = write_log(log, some, records)
    first = orjson.loads(some[0].replica(0))
    origin = (first["client_id"], first["workload_id"], str(records))

    def run(which: str) -> Measured:
        with TemporaryDirectory(dir=folder) as scratch:
            return run_module("bench.data_path", which, str(log), scratch, *origin)

    floors, paths = [run("floor")], []
    for _ in range(3 if records <= _REPEATED else 1):
        paths.append(run("path"))
        floors.append(run("floor"))
    log.unlink()
    stages = paths[0].result["seconds"]
    return Row(
        kind,
        records,
        paths[0].result["kept"],
        size,
        {stage: median(path.result["seconds"][stage] for path in paths) for stage in stages},
        _median(paths, "total"),
        _median(floors, "total"),
        _median(paths, "cpu"),
        _median(floors, "cpu"),
        max(path.peak_mb for path in paths),
    )


def measure_streamed(kind: Kind, records: int, some: Sequence[Template], folder: Path) -> Row:
    """Measure a size once whose log is not stored: it comes through a pipe while a second core makes it."""
    log = folder / "log.jsonl"
    first = orjson.loads(some[0].replica(0))
    writer = stream_log(log, some, records)
    with TemporaryDirectory(dir=folder) as scratch:
        path = run_module(
            "bench.data_path",
            "path",
            str(log),
            scratch,
            first["client_id"],
            first["workload_id"],
            str(records),
        )
    writer.join()
    log.unlink()
    size = round(records * sum(len(each.replica(0)) + 1 for each in some) / len(some))
    found, nan = path.result, math.nan
    return Row(
        kind,
        records,
        found["kept"],
        size,
        found["seconds"],
        found["total"],
        nan,
        found["cpu"],
        nan,
        path.peak_mb,
    )


def _median(runs: Sequence[Measured], what: str) -> float:
    return median(run.result[what] for run in runs)


def targets(rows: Sequence[Row], heavy: set[str]) -> dict[str, Target]:
    """Judge 100,000 records of each kind (else the largest size), and how the time per record grew up to there."""
    found = {"heavy imports": Target(len(heavy), 0)}
    for kind in get_args(Kind):
        sizes = {row.records: row for row in rows if row.kind == kind}
        if not sizes:
            continue
        row = sizes.get(_GROWTH_TO) or sizes[max(sizes)]
        if (largest := sizes[max(sizes)]) is not row:
            found[f"{kind} {largest.records}: peak RSS, MB"] = Target(largest.peak_mb, MOST_MB)
        found[f"{kind} {row.records}: peak RSS, MB"] = Target(row.peak_mb, MOST_MB)
        if kind == "tool" and not row.streamed:
            found[f"{kind} {row.records}: times the floor"] = Target(row.times_floor, MOST_TIMES_FLOOR)
        if _GROWTH_FROM in sizes and _GROWTH_TO in sizes:
            # Of CPU time: at some size every disk begins to keep the writer waiting, which is no fault of the path.
            growth = sizes[_GROWTH_TO].cpu / _GROWTH_TO * _GROWTH_FROM / sizes[_GROWTH_FROM].cpu
            found[f"{kind}: CPU time per record, {_GROWTH_TO} to {_GROWTH_FROM}"] = Target(
                growth, MOST_GROWTH
            )
    return found


def _fitting(records: int, kind: Kind, some: Sequence[Template], folder: Path, copies: float) -> int:
    """Return how many of the records can be measured on this disk, and say so where not all can."""
    room = room_for(folder, some, copies)
    if room < 1:
        raise SystemExit(f"{folder.parent} has no room to measure in. Name another folder with --folder")
    if records > room:
        print(
            f"{records:,} {kind} records do not fit: with all that is written they need {copies} times their own size, and "
            f"{folder.parent} has {shutil.disk_usage(folder).free / 1e9:.0f} GB free. Measuring {room:,} instead."
        )
    return min(records, room)


def main() -> int:
    """Measure the sizes that were asked for; return 1 when a target is missed."""
    parser = argparse.ArgumentParser(prog="python -m bench.data", description=__doc__)
    parser.add_argument("--records", type=int, nargs="+", default=RECORDS, metavar="N")
    parser.add_argument("--kinds", nargs="+", choices=get_args(Kind), default=get_args(Kind))
    parser.add_argument("--logs", type=Path, nargs="+", default=os.environ.get("LOGS", "").split())
    parser.add_argument(
        "--million",
        action="store_true",
        help="1,000,000 tool records as well, whose log is streamed and not stored",
    )
    parser.add_argument("--folder", type=Path, default=HOME / "bench", help="where the logs are written")
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    rows: list[Row] = []
    with TemporaryDirectory(dir=asked.folder) as name:
        folder = Path(name)
        for kind in asked.kinds:
            some = templates(kind, log_paths(asked.logs))
            rows += [
                measure(kind, _fitting(records, kind, some, folder, COPIES), some, folder)
                for records in asked.records
            ]
            if asked.million and kind == "tool":
                records = _fitting(MILLION, kind, some, folder, COPIES_OF_STREAMED)
                rows.append(measure_streamed(kind, records, some, folder))
    print_table(
        "The data path; floor: read, orjson.loads, orjson.dumps, write",
        _COLUMNS.split(";"),
        [row.cells() for row in rows],
    )
    seconds, heavy = cost_of_importing(_MODULES)
    print(
        f"Importing the three stages takes {seconds:.2f} s; heavy libraries among it: {', '.join(sorted(heavy)) or 'none'}."
    )
    return finish("data", targets(rows, heavy))


if __name__ == "__main__":
    sys.exit(main())
