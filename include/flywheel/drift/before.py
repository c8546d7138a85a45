"""The windows that one is compared with."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from include.flywheel.drift.result import Severity

#: Fewer conversations on either side are not compared: their spread cannot be told.
ENOUGH_CONVERSATIONS = 10


class Kept(Protocol):
    """What is kept of a window."""

    @property
    def start(self) -> datetime:
        """When the window starts."""

    @property
    def conversations(self) -> int:
        """How many conversations it has."""


Each = TypeVar("Each", bound=Kept)


@dataclass(frozen=True)
class Before(Generic[Each]):
    """The previous windows of the same workload, oldest first; at least one."""

    windows: Sequence[Each]

    @property
    def name(self) -> str:
        """What a sentence calls them."""
        return "the window before" if len(self.windows) == 1 else f"the last {len(self.windows)} windows"

    @property
    def conversations(self) -> int:
        """How many conversations they have in all."""
        return sum(window.conversations for window in self.windows)

    def pooled(self, counts: Callable[[Each], Mapping[str, float]]) -> dict[str, float]:
        """Add up counts of all windows."""
        total: dict[str, float] = {}
        for window in self.windows:
            for name, number in counts(window).items():
                total[name] = total.get(name, 0) + number
        return total

    def like(self, current: Each, alike: Callable[[Each], bool]) -> Each | None:
        """Return the latest previous window that is like this one, of those that are big enough to tell."""
        for window in reversed(self.windows):
            if 2 * window.conversations >= current.conversations and alike(window):
                return window
        return None


def no_news(found: Severity, like: Kept | None) -> Severity:
    """Lower the severity of a change that a previous window had as well: weekends, or what came some windows ago."""
    return "notice" if found == "strong" and like else found


def seen_before(like: Kept | None) -> str:
    """Return the end of a sentence about a change that a previous window had as well."""
    return f"; the window from {like.start:%Y-%m-%d} does not clearly differ from this one" if like else ""


def percent(share: float) -> str:
    """Write a share for people; what is there at all is not called 0 %."""
    return "< 1 %" if 0 < share < 0.005 else f"{100 * share:.0f} %"
