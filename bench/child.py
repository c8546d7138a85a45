"""A measurement in a process of its own, so that its memory is nobody else's."""

import json
import resource
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

#: How often the memory of the process and its children is looked at, in seconds.
_EVERY = 0.1


@dataclass(frozen=True)
class Measured:
    """The JSON object that a module printed as its last line, and the most memory it held, in MB (10^6 bytes)."""

    result: dict[str, Any]
    peak_mb: float


def run_module(module: str, *arguments: str) -> Measured:
    """Run `python -m module arguments` to its end.

    The module's last line is a JSON object with `peak_bytes`, as `report` prints it. The peak is that, or
    the largest sum over the process and its children that was seen, if that is larger. Raises
    CalledProcessError when the module fails; its errors are on stderr.
    """
    command = [sys.executable, "-m", module, *arguments]
    seen = 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        while True:
            try:
                output, _ = process.communicate(timeout=_EVERY)
                break
            except subprocess.TimeoutExpired:
                seen = max(seen, _held(process.pid))
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    result = json.loads(output.splitlines()[-1])
    return Measured(result, max(seen, result["peak_bytes"]) / 1e6)


def report(**result: object) -> None:
    """Print the result of a module that `run_module` started."""
    print(json.dumps({**result, "peak_bytes": _peak()}))


def cpu_seconds() -> float:
    """Return the CPU time of this process and of its children that have ended."""
    whole = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in whole)


def _held(pid: int) -> int:
    held = 0
    try:
        process = psutil.Process(pid)
        for each in [process, *process.children(recursive=True)]:
            held += each.memory_info().rss
    except psutil.NoSuchProcess:
        pass  # It ended while it was looked at.
    return held


def _peak() -> int:
    """Return the most memory this process has held, in bytes.

    Linux has it in VmHWM; its `ru_maxrss` also counts the program that started this one. Elsewhere (macOS)
    `ru_maxrss` is right, and in bytes.
    """
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024
