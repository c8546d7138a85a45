"""`make bench-windows`: what becomes of real logs, and whether training ever meets what is evaluated, over many windows.

For each workload of LOGS (or of the sample): one run on everything, one more with the last day added, and 50 windows of ten
days, in a mixed order as backfills may come, that share one history. What is trained and evaluated is read from the files
that would be uploaded.
"""

import argparse
import os
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson

from bench.data_path import Passed, path_config, take_path
from bench.outcome import Target, finish, print_table
from commands.places import HOME
from include.flywheel.errors import NotEnoughRecordsError
from include.flywheel.jsonl import read_lines
from include.flywheel.logs.files import FileLogs
from include.flywheel.records import Window
from include.flywheel.sides_writer import FILES
from include.sample_logs.writer import write_sample_logs

_WINDOWS = 50
_DAYS = 10
_EVAL_SIZE = 100


class Workload:
    """One workload of one log, with its runs below a folder of its own."""

    def __init__(self, log: Path, client_id: str, workload_id: str, folder: Path) -> None:
        self._log, self._folder = log, folder
        self._names = {"client_id": client_id, "workload_id": workload_id}
        self._config = path_config(limit=10**9, eval_size=_EVAL_SIZE)
        self._conversations: dict[str, str] = {}
        for record in FileLogs(log).records(client_id, workload_id, Window()):
            assert record.record is not None
            said, conversation = _said(record.record), _logged_conversation(record.record["request"])
            self._conversations.setdefault(said, conversation)

    def run(self, name: str, window: Window, history: str) -> Passed:
        """Take the data path on one window."""
        return take_path(
            FileLogs(self._log),
            self._folder / name,
            **self._names,
            config=self._config,
            window=window,
            history=self._folder / history,
        )

    def ids(self, name: str, side: str, which: str | None = None) -> set[str]:
        """Return the conversations of a side of a run, as the log names them (else by how they open)."""
        found = set()
        for line in read_lines(self._folder / name / "dataset" / FILES[side]):  # type: ignore[index]
            row = orjson.loads(line)
            if which is None or which in row["sets"]:
                found.add(self._conversations[_said(row)])
        return found


def _said(row: dict[str, Any]) -> str:
    """Return everything that is said in a record of a log, an eval row or a training row: the same for all three.

    Without tools, which the training rows of a generic workload do not show.
    """
    messages = row["messages"] if "messages" in row else row["request"]["messages"]
    if "response" in row:
        messages = [*messages, row["response"]["choices"][0]["message"]]
    calls = [[_call(call) for call in message.get("tool_calls") or []] for message in messages]
    texts = [[message["role"], message.get("content") or ""] for message in messages]
    return sha256(orjson.dumps([texts, calls], option=orjson.OPT_SORT_KEYS)).hexdigest()


def _call(call: dict[str, Any]) -> list[Any]:
    arguments = call["function"]["arguments"]
    return [call["function"]["name"], orjson.loads(arguments) if isinstance(arguments, str) else arguments]


def _logged_conversation(request: dict[str, Any]) -> str:
    given = (request.get("metadata") or {}).get("conversation_id")
    first = next((m["content"] for m in request["messages"] if m["role"] == "user"), "")
    return str(given if given is not None else first)


def workloads_of(log: Path) -> list[tuple[str, str, float, float]]:
    """Return client, workload, first and last time of each workload of a log."""
    source = FileLogs(log)
    list(source.records("", "", Window()))
    start, end = source.statistics.earliest, source.statistics.latest
    assert start is not None
    assert end is not None
    return [(client, workload, start, end) for client, workload in source.statistics.workloads]


