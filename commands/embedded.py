"""Where the embedded platform answers, if it runs: that of `make up` or `make run`, whose ports are any, or of `make platform`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from commands.loopback import get_json
from commands.settings import LOCAL_CONFIG
from commands.slots import series
from include.flywheel.config import FlywheelConfig

_FILE = "platform-addresses.json"
#: How it calls itself, at /v1/version.
_NAME = "local-nemo"
#: Seconds; it is on this machine.
_PATIENCE = 2.0


def note_addresses(folder: Path, addresses: dict[str, str]) -> None:
    """Write into a stack's folder where its platform is: `{"nemo": "http://…", "nim": …, "datastore": …}`."""
    (folder / _FILE).write_text(json.dumps(addresses))


def running_platform(home: Path, config_path: Path, config: FlywheelConfig) -> dict[str, str]:
    """Return the addresses of a running embedded platform of this config; none if there is none. `home`: of all stacks."""
    for addresses in _noted(home, config_path, config):
        if (get_json(f"{addresses['nemo']}/v1/version", _PATIENCE) or {}).get("name") == _NAME:
            return addresses
    return {}


def _noted(home: Path, config_path: Path, config: FlywheelConfig) -> Iterator[dict[str, str]]:
    for command in ("up", "run"):
        for noted in sorted(home.glob(f"{series(command, config_path, '', LOCAL_CONFIG)}-*/{_FILE}")):
            yield json.loads(noted.read_text())
    nmp = config.nmp_config
    yield {"nemo": nmp.nemo_base_url, "nim": nmp.nim_base_url, "datastore": nmp.datastore_base_url}
