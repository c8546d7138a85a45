"""Before anything is spent: is all there that a run needs?"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from typing import Any

from airflow.sdk import task

from flywheel_tasks.logs import place_of_logs
from flywheel_tasks.settings import flywheel_config
from include.flywheel.errors import FlywheelError
from nemo_provider.checks import Finding, Status
from nemo_provider.errors import NemoUnavailableError

log = logging.getLogger(__name__)


@task
def preflight(params: Any = None) -> dict[str, str]:
    """Ask what `make doctor` asks, of this run's logs. The config itself was checked when the DAG was read.

    Returns what was found, `{"Customizer, answers": "API v1; …", …}`, for the log. Raises the error of `judged`.
    """
    from flywheel_tasks.doctor import examine

    place = place_of_logs(
        params["logs"], flywheel_config(), params["workload_id"], params["client_id"], os.environ
    )
    findings = examine([place] if place else [])
    for finding in findings:
        level = logging.WARNING if finding.status is Status.PROBLEM else logging.INFO
        log.log(level, "%s: %s: %s. %s", finding.status, finding.name, finding.detail, finding.remedy)
    judged(findings)
    return {finding.name: finding.detail for finding in findings if finding.status is Status.OK}


def judged(findings: Sequence[Finding]) -> None:
    """Raise an error that names every problem with its remedy: NemoUnavailableError, which is retried, where that may help.

    Otherwise it is FlywheelError: a person has to mend something. A problem that is bearable is none for the run: what a
    candidate cannot do is told by its own tasks, and the others go on.
    """
    problems = [each for each in findings if each.status is Status.PROBLEM and not each.bearable]
    if not problems:
        return
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    lines = [f"  - {each.name}: {each.detail}. {each.remedy}" for each in problems]
    text = "\n".join([f"{count} before anything was spent", *lines])
    if all(each.may_pass for each in problems):
        raise NemoUnavailableError(text, sent=False)
    raise FlywheelError(text)
