"""The records that a benchmark replicates: of a user's log, or of the sample made as large as a real one."""

import gzip
import lzma
import os
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any, BinaryIO, Literal, cast

import orjson

from bench.replicas import Record, Template, replicas
from include.sample_logs.writer import write_sample_logs

Kind = Literal["tool", "generic"]

#: The mean record of two real logs, a retail agent's tool calls and school mathematics, in bytes.
SIZES: dict[Kind, int] = {"tool": 34_700, "generic": 950}
#: The real agent is offered up to this many tools.
_TOOLS = 41
_RULE = " Answer in the caller's language, give amounts with two decimals, and never promise what a colleague has to do."

#: A log and what the three stages write of it: at most this many times the log's size are on disk at once; and without
#: the log, which then comes through a pipe.
COPIES, COPIES_OF_STREAMED = 2.6, 1.6
#: Left free for everything else on the disk, in bytes.
_SPARE = 5e9

_OPENERS = {".gz": gzip.open, ".xz": lzma.open}


def log_paths(names: Sequence[str | Path]) -> list[Path]:
    """Return the named logs; exit with a sentence when one is not there."""
    paths = [Path(name) for name in names]
    for path in paths:
        if not path.is_file():
            raise SystemExit(f"{path} is not there. LOGS takes log files, separated by spaces")
    return paths


def templates(kind: Kind, logs: Sequence[Path]) -> list[Template]:
    """Return the templates of a kind's records, oldest first; those of the sample are padded to the size of real ones."""
    found = _largest_workload(kind, logs) or [_padded(record, kind) for record in _of_sample(kind)]
    return [Template.of(record) for record in sorted(found, key=lambda record: float(record["timestamp"]))]


def sound_records(kind: Kind, logs: Sequence[Path]) -> list[Record]:
    """Return the well-formed records of the workload that has most of this kind; `tool` are those that offer tools.

    They come from `logs` (JSON lines, plain, gzip or xz) or, where these have none of the kind, from the sample logs.
    """
    return _largest_workload(kind, logs) or _of_sample(kind)


def write_log(path: Path, some: Sequence[Template], count: int) -> int:
    """Write a log of `count` replicas; return its size in bytes."""
    size = 0
    with path.open("wb", buffering=1 << 20) as out:
        for line in replicas(some, count):
            size += out.write(line) + out.write(b"\n")
    return size


def stream_log(path: Path, some: Sequence[Template], count: int) -> Thread:
    """Make a pipe and begin to write `count` replicas into it; the thread ends when they are read."""
    os.mkfifo(path)
    writer = Thread(target=write_log, args=(path, some, count), daemon=True)
    writer.start()
    return writer


def room_for(folder: Path, some: Sequence[Template], copies: float = COPIES) -> int:
    """Return how many records can be measured with the disk space that is free, everything that is written included."""
    mean = sum(len(template.text) for template in some) / len(some)
    return int(max(shutil.disk_usage(folder).free - _SPARE, 0) / (copies * mean))


def _usable(log: Path, kind: Kind) -> Iterator[Record]:
    opener: Any = _OPENERS.get(log.suffix, open)
    with opener(log, "rb") as file:
        for line in cast(BinaryIO, file):
            try:
                record = orjson.loads(line)
                request, choices = record["request"], record["response"]["choices"]
                fits = request["messages"] and choices and bool(request.get("tools")) == (kind == "tool")
                Template.of(record)
            except (ValueError, TypeError, KeyError, AttributeError):
                continue  # The blemishes of a log are not what is measured.
            if fits:
                yield record


def _of_sample(kind: Kind) -> list[Record]:
    with TemporaryDirectory() as folder:
        sample = Path(folder) / "sample.jsonl"
        write_sample_logs(sample)
        return _largest_workload(kind, [sample])


def _largest_workload(kind: Kind, logs: Sequence[Path]) -> list[Record]:
    found = [record for log in logs for record in _usable(log, kind)]
    sizes = Counter((record["client_id"], record["workload_id"]) for record in found)
    if not sizes:
        return []
    largest = sizes.most_common(1)[0][0]
    return [record for record in found if (record["client_id"], record["workload_id"]) == largest]


def _padded(record: Record, kind: Kind) -> Record:
    """Return a record of the sample with as many tools as a real one, and a system message that makes up its size."""
    request = dict(record["request"])
    if kind == "tool":
        tools = request["tools"]
        copies = (
            {**tool, "function": {**tool["function"], "name": f"{tool['function']['name']}_{number}"}}
            for number in range(2, _TOOLS)
            for tool in tools
        )
        request["tools"] = [
            *tools,
            *(copy for copy, _ in zip(copies, range(_TOOLS - len(tools)), strict=False)),
        ]
    system, *others = request["messages"]
    missing = max(SIZES[kind] - len(orjson.dumps({**record, "request": request})), 0)
    rules = (_RULE * (missing // len(_RULE) + 1))[:missing]
    request["messages"] = [{**system, "content": system["content"] + rules}, *others]
    return {**record, "request": request}
