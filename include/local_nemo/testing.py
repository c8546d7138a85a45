"""A whole platform inside a test or a bench."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from include.local_nemo.app import serve
from include.local_nemo.platform import Platform
from include.local_nemo.server import bind
from include.local_nemo.settings import Settings, Speed

STOP_SECONDS = 10
POLL_SECONDS = 0.02

T = TypeVar("T")


@contextmanager
def running_platform(*, speed: Speed = "fast", **settings: object) -> Iterator[Platform]:
    """Start a platform on free loopback ports in a thread, yield it with its urls, and stop it.

    `settings` are fields of `Settings`. Without `state_dir` it gets a temporary folder that goes with it.
    """
    with TemporaryDirectory(prefix="local-nemo-") as folder:
        platform = Platform(Settings.at_speed(speed, **{"state_dir": Path(folder), **settings}))
        sockets = bind(platform)
        loop = asyncio.new_event_loop()
        stop, started = asyncio.Event(), threading.Event()

        def run() -> None:
            try:
                loop.run_until_complete(serve(platform, sockets, stop, started.set))
            finally:
                loop.close()

        thread = threading.Thread(target=run, name="platform", daemon=True)
        thread.start()
        while not started.wait(POLL_SECONDS):
            if not thread.is_alive():
                raise RuntimeError("the platform ended before it served")
        try:
            yield platform
        finally:
            loop.call_soon_threadsafe(stop.set)
            thread.join(STOP_SECONDS)
            if thread.is_alive():
                raise RuntimeError(f"the platform did not stop within {STOP_SECONDS} s")


def wait_until(check: Callable[[], T], seconds: float = 10.0) -> T:
    """Ask `check` until it returns something true and return that; raise `TimeoutError` after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (found := check()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not so within {seconds} s")
        time.sleep(POLL_SECONDS)
    return found
