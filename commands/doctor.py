"""`make doctor`: check all that a run needs, and say what is wrong and what to do about it.

Reads CONFIG and LOGS from the environment (make hands them over). With `--json` stdout has one JSON object and nothing else,
`{"ok": …, "config": …, "findings": [{"service": …, "check": …, "status": …, "detail": …, "remedy": …}]}`; a status is ok, problem
or skipped.
Exit codes: 0 no problem was found; 1 there is one; 2 it could not start; 130 interrupted.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from commands.airflow_environment import airflow_environment
from commands.embedded import running_platform
from commands.interrupts import Interrupted, raise_on_signals
from commands.places import HOME, ROOT
from commands.settings import LOCAL_CONFIG, read_config
from commands.stack_secrets import stored_secrets
from commands.up import sample_logs
from commands.voice import complain, refusal, say
from include.flywheel.config import FlywheelConfig
from include.flywheel.errors import ConfigError
from include.flywheel.logs.place import logs_of_environment

if TYPE_CHECKING:
    from nemo_provider.checks import Finding

COLOURS = {"ok": "green", "problem": "red", "skipped": "yellow"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Check everything, print what was found, and return the exit code."""
    parser = argparse.ArgumentParser(prog="make doctor", description="Check all that a run needs.")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of the table")
    as_json = parser.parse_args(arguments).json
    raise_on_signals()
    try:
        # Whatever Airflow and its libraries have to say is none of the answer.
        with TemporaryDirectory(prefix="flywheel-doctor-") as folder, redirect_stdout(sys.stderr):
            path, findings = diagnose(Path(folder))
    except Interrupted as interrupted:
        say(f"Interrupted ({interrupted}).")
        return 130
    except OSError as error:
        complain(refusal(error))
        return 2
    problems = sum(finding.status == "problem" for finding in findings)
    if as_json:
        document = {
            "ok": not problems,
            "config": str(path),
            "findings": [each.as_json() for each in findings],
        }
        print(json.dumps(document, ensure_ascii=False, indent=2))
    else:
        # A log file has no width of its own; the table needs this much.
        print_findings(Console(width=None if sys.stdout.isatty() else 120), path, findings)
    return 1 if problems else 0


def diagnose(folder: Path) -> tuple[Path, list[Finding]]:
    """Return the config's path and a finding for each check; `folder` is for what Airflow writes when it is imported."""
    _find_plugins()
    from nemo_provider.checks import Finding, Status

    given = os.environ.get("CONFIG", "")
    try:
        path, config = read_config(given)
    except ConfigError as error:
        where = Path(given or LOCAL_CONFIG)
        return where, [Finding("config", str(where), Status.PROBLEM, str(error), "Mend the file")]
    findings = [Finding("config", str(path), Status.OK, "can be read, and nothing in it contradicts")]
    platform = running_platform(HOME, path, config) if config.embedded_platform else {}
    secrets = stored_secrets(folder / "secrets.json")
    environment = airflow_environment(folder / "airflow", 0, secrets, path, config, platform, 0)
    os.environ.clear()
    os.environ.update(environment)
    # Airflow reads its environment when it is imported.
    from flywheel_tasks.doctor import examine

    missing = bool(config.embedded_platform) and not platform
    if missing:
        findings.append(
            Finding(
                "embedded platform",
                "running",
                Status.SKIPPED,
                "it does not run, so nothing was asked of it",
                "`make run` and `make up` each start one. To check one now: `make up`, or `make platform`, in another terminal",
            )
        )
    logs = places_of_logs(config)
    findings += examine(logs, written_later=sample_logs(config), with_platform=not missing)
    if not logs:
        findings.append(
            Finding("logs", "none", Status.SKIPPED, "the config names none", "Name some: make doctor LOGS=…")
        )
    return path, findings


def places_of_logs(config: FlywheelConfig) -> list[str]:
    """Return the places of logs to look at: LOGS, else all of the config, else the index of ELASTICSEARCH_URL."""
    given = os.environ.get("LOGS", "").strip()
    if given:
        is_url = "://" in given
        return [given if is_url else str(Path(given).expanduser().resolve())]
    from flywheel_tasks.doctor import configured_logs

    of_environment = logs_of_environment(os.environ)
    return configured_logs(config) or ([of_environment] if of_environment else [])


def print_findings(console: Console, path: Path, findings: Sequence[Finding]) -> None:
    """Print one row per check, and how many there were of each kind."""
    table = Table(title=escape(str(path)), title_justify="left")
    table.add_column("service", no_wrap=True)
    table.add_column("check", overflow="fold")
    table.add_column("result")
    table.add_column("found, and → what to do", overflow="fold")
    for finding in findings:
        remedy = f"\n→ {escape(finding.remedy)}" if finding.remedy else ""
        colour = COLOURS[finding.status]
        table.add_row(
            escape(finding.service),
            escape(finding.check),
            f"[{colour}]{finding.status}[/{colour}]",
            f"{escape(finding.detail)}{remedy}",
        )
    console.print(table)
    counts = {status: sum(each.status == status for each in findings) for status in COLOURS}
    problems = "1 problem" if counts["problem"] == 1 else f"{counts['problem']} problems"
    console.print(f"{counts['ok']} ok, {problems}, {counts['skipped']} skipped", highlight=False)


def _find_plugins() -> None:
    if str(ROOT / "plugins") not in sys.path:
        sys.path.append(str(ROOT / "plugins"))


if __name__ == "__main__":
    sys.exit(main())
