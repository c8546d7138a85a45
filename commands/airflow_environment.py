"""The environment of Airflow's components: everything that a stack decides, nothing of an Airflow that the user has besides."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

from commands.loopback import past_proxies
from commands.places import HOME, ROOT
from commands.ports import HOST
from commands.stack_secrets import write_private
from include.flywheel.config import FlywheelConfig

#: The login of the local Airflow; the password is made at the first start.
USER = "admin"
#: Which of the embedded platform's services each connection leads to.
CONNECTIONS = {"nemo_default": "nemo", "nim_default": "nim", "nemo_datastore_default": "datastore"}


def airflow_environment(
    airflow_home: Path,
    port: int,
    secrets: dict[str, str],
    config_path: Path,
    config: FlywheelConfig,
    platform: dict[str, str],
    reread_seconds: int,
) -> dict[str, str]:
    """Return the environment of Airflow's components, the caller's own included.

    platform: the embedded platform's addresses by service, `{"nemo": "http://…", "nim": …, "datastore": …}`, or empty.
    reread_seconds: how often DAG files are read again, which costs seconds of CPU each time.
    """
    airflow_home.mkdir(exist_ok=True)
    passwords = airflow_home / "passwords.json"
    write_private(passwords, {USER: secrets["password"]})
    url = f"http://{HOST}:{port}"
    settings = {
        "CORE__DAGS_FOLDER": ROOT / "dags",
        "CORE__PLUGINS_FOLDER": ROOT / "plugins",
        "CORE__LOAD_EXAMPLES": False,
        "CORE__EXECUTOR": "LocalExecutor",
        # Two cores: more workers at once only make each of them slower.
        "CORE__PARALLELISM": 6,
        "CORE__FERNET_KEY": secrets["fernet_key"],
        # A DAG that has changed is taken over when it is read, not up to half a minute later: a run may start at once.
        "CORE__MIN_SERIALIZED_DAG_UPDATE_INTERVAL": 0,
        "CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": passwords,
        "DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{airflow_home / 'airflow.db'}",
        "API__HOST": HOST,
        "API__PORT": port,
        # Workers call back here; without it they would try port 8080.
        "API__BASE_URL": url,
        "API__SECRET_KEY": secrets["api_secret"],
        "API_AUTH__JWT_SECRET": secrets["jwt_secret"],
        "DAG_PROCESSOR__REFRESH_INTERVAL": 5,
        "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": reread_seconds,
        # The lever for chains of short tasks, twice as fast as with the default of 1 s. Still less takes more from the tasks
        # on two cores than it gives them.
        "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": 0.25,
        "LOGGING__LOGGING_LEVEL": config.logging_config.level,
        "OPERATORS__DEFAULT_DEFERRABLE": True,
        # As old as the database, which knows the runs: tells nothing of the key that it is made from.
        "NEMO__INSTALLATION": hashlib.sha256(secrets["fernet_key"].encode()).hexdigest()[:12],
        "USAGE_DATA_COLLECTION__ENABLED": False,
    }
    env = {key: value for key, value in os.environ.items() if not key.startswith("AIRFLOW__")}
    env.update({f"AIRFLOW__{key}": str(value) for key, value in settings.items()})
    env.update(
        AIRFLOW_HOME=str(airflow_home),
        PYTHONPATH=str(ROOT),
        FLYWHEEL_CONFIG=str(config_path),
        FLYWHEEL_ARTIFACTS=str(HOME / "artifacts"),
        # Nothing here may leave the machine by itself.
        HF_HUB_DISABLE_TELEMETRY="1",
    )
    for connection, service in CONNECTIONS.items():
        if service in platform:
            env[f"AIRFLOW_CONN_{connection.upper()}"] = json.dumps(
                {"conn_type": "http", "host": platform[service]}
            )
    return past_proxies(env)
