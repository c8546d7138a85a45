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
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from commands.slots import lock_folder

#: Linux's prctl option that sends a signal to a child when its parent dies.
PR_SET_PDEATHSIG = 1
#: Long enough for Airflow's scheduler to hand its running tasks back; then the session is killed.
STOP_SECONDS = 8.0
RECORD = "processes.json"


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
        self.record = folder / RECORD
        (folder / "logs").mkdir(parents=True, exist_ok=True)

    def start(self, name: str, command: list[str], env: dict[str, str], *, again: bool = False) -> Running:
        """Start a process whose output goes to `logs/<name>.log`; `again`, below that of one that has died."""
        log = self._log(name)
        with log.open("ab" if again else "wb") as out:
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

    def bury(self) -> list[Running]:
        """Forget the processes that have ended by themselves, once nothing of their sessions is left; return them."""
        dead = [running for running in self.running if running.popen.poll() is not None]
        _kill(_members({running.popen.pid for running in dead}))
        self.running = [running for running in self.running if running not in dead]
        return dead

    def lives(self, name: str) -> bool:
        """Tell whether the process of this name is running."""
        return any(running.name == name and running.popen.poll() is None for running in self.running)

    def stop(self, *names: str) -> None:
        """Stop the processes of these names, all without any; newest first."""
        stopping = [running for running in reversed(self.running) if not names or running.name in names]
        for running in stopping:
            if running.popen.poll() is None:
                running.popen.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for running in stopping:
            with contextlib.suppress(subprocess.TimeoutExpired):
                running.popen.wait(max(0.1, deadline - time.monotonic()))
        # Also where the leader has gone: its workers may not have.
        _kill(_members({running.popen.pid for running in stopping}))
        for running in stopping:
            running.popen.wait()
            self.running.remove(running)
        if not self.running:
            self.record.unlink(missing_ok=True)

    def stop_leftovers(self) -> int:
        """Kill what an earlier command recorded and never stopped; return how many processes that were."""
        left = []
        for entry in _entries(self.record):
            members = _members({entry["pid"]})
            log = os.path.realpath(self._log(entry["name"]))
            # A session keeps its number as long as one of its members lives: one that is certainly ours speaks for all.
            if any(_is_leader(member, entry) or _writes_to(member, log) for member in members):
                left += members
        _kill(left)
        self.record.unlink(missing_ok=True)
        return len(left)

    def _log(self, name: str) -> Path:
        return self.folder / "logs" / f"{name}.log"

    def _write_record(self) -> None:
        entries = [
            {"name": r.name, "pid": r.popen.pid, "create_time": psutil.Process(r.popen.pid).create_time()}
            for r in self.running
            if r.popen.poll() is None
        ]
        fresh = self.record.with_suffix(".new")
        fresh.write_text(json.dumps(entries))
        fresh.replace(self.record)


def stop_orphans(home: Path) -> None:
    """Stop what killed commands left running in any stack folder below `home` that no command holds now."""
    for record in sorted(home.glob(f"*/{RECORD}")):
        lock = lock_folder(record.parent)
        if lock is not None:
            Processes(record.parent).stop_leftovers()
            os.close(lock)


def tail(log: Path, lines: int = 15) -> str:
    """Return the last lines of a log."""
    text = log.read_text(errors="replace").splitlines()
    return "\n".join("    " + line for line in text[-lines:])


def _entries(record: Path) -> list[dict[str, Any]]:
    try:
        entries: list[dict[str, Any]] = json.loads(record.read_text())
    except (FileNotFoundError, ValueError):
        # None was written, or the machine went down while it was: nothing runs since before that.
        return []
    return entries


def _members(sessions: Collection[int]) -> list[psutil.Process]:
    """Return the processes of these sessions: Airflow gives each task a process group of its own, its session it leaves."""
    members = []
    for process in psutil.process_iter():
        with contextlib.suppress(OSError):
            if os.getsid(process.pid) in sessions:
                members.append(process)
    return members


def _kill(processes: list[psutil.Process]) -> None:
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.kill()


def _is_leader(process: psutil.Process, entry: dict[str, Any]) -> bool:
    """Tell whether this is the recorded process: a pid alone may belong to somebody else by now."""
    try:
        return process.pid == entry["pid"] and abs(process.create_time() - entry["create_time"]) < 0.01
    except psutil.Error:
        return False


def _writes_to(process: psutil.Process, log: str) -> bool:
    """Tell whether a process has the log open: what it inherited from its leader, also when it has retitled itself."""
    try:
        return any(opened.path == log for opened in process.open_files())
    except psutil.Error:
        return False


def _die_with_parent() -> None:
    # A command that is killed cannot stop its stack; the kernel then tells the stack. Elsewhere `stop_leftovers` does it later.
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
