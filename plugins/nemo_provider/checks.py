"""Checks: questions to services, asked side by side, each answered by a finding.

A check asks one thing of something outside. What goes wrong there is its finding, never an error of the one who asked; what
goes wrong in here, a programming error, is raised. A check whose ``needs`` were not met is skipped and says so.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from multiprocessing.pool import AsyncResult, ThreadPool

from nemo_provider.errors import NemoApiError, NemoConfigurationError, NemoError, NemoUnavailableError
from nemo_provider.hooks.answers import without

#: Seconds that a check may take. Hooks are told to be quicker (`reach_checks.impatient`), and have then more to say.
LIMIT = 10.0


class Status(StrEnum):
    """Say how a check went."""

    OK = "ok"
    PROBLEM = "problem"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Finding:
    """Hold the outcome of one check.

    ``service`` and ``check`` are what was looked at, ``detail`` what was found, or why it was not looked at, ``remedy`` what
    to do about it. ``may_pass``: the problem may be gone when asked again. ``bearable``: work can begin all the same, because
    who asks then may fare better than this machine, or because only one of several models cannot be worked with.
    """

    service: str
    check: str
    status: Status
    detail: str
    remedy: str = ""
    may_pass: bool = False
    bearable: bool = False

    @property
    def name(self) -> str:
        """Return what was looked at."""
        return f"{self.service}, {self.check}"

    def as_json(self) -> dict[str, str]:
        """Return what others read: ``{"service": …, "check": …, "status": …, "detail": …, "remedy": …}``."""
        document = {key: value for key, value in asdict(self).items() if isinstance(value, str)}
        return {**document, "status": str(self.status)}


class CheckError(Exception):
    """Say that something outside is not as it must be, and what to do."""

    def __init__(
        self, detail: str, remedy: str = "", *, may_pass: bool = False, bearable: bool = False
    ) -> None:
        super().__init__(detail)
        self.detail, self.remedy, self.may_pass, self.bearable = detail, remedy, may_pass, bearable


class NotTold(Exception):  # noqa: N818 - it is no error: nothing can be said
    """Say that a check cannot be decided, and why."""

    def __init__(self, why: str, remedy: str = "") -> None:
        super().__init__(why)
        self.why, self.remedy = why, remedy


@dataclass(frozen=True)
class Check:
    """Hold one question. ``ask`` returns in words what it found, or raises `CheckError`, `NotTold` or a ``NemoError``.

    ``needs`` are names (`Finding.name`) of checks that must have gone well; those that were never asked do not count.
    """

    service: str
    check: str
    ask: Callable[[], str]
    needs: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Return what is looked at."""
        return f"{self.service}, {self.check}"

    def finding(self, status: Status, detail: str, remedy: str = "", **more: bool) -> Finding:
        """Return a finding of this check."""
        return Finding(self.service, self.check, status, detail, remedy, **more)


def run_checks(
    checks: Sequence[Check], *, secrets: Collection[str] = (), limit: float = LIMIT
) -> list[Finding]:
    """Ask all checks, those that do not need each other side by side; return a finding for each, in their order.

    ``secrets`` are struck out of what is told. ``limit`` is in seconds, for each check.
    """
    found: dict[str, Finding] = {}
    # Its threads are daemons: one that hangs, as in a file system that does not answer, keeps nobody from ending.
    with ThreadPool(max(len(checks), 1)) as pool:
        left = list(checks)
        while left:
            waiting = {check.name for check in left}
            ready = [check for check in left if not waiting & set(check.needs)]
            if not ready:
                raise ValueError(f"checks that need each other: {', '.join(sorted(waiting))}")
            deadline, asked = time.monotonic() + limit, []
            for check in ready:
                unmet = [need for need in check.needs if need in found and found[need].status != Status.OK]
                if unmet:
                    found[check.name] = check.finding(Status.SKIPPED, f"needs: {'; '.join(unmet)}")
                else:
                    asked.append((check, pool.apply_async(_ask, (check,))))
            for check, answer in asked:
                found[check.name] = _within(check, answer, deadline, limit)
            left = [check for check in left if check.name not in found]
    return [
        replace(each, detail=without(each.detail, secrets), remedy=without(each.remedy, secrets))
        for each in (found[check.name] for check in checks)
    ]


def problem_of(error: NemoError) -> CheckError:
    """Return what an error of the provider means to the person who reads the findings."""
    if isinstance(error, NemoApiError):
        detail = f"{error.request} was answered with {error.status}: {error.detail}"
        return CheckError(detail, error.advice or "See the log of the service", may_pass=error.status >= 500)
    if isinstance(error, NemoUnavailableError):
        remedy = error.remedy or "See whether all of it runs; it may be starting, or busy"
        return CheckError(error.message, remedy, may_pass=error.may_pass)
    if isinstance(error, NemoConfigurationError):
        what, _, remedy = str(error).partition(": ")
        return CheckError(what, f"{remedy[:1].upper()}{remedy[1:]}" if remedy else "Mend it")
    return CheckError(str(error))


def _ask(check: Check) -> Finding:
    try:
        try:
            return check.finding(Status.OK, check.ask())
        except NemoError as error:
            raise problem_of(error) from error
    except NotTold as skipped:
        return check.finding(Status.SKIPPED, skipped.why, skipped.remedy)
    except CheckError as problem:
        more = {"may_pass": problem.may_pass, "bearable": problem.bearable}
        return check.finding(Status.PROBLEM, problem.detail, problem.remedy, **more)


def _within(check: Check, answer: AsyncResult[Finding], deadline: float, limit: float) -> Finding:
    try:
        return answer.get(max(0.0, deadline - time.monotonic()))
    except multiprocessing.TimeoutError:
        return check.finding(
            Status.PROBLEM,
            f"no answer within {limit:.0f} s",
            "It hangs, or is overloaded; see its log",
            may_pass=True,
        )
