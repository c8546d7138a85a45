"""`make fuzz-data`: mutated records must not stop the data path, and none may vanish uncounted."""

import argparse
import json
import os
import sys
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, get_args

from bench.data_path import path_config, take_path
from bench.logs import Kind, log_paths, sound_records
from bench.mutations import mutated
from bench.outcome import Target, finish, print_table
from include.flywheel.logs.files import FileLogs
from include.flywheel.rejections import REASONS

#: Mutated lines in one pass of the path, and sound ones that make sure there is something to build.
_BATCH, _SOUND = 1_000, 100
#: A culprit is shown up to this many bytes and lines; the whole of it follows from seed and batch.
_SHOWN, _NAMED = 2_000, 3


class LostError(AssertionError):
    """Report that the numbers of the three stages do not add up."""


@dataclass
class Findings:
    """What became of all mutated lines, and what went wrong, one text for each batch that failed."""

    lines: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)


def fuzz(logs: Sequence[Path], *, seed: int, count: int) -> Findings:
    """Send `count` mutated records of the logs (of the sample without any) down the data path, tool and text records in turns."""
    sources = [sound_records(kind, logs) for kind in get_args(Kind)]
    findings = Findings()
    for batch in range(-(-count // _BATCH)):
        records = sources[batch % len(sources)]
        rng = Random(f"{seed}/{batch}")
        sound = [json.dumps(record).encode() for record in rng.sample(records, min(_SOUND, len(records)))]
        size = min(_BATCH, count - batch * _BATCH)
        lines = [mutated(rng, rng.choice(records)) for _ in range(size)]
        problem = _problem(records[0], [*sound, *lines], findings.outcomes)
        findings.lines += len(sound) + size
        if problem:
            findings.failures.append(
                f"seed {seed}, batch {batch}: {_culprit(records[0], sound, lines, problem)}"
            )
    return findings


def check(like: dict[str, Any], lines: Sequence[bytes], folder: Path) -> Counter[str]:
    """Send lines down the path, counting what belongs to the workload that `like` belongs to.

    Returns how many lines met which outcome. Raises LostError when not every line has exactly one, or when a
    file of the dataset is not what its summary says.
    """
    log = folder / "log.jsonl"
    log.write_bytes(b"\n".join(lines) + b"\n")
    source = FileLogs(log)
    client_id, workload_id = like["client_id"], like["workload_id"]
    config = path_config(limit=len(lines), eval_size=20)
    passed = take_path(source, folder, client_id=client_id, workload_id=workload_id, config=config)
    exported, curated, dataset = passed.exported, passed.curated, passed.dataset
    left_out = Counter(dataset.set_aside)

    written = sum(1 for line in log.read_bytes().split(b"\n") if line.strip())
    elsewhere = sum(source.statistics.workloads.values()) + source.statistics.passed_over - exported.exported
    _same("lines", written, exported.exported + exported.unreadable + elsewhere)
    _same("exported records", curated.exported, exported.exported)
    _same("exported records", exported.exported, curated.kept + sum(curated.set_aside.values()))
    _same("unknown reasons", (set(curated.set_aside) | set(left_out)) - set(REASONS), set())
    sides = dataset.train + dataset.validation + dataset.eval
    _same("kept records", curated.kept, sides + left_out.total())
    for path, summary in dataset.files.items():
        rows = [json.loads(row, parse_constant=_no_constant) for row in _rows(folder / "dataset" / path)]
        _same(f"rows of {path}", len(rows), summary.rows)
    return (
        Counter(curated.set_aside)
        + left_out
        + Counter(kept=sides, unreadable=exported.unreadable, other_workload=elsewhere)
    )


def _same(what: str, one: object, other: object) -> None:
    if one != other:
        raise LostError(f"{what}: {one} here, {other} there")


def _no_constant(name: str) -> None:
    raise LostError(f"{name} in a file of the dataset, which is no JSON")


def _rows(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8", newline="\n") as file:
        yield from file


def _problem(like: dict[str, Any], lines: Sequence[bytes], outcomes: Counter[str]) -> str:
    """Return the traceback of what stops the path, empty if nothing does."""
    with TemporaryDirectory() as folder:
        try:
            outcomes += check(like, lines, Path(folder))
        except Exception:  # noqa: BLE001 - whatever it is, it is what is looked for
            return traceback.format_exc()
    return ""


def _culprit(like: dict[str, Any], sound: Sequence[bytes], lines: Sequence[bytes], problem: str) -> str:
    """Return the fewest lines that still make the path fail, found by halving, and how they do."""
    while len(lines) > 1:
        middle = len(lines) // 2
        for half in (lines[:middle], lines[middle:]):
            if found := _problem(like, [*sound, *half], Counter()):
                lines, problem = half, found
                break
        else:
            break
    shown = "\n".join(repr(line[:_SHOWN]) for line in lines[:_NAMED])
    return f"{len(lines)} lines, beginning with\n{shown}\n{problem}"


def main() -> int:
    """Fuzz as asked; return 1 when anything was found."""
    parser = argparse.ArgumentParser(prog="python -m bench.fuzz", description=__doc__)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--records", type=int, default=100_000, metavar="N")
    parser.add_argument("--logs", type=Path, nargs="+", default=os.environ.get("LOGS", "").split())
    asked = parser.parse_args()
    found = fuzz(log_paths(asked.logs), seed=asked.seed, count=asked.records)
    print_table(
        f"What became of {found.lines:,} lines",
        ("outcome", "lines"),
        [(outcome, f"{count:,}") for outcome, count in found.outcomes.most_common()],
    )
    for failure in found.failures:
        print(failure, file=sys.stderr)
    return finish("fuzz-data", {"failed batches": Target(len(found.failures), 0)})


if __name__ == "__main__":
    sys.exit(main())