def examine(log: Path, folder: Path) -> tuple[list[list[str]], dict[str, Target]]:
    """Return the table's rows of a log, and what of it is judged."""
    rows: list[list[str]] = []
    targets: dict[str, Target] = {}
    for client_id, workload_id, first, last in workloads_of(log):
        workload = Workload(log, client_id, workload_id, folder / workload_id)
        start, end = (datetime.fromtimestamp(moment, UTC) for moment in (first, last + 1))
        before = workload.run("before", Window(start, end - timedelta(days=1)), "days")
        golden = workload.ids("before", "eval", "golden")
        passed = workload.run("all", Window(start, end), "days")
        kept = workload.ids("all", "eval", "golden") == golden
        moved = len(workload.ids("before", "train") & workload.ids("all", "eval", "rolling"))
        contaminated, failed = _backfill(workload, start, end)
        targets |= {
            f"{workload_id}: windows of {_WINDOWS} with contamination": Target(contaminated, 0),
            f"{workload_id}: eval conversations that are trained on": Target(
                len(workload.ids("all", "train") & workload.ids("all", "eval")), 0
            ),
            f"{workload_id}: golden set changed by a day more": Target(0 if kept else 1, 0),
        }
        rows.append(_row(workload_id, passed, before, moved, contaminated, failed))
    return rows, targets


def _backfill(workload: Workload, start: datetime, end: datetime) -> tuple[int, int]:
    """Run all windows; return how many train on what was evaluated by then, and how many have too few records."""
    step = (end - start - timedelta(days=_DAYS)) / (_WINDOWS - 1)
    windows = [Window(start + i * step, start + i * step + timedelta(days=_DAYS)) for i in range(_WINDOWS)]
    random.Random(0).shuffle(windows)
    evaluated: set[str] = set()
    contaminated = failed = 0
    for number, window in enumerate(windows):
        name = f"window-{number}"
        try:
            workload.run(name, window, "backfill")
        except NotEnoughRecordsError:
            failed += 1
            continue
        evaluated |= workload.ids(name, "eval")
        trained = workload.ids(name, "train") | workload.ids(name, "validation")
        contaminated += bool(trained & evaluated)
    return contaminated, failed


def _row(
    workload_id: str, passed: Passed, before: Passed, moved: int, contaminated: int, failed: int
) -> list[str]:
    exported, dataset = passed.curated.exported, passed.dataset
    left_out = {**passed.curated.set_aside, **dataset.set_aside}
    reasons = ", ".join(f"{name} {count / exported:.2%}" for name, count in left_out.items()) or "none"
    return [
        workload_id,
        f"{exported:,}",
        f"{(exported - sum(left_out.values())) / exported:.2%}",
        reasons,
        f"{dataset.train:,} / {dataset.validation:,} / {dataset.eval:,}",
        f"{dataset.golden} since {before.dataset.golden_since.partition(' – ')[2][:10]}",
        str(moved),
        f"{contaminated} of {_WINDOWS - failed}",
        f"{passed.curated.conflicts.ceiling:.1%}",
    ]


_COLUMNS = "workload;records;kept;set aside;train / validation / eval;golden;moved by a day more;windows contaminated;ceiling"


def main() -> int:
    """Examine the logs that were asked for; return 1 when a target is missed."""
    parser = argparse.ArgumentParser(prog="python -m bench.windows", description=__doc__)
    parser.add_argument("--logs", type=Path, nargs="+", default=os.environ.get("LOGS", "").split())
    asked = parser.parse_args()
    (HOME / "bench").mkdir(parents=True, exist_ok=True)
    rows: list[list[str]] = []
    targets: dict[str, Target] = {}
    with TemporaryDirectory(dir=HOME / "bench") as name:
        for log in _logs(asked.logs, Path(name)):
            found, judged = examine(log, Path(name) / "runs")
            rows += found
            targets |= judged
    print_table("What becomes of the logs", _COLUMNS.split(";"), rows)
    return finish("windows", targets)


def _logs(asked: Sequence[Path | str], folder: Path) -> list[Path]:
    if asked:
        return [Path(log) for log in asked]
    write_sample_logs(folder / "sample.jsonl", conversations=600)
    return [folder / "sample.jsonl"]


if __name__ == "__main__":
    raise SystemExit(main())
