"""Start, watch and stop the processes of one stack, and clear away those that a killed command left behind.

Every process leads a session of its own: Ctrl-C in the terminal reaches the command alone, which then stops the others in
order. What is running is written to `processes.json`, so that the next command can stop what a `kill -9` orphaned.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

#: Linux's prctl option that sends a signal to a child when its parent dies.
PR_SET_PDEATHSIG = 1
#: Long enough for Airflow's scheduler to hand its running tasks back; then the group is killed.
STOP_SECONDS = 8.0


class ProcessDiedError(Exception):
    """A process of the stack ended by itself; the message quotes the end of its log."""


@dataclass
class Running:
    """One started process: its name, the leader of its session, and where its output goes."""

    name: str
    popen: subprocess.Popen[bytes]
    log: Path


class Processes:
    """The processes of one stack, in the order of their start."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.running: list[Running] = []
        self.record = folder / "processes.json"
        (folder / "logs").mkdir(parents=True, exist_ok=True)

    def start(self, name: str, command: list[str], env: dict[str, str]) -> Running:
        """Start a process whose output goes to `logs/<name>.log`."""
        log = self.folder / "logs" / f"{name}.log"
        with log.open("wb") as out:
            popen = subprocess.Popen(
                command,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_die_with_parent if sys.platform == "linux" else None,
            )
        running = Running(name, popen, log)
        self.running.append(running)
        self._write_record()
        return running

    def check(self) -> None:
        """Raise ProcessDiedError if a process that should run has ended."""
        for running in self.running:
            code = running.popen.poll()
            if code is not None:
                raise ProcessDiedError(
                    f"{running.name} stopped by itself (exit {code}). The end of {running.log}:\n{tail(running.log)}"
                )

    def stop(self) -> None:
        """Stop everything, newest first, and forget it."""
        for running in reversed(self.running):
            if running.popen.poll() is None:
                running.popen.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for running in reversed(self.running):
            with contextlib.suppress(subprocess.TimeoutExpired):
                running.popen.wait(max(0.1, deadline - time.monotonic()))
            # Also when the leader has gone: its workers may not have.
            _kill_group(running.popen.pid)
            running.popen.wait()
        self.running.clear()
        self.record.unlink(missing_ok=True)

    def stop_leftovers(self) -> int:
        """Kill what an earlier command recorded and never stopped; return how many processes that were."""
        if not self.record.exists():
            return 0
        killed = 0
        for entry in json.loads(self.record.read_text()):
            if _is_same_process(entry["pid"], entry["create_time"]):
                _kill_group(entry["pid"])
                killed += 1
        self.record.unlink()
        return killed

    def _write_record(self) -> None:
        entries = [
            {"name": r.name, "pid": r.popen.pid, "create_time": psutil.Process(r.popen.pid).create_time()}
            for r in self.running
            if r.popen.poll() is None
        ]
        fresh = self.record.with_suffix(".new")
        fresh.write_text(json.dumps(entries))
        fresh.replace(self.record)


def tail(log: Path, lines: int = 15) -> str:
    """Return the last lines of a log."""
    text = log.read_text(errors="replace").splitlines()
    return "\n".join("    " + line for line in text[-lines:])


def _kill_group(leader: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)


def _is_same_process(pid: int, create_time: float) -> bool:
    """Tell whether a recorded process still lives: a pid alone may belong to somebody else by now."""
    try:
        return abs(psutil.Process(pid).create_time() - create_time) < 0.01
    except psutil.NoSuchProcess:
        return False


def _die_with_parent() -> None:
    # A command that is killed cannot stop its stack; the kernel then tells the stack. Elsewhere `stop_leftovers` does it later.
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
