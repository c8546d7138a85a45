"""Commands beside one another, and after one that was killed."""

import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from commands.ports import HOST, PortInUseError, asked_port, free_port
from commands.processes import ProcessDiedError, Processes
from commands.slots import claim_slot

ROOT = Path(__file__).resolve().parents[2]
SLEEPER = [sys.executable, "-c", "import time; time.sleep(600)"]


def test_two_commands_at_once_get_two_folders(tmp_path: Path) -> None:
    with claim_slot(tmp_path) as first, claim_slot(tmp_path) as second:
        assert first != second


def test_the_next_command_finds_the_folder_of_the_last_one(tmp_path: Path) -> None:
    with claim_slot(tmp_path) as first:
        pass
    with claim_slot(tmp_path) as second:
        assert second == first


def test_a_killed_command_holds_no_folder(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from commands.slots import claim_slot\n"
        f"with claim_slot(Path({str(tmp_path)!r})) as folder: print(folder, flush=True); time.sleep(600)"
    )
    holder = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert holder.stdout is not None
    held = holder.stdout.readline().strip()
    holder.kill()
    holder.wait()
    holder.stdout.close()
    with claim_slot(tmp_path) as folder:
        assert str(folder) == held


def test_a_port_in_use_is_named_with_what_to_do() -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(PortInUseError, match=f"Port {port} .*make up PORT="):
            asked_port(str(port))
        assert free_port(port) != port


@pytest.mark.parametrize("text", ["http", "0", "70000", "-1"])
def test_what_is_no_port_is_refused(text: str) -> None:
    with pytest.raises(PortInUseError, match="not a port"):
        asked_port(text)


def test_stop_ends_every_process_and_its_children(tmp_path: Path) -> None:
    processes = Processes(tmp_path)
    parent = f"import subprocess, sys, time; subprocess.Popen({SLEEPER!r}); print('up', flush=True); time.sleep(600)"
    running = processes.start("parent", [sys.executable, "-c", parent], {})
    while b"up" not in running.log.read_bytes():
        processes.check()
    family = [psutil.Process(running.popen.pid), *psutil.Process(running.popen.pid).children()]
    assert len(family) == 2
    processes.stop()
    _gone, alive = psutil.wait_procs(family, timeout=10)
    assert alive == []
    assert not processes.record.exists()


def test_what_a_killed_command_left_running_is_stopped_by_the_next(tmp_path: Path) -> None:
    left = Processes(tmp_path).start("left", SLEEPER, {})
    assert Processes(tmp_path).stop_leftovers() == 1
    assert left.popen.wait(10) == -signal.SIGKILL


def test_a_process_that_dies_is_reported_with_the_end_of_its_log(tmp_path: Path) -> None:
    processes = Processes(tmp_path)
    died = processes.start("died", [sys.executable, "-c", "print('out of luck'); raise SystemExit(3)"], {})
    died.popen.wait()
    with pytest.raises(ProcessDiedError, match=r"died stopped by itself \(exit 3\)[\s\S]*out of luck"):
        processes.check()
    processes.stop()
