"""The stack on one machine: the embedded NeMo platform and Airflow's four components, on loopback, in one folder."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import requests

from commands.ports import HOST, free_port
from commands.processes import Processes, tail
from include.flywheel.config import FlywheelConfig
from include.flywheel.config_sections import EmbeddedPlatformConfig

ROOT = Path(__file__).resolve().parent.parent
#: Everything that runs leave behind; elsewhere if FLYWHEEL_HOME says so.
HOME = Path(os.environ.get("FLYWHEEL_HOME") or ROOT / ".flywheel").resolve()
#: A migrated database, logs and artifacts of a few runs.
NEEDED_DISK_BYTES = 500 * 1024**2
#: A cold start took 15–26 s on two cores; a loaded laptop may need several times that.
START_SECONDS = 240.0
#: The login of the local Airflow; the password is made at the first start.
USER = "admin"


class StackError(Exception):
    """The stack could not be started; the message says what to do."""


class Stack:
    """Everything `make run` and `make up` start. Use `start()`, then always `stop()`."""

    def __init__(
        self, folder: Path, config_path: Path, config: FlywheelConfig, port: int | None = None
    ) -> None:
        """Prepare a stack.

        folder: where it keeps its state. config_path, config: the flywheel's config file and what it says; with its section
        `embedded_platform` that platform is started, too. port: of the Airflow UI; None takes any free one.
        """
        self.folder = folder
        self.config_path = config_path
        self.config = config
        self.processes = Processes(folder)
        self.port = port or free_port()
        self.url = f"http://{HOST}:{self.port}"
        self.platform: dict[str, str] = {}
        self._secrets = _stored_secrets(folder / "secrets.json")

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
        airflow = str(Path(sys.executable).with_name("airflow"))
        # Serving of logs by scheduler and triggerer is off: they would listen on every interface, and the disk is shared.
        for name, arguments in {
            "api-server": ["api-server", "--workers", "1"],
            "dag-processor": ["dag-processor"],
            "scheduler": ["scheduler", "--skip-serve-logs"],
            "triggerer": ["triggerer", "--skip-serve-logs"],
        }.items():
            self.processes.start(name, [airflow, *arguments], env)
        self._wait_for("Airflow", self._airflow_is_healthy)
        if self.platform:
            self._wait_for("the embedded platform", lambda: _answers(f"{self.platform['nemo']}/health"))

    def stop(self) -> None:
        """Stop all processes."""
        self.processes.stop()

    def environment(self) -> dict[str, str]:
        """Return the environment of Airflow's components."""
        airflow_home = self.folder / "airflow"
        airflow_home.mkdir(exist_ok=True)
        passwords = airflow_home / "passwords.json"
        _write_private(passwords, {USER: self.password})
        settings = {
            "CORE__DAGS_FOLDER": ROOT / "dags",
            "CORE__PLUGINS_FOLDER": ROOT / "plugins",
            "CORE__LOAD_EXAMPLES": False,
            "CORE__EXECUTOR": "LocalExecutor",
            # Two cores: more workers at once only make each of them slower.
            "CORE__PARALLELISM": 6,
            "CORE__FERNET_KEY": self._secrets["fernet_key"],
            "CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
            "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": passwords,
            "DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{airflow_home / 'airflow.db'}",
            "API__HOST": HOST,
            "API__PORT": self.port,
            # Workers call back here; without it they would try port 8080.
            "API__BASE_URL": self.url,
            "API__SECRET_KEY": self._secrets["api_secret"],
            "API_AUTH__JWT_SECRET": self._secrets["jwt_secret"],
            "DAG_PROCESSOR__REFRESH_INTERVAL": 5,
            "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": 10,
            # The lever for chains of short tasks: 2.5 times faster than the default of 1 s.
            "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": 0.1,
            "LOGGING__LOGGING_LEVEL": self.config.logging_config.level,
            "OPERATORS__DEFAULT_DEFERRABLE": True,
            "USAGE_DATA_COLLECTION__ENABLED": False,
        }
        env = {key: value for key, value in os.environ.items() if not key.startswith("AIRFLOW__")}
        env.update({f"AIRFLOW__{key}": str(value) for key, value in settings.items()})
        env.update(
            AIRFLOW_HOME=str(airflow_home),
            PYTHONPATH=str(ROOT),
            FLYWHEEL_CONFIG=str(self.config_path),
            FLYWHEEL_ARTIFACTS=str(HOME / "artifacts"),
            # Nothing here may leave the machine by itself.
            HF_HUB_DISABLE_TELEMETRY="1",
        )
        for connection, service in {
            "nemo_default": "nemo",
            "nim_default": "nim",
            "nemo_datastore_default": "datastore",
        }.items():
            if service in self.platform:
                env[f"AIRFLOW_CONN_{connection.upper()}"] = json.dumps(
                    {"conn_type": "http", "host": self.platform[service]}
                )
        return env

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
        self.processes.start("platform", command, dict(os.environ, PYTHONPATH=str(ROOT)))
        self.platform = {service: f"http://{HOST}:{port}" for service, port in ports.items()}

    def _migrate(self, env: dict[str, str]) -> None:
        """Make or upgrade Airflow's database, once for each version of Airflow."""
        from importlib.metadata import version

        mark = self.folder / "airflow" / f"migrated-{version('apache-airflow')}"
        if mark.exists():
            return
        log = self.folder / "logs" / "migrate.log"
        with log.open("wb") as out:
            airflow = str(Path(sys.executable).with_name("airflow"))
            result = subprocess.run([airflow, "db", "migrate"], env=env, stdout=out, stderr=subprocess.STDOUT)
        if result.returncode:
            raise StackError(f"Airflow's database could not be prepared. The end of {log}:\n{tail(log)}")
        mark.touch()

    def _wait_for(self, what: str, ready: Any) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not ready():
            self.processes.check()
            if time.monotonic() > deadline:
                raise StackError(
                    f"{what} did not become ready within {START_SECONDS:.0f} s. Its logs are in {self.folder / 'logs'}."
                )
            time.sleep(0.2)

    def _airflow_is_healthy(self) -> bool:
        health = _get_json(f"{self.url}/api/v2/monitor/health")
        if health is not None and not self._is_ours():
            raise StackError(
                f"Port {self.port} was taken by another Airflow while this one started. Try again."
            )
        parts = ("metadatabase", "scheduler", "triggerer", "dag_processor")
        return health is not None and all(
            (health.get(part) or {}).get("status") == "healthy" for part in parts
        )

    def _is_ours(self) -> bool:
        """Tell whether the Airflow that answers knows our password: two that start at once may have seen one port free."""
        login = {"username": USER, "password": self.password}
        return (
            requests.post(f"{self.url}/auth/token", json=login, timeout=30).status_code
            != requests.codes.unauthorized
        )


def _answers(url: str) -> bool:
    return _get_json(url) is not None


def _get_json(url: str) -> dict[str, Any] | None:
    try:
        answer = requests.get(url, timeout=5)
        return answer.json() if answer.ok else None
    except requests.RequestException:
        return None


def _stored_secrets(path: Path) -> dict[str, str]:
    """Return the stack's own secrets, made at its first start and readable by this user alone."""
    import base64

    if not path.exists():
        _write_private(
            path,
            {
                "password": secrets.token_urlsafe(9),
                "api_secret": secrets.token_hex(32),
                "jwt_secret": secrets.token_hex(64),
                "fernet_key": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            },
        )
    stored: dict[str, str] = json.loads(path.read_text())
    return stored


def _write_private(path: Path, content: dict[str, str]) -> None:
    fresh = path.with_suffix(".new")
    fresh.touch(mode=0o600)
    fresh.write_text(json.dumps(content))
    fresh.replace(path)
