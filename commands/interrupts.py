"""Turn the signals that end a command into one exception, so that a stack is always stopped in order."""

from __future__ import annotations

import signal
from types import FrameType
from typing import NoReturn


class Interrupted(Exception):  # noqa: N818 - it is an event, not an error
    """The person at the terminal, or the system, asked the command to end."""


def raise_on_signals() -> None:
    """Raise Interrupted in the main thread on Ctrl-C, SIGTERM and a closed terminal."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _raise)


def ignore_signals() -> None:
    """Let the clean-up of a command finish undisturbed."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def _raise(number: int, frame: FrameType | None) -> NoReturn:
    raise Interrupted(signal.Signals(number).name)
