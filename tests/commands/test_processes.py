"""The processes of a stack, and what is left of them when a command was killed."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from commands.processes import ProcessDiedError, Processes, Running, stop_orphans
from commands.slots import claim_slot
from include.local_nemo.testing import wait_until

SLEEPER = [sys.executable, "-c", "import time; time.sleep(600)"]
RETITLED = [
    sys.executable,
    "-c",
    "import setproctitle, time; setproctitle.setproctitle('worker'); time.sleep(600)",
]
#: Starts a child that leads a process group of its own, as each of Airflow's tasks does, and one that gives itself another title
#: and so loses its environment, as Airflow's workers do.
PARENT = f"""
import subprocess, time
children = subprocess.Popen({SLEEPER!r}, process_group=0), subprocess.Popen({RETITLED!r})
print(*(child.pid for child in children), flush=True)
time.sleep(600)
"""


def start_family(processes: Processes) -> tuple[Running, list[psutil.Process]]:
    """Start a process with two children; return it and all three."""
    running = processes.start("parent", [sys.executable, "-c", PARENT], dict(os.environ))
    children = wait_until(lambda: running.log.read_text().split())
    return running, [psutil.Process(running.popen.pid), *(psutil.Process(int(pid)) for pid in children)]


def test_stop_ends_every_process_and_its_children(tmp_path: Path) -> None:
    processes = Processes(tmp_path)
    _, family = start_family(processes)
    processes.stop()
    _gone, alive = psutil.wait_procs(family, timeout=10)
    assert alive == []
    assert not processes.record.exists()


def test_stop_can_leave_some_running(tmp_path: Path) -> None:
    processes = Processes(tmp_path)
    for name in ("platform", "scheduler"):
        processes.start(name, SLEEPER, {})
    processes.stop("scheduler")
    assert processes.lives("platform")
    assert not processes.lives("scheduler")
    processes.check()
    processes.stop()
    assert not processes.lives("platform")


def test_what_a_killed_command_left_running_is_stopped_by_the_next(tmp_path: Path) -> None:
    left = Processes(tmp_path).start("left", SLEEPER, {})
    assert Processes(tmp_path).stop_leftovers() == 1
    assert left.popen.wait(10) == -signal.SIGKILL


def test_workers_are_stopped_although_their_leader_has_died(tmp_path: Path) -> None:
    running, family = start_family(Processes(tmp_path))
    running.popen.kill()
    running.popen.wait()
    assert Processes(tmp_path).stop_leftovers() == 2
    _gone, alive = psutil.wait_procs(family, timeout=10)
    assert alive == []


def test_strangers_under_a_recorded_number_are_left_alone(tmp_path: Path) -> None:
    stranger = subprocess.Popen(SLEEPER, start_new_session=True)
    processes = Processes(tmp_path)
    processes.record.write_text(json.dumps([{"name": "scheduler", "pid": stranger.pid, "create_time": 1.0}]))
    assert processes.stop_leftovers() == 0
    assert stranger.poll() is None
    stranger.kill()
    stranger.wait()


@pytest.mark.parametrize("text", ["", "[{", "\0\0"])
def test_a_damaged_record_stops_nobody(tmp_path: Path, text: str) -> None:
    processes = Processes(tmp_path)
    processes.record.write_text(text)
    assert processes.stop_leftovers() == 0
    assert not processes.record.exists()


def test_orphans_of_every_folder_are_stopped_but_not_those_of_a_working_command(tmp_path: Path) -> None:
    (tmp_path / "stack-1").mkdir()
    orphan = Processes(tmp_path / "stack-1").start("scheduler", SLEEPER, {})
    with claim_slot(tmp_path, "up-local") as folder:
        working = Processes(folder)
        kept = working.start("scheduler", SLEEPER, {})
        stop_orphans(tmp_path)
        assert orphan.popen.wait(10) == -signal.SIGKILL
        assert kept.popen.poll() is None
        working.stop()


def test_one_that_has_died_is_forgotten_with_its_workers_and_can_be_started_again(tmp_path: Path) -> None:
    processes = Processes(tmp_path)
    died, family = start_family(processes)
    kept = processes.start("kept", SLEEPER, {})
    died.popen.kill()
    died.popen.wait()
    assert [running.name for running in processes.bury()] == [died.name]
    _gone, alive = psutil.wait_procs(
        [member for member in family if member.pid != died.popen.pid], timeout=10
    )
    assert alive == []
    before = died.log.read_text()
    again = processes.start(died.name, [sys.executable, "-c", "print('once more')"], {}, again=True)
    again.popen.wait()
    assert died.log.read_text() == f"{before}once more\n"
    assert processes.lives("kept")
    processes.stop()
    assert kept.popen.poll() is not None


def test_a_process_that_dies_is_reported_with_the_end_of_its_log(tmp_path: Path) -> None:
    processes = Processes(tmp_path)
    died = processes.start("died", [sys.executable, "-c", "print('out of luck'); raise SystemExit(3)"], {})
    died.popen.wait()
    with pytest.raises(ProcessDiedError, match=r"died stopped by itself \(exit 3\)[\s\S]*out of luck"):
        processes.check()
    processes.stop()
