"""The stack on one machine: the embedded NeMo platform and Airflow's four components, on loopback, in one folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import requests

from commands import loopback
from commands.airflow_environment import USER, airflow_environment
from commands.embedded import note_addresses
from commands.places import ROOT
from commands.ports import HOST, free_port
from commands.processes import Processes, tail
from commands.stack_secrets import DamagedSecretsError, stored_secrets
from include.flywheel.config import FlywheelConfig
from include.flywheel.config_sections import EmbeddedPlatformConfig

#: A migrated database, logs and artifacts of a few runs.
NEEDED_DISK_BYTES = 500 * 1024**2
#: A cold start took 15–26 s on two cores; a loaded laptop may need several times that.
START_SECONDS = 240.0
#: By module and not by its script, whose first line names the folder that the environment was made in.
AIRFLOW = [sys.executable, "-P", "-m", "airflow"]
#: Serving of logs by scheduler and triggerer is off: they would listen on every interface, and the disk is shared.
COMPONENTS = {
    "api-server": ["api-server", "--workers", "1"],
    "dag-processor": ["dag-processor"],
    "scheduler": ["scheduler", "--skip-serve-logs"],
    "triggerer": ["triggerer", "--skip-serve-logs"],
}
PLATFORM = "platform"
#: How often a component that has died is started again.
MOST_DEATHS = 5


class StackError(Exception):
    """The stack could not be started; the message says what to do."""


class Stack:
    """Everything `make run` and `make up` start. Use `start()`, then always `stop()`."""

    def __init__(
        self,
        folder: Path,
        config_path: Path,
        config: FlywheelConfig,
        port: int | None = None,
        reread_seconds: int = 10,
    ) -> None:
        """Prepare a stack. Raises StackError.

        folder: where it keeps its state. config_path, config: the flywheel's config file and what it says; with its section
        `embedded_platform` that platform is started, too. port: of the Airflow UI; None takes any free one. reread_seconds:
        how often the DAG files are read again.
        """
        self.folder = folder
        self.config_path = config_path
        self.config = config
        self.processes = Processes(folder)
        self.port = port or free_port()
        self.reread_seconds = reread_seconds
        self.url = f"http://{HOST}:{self.port}"
        self.platform: dict[str, str] = {}
        self.started = datetime.now(UTC)
        self.deaths: Counter[str] = Counter()
        try:
            self._secrets = stored_secrets(folder / "secrets.json")
        except DamagedSecretsError as error:
            raise StackError(str(error)) from error

    @property
    def password(self) -> str:
        """The password of the local Airflow's `admin`."""
        return self._secrets["password"]

    def start(self) -> None:
        """Start all processes and wait until they answer. Raises StackError or ProcessDiedError."""
        free = shutil.disk_usage(self.folder).free
        if free < NEEDED_DISK_BYTES:
            raise StackError(
                f"Not enough disk space: {free / 1024**2:.0f} MB free in {self.folder}, {NEEDED_DISK_BYTES / 1024**2:.0f} MB "
                "needed. Free some space (make clean removes old runs) and try again."
            )
        self.processes.stop_leftovers()
        if self.config.embedded_platform:
            self._start_platform(self.config.embedded_platform)
        env = self.environment()
        self._migrate(env)
        self.started = datetime.now(UTC)
        for name, arguments in COMPONENTS.items():
            self.processes.start(name, [*AIRFLOW, *arguments], env)
        self._wait_for("Airflow", self._airflow_is_healthy)
        if self.platform:
            health = f"{self.platform['nemo']}/health"
            self._wait_for("the embedded platform", lambda: loopback.get_json(health) is not None)

    def revive(self) -> list[str]:
        """Start those of Airflow's components again that have died; return their names.

        Airflow's scheduler ends itself over a locked SQLite, which a backfill at the wrong moment is enough for, and counts on
        being started again. Raises ProcessDiedError for one that keeps dying, and for the platform.
        """
        if self.processes.lives(PLATFORM) or not self.platform:
            died = [name for name in COMPONENTS if not self.processes.lives(name)]
            self.deaths.update(died)
            if all(self.deaths[name] <= MOST_DEATHS for name in died):
                self.processes.bury()
                for name in died:
                    self.processes.start(name, [*AIRFLOW, *COMPONENTS[name]], self.environment(), again=True)
                return died
        self.processes.check()
        return []

    def stop_airflow(self) -> None:
        """Stop Airflow and leave the platform: from then on no task starts anything there."""
        self.processes.stop(*COMPONENTS)

    def stop(self) -> None:
        """Stop all processes."""
        self.processes.stop()

    def platform_may_answer(self) -> bool:
        """Tell whether asking the platform makes sense: an embedded one that has died gives no answer any more."""
        return not self.platform or self.processes.lives(PLATFORM)

    def environment(self) -> dict[str, str]:
        """Return the environment of Airflow's components."""
        return airflow_environment(
            self.folder / "airflow",
            self.port,
            self._secrets,
            self.config_path,
            self.config,
            self.platform,
            self.reread_seconds,
        )

    def _start_platform(self, settings: EmbeddedPlatformConfig) -> None:
        """Start the embedded platform on free ports; Airflow starts beside it."""
        state = self.folder / "platform"
        ports = {service: free_port() for service in ("nemo", "nim", "datastore")}
        command = [sys.executable, "-m", "include.local_nemo", "--state-dir", str(state)]
        # Large files as they are; the other mode, which every client knows, packs them into one request as base64.
        command += ["--upload-mode", "lfs"]
        command += ["--gpus", str(settings.gpus), "--speed", settings.speed]
        for name, seconds in settings.delays.items():
            command += ["--delay", f"{name}={seconds}"]
        for service, port in ports.items():
            command += [f"--{service}-port", str(port)]
        env = loopback.past_proxies(dict(os.environ, PYTHONPATH=str(ROOT)))
        self.processes.start(PLATFORM, command, env)
        self.platform = {service: f"http://{HOST}:{port}" for service, port in ports.items()}
        note_addresses(self.folder, self.platform)

    def _migrate(self, env: dict[str, str]) -> None:
        """Make or upgrade Airflow's database, once for each version of Airflow."""
        mark = self.folder / "airflow" / f"migrated-{version('apache-airflow')}"
        if mark.exists():
            return
        log = self.folder / "logs" / "migrate.log"
        with log.open("wb") as out:
            result = subprocess.run(
                [*AIRFLOW, "db", "migrate"], env=env, stdout=out, stderr=subprocess.STDOUT
            )
        if result.returncode:
            raise StackError(f"Airflow's database could not be prepared. The end of {log}:\n{tail(log)}")
        mark.touch()

    def _wait_for(self, what: str, ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not ready():
            self.processes.check()
            if time.monotonic() > deadline:
                raise StackError(
                    f"{what} did not become ready within {START_SECONDS:.0f} s. Its logs are in {self.folder / 'logs'}."
                )
            time.sleep(0.2)

    def _airflow_is_healthy(self) -> bool:
        health = loopback.get_json(f"{self.url}/api/v2/monitor/health")
        if health is None or not self._is_ours():
            return False
        parts = ("metadatabase", "scheduler", "triggerer", "dag_processor")
        return all((health.get(part) or {}).get("status") == "healthy" for part in parts)

    def _is_ours(self) -> bool:
        """Tell whether the Airflow that answers knows our password; False, too, if it is too busy to say.

        Raises StackError if it does not know it: of two that start at once both may have seen one port free.
        """
        login = {"username": USER, "password": self.password}
        try:
            with loopback.session() as session:
                answer = session.post(f"{self.url}/auth/token", json=login, timeout=30)
        except requests.RequestException:
            return False
        if answer.status_code == requests.codes.unauthorized:
            raise StackError(
                f"Port {self.port} was taken by another Airflow while this one started. Try again."
            )
        return True
