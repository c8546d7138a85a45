"""What the commands take from their surroundings: the config file and the variables of `make`."""

from __future__ import annotations

from pathlib import Path

from commands.places import ROOT
from include.flywheel.config import FlywheelConfig, load_config

LOCAL_CONFIG = ROOT / "config" / "local.yaml"


def read_config(given: str) -> tuple[Path, FlywheelConfig]:
    """Load the config file that CONFIG= names, config/local.yaml by default. Raises ConfigError."""
    path = Path(given).expanduser().resolve() if given else LOCAL_CONFIG
    return path, load_config(path)


def platform_of(config: FlywheelConfig) -> str:
    """Return the address of the platform that a config means, "" for the embedded one."""
    return "" if config.embedded_platform else config.nmp_config.nemo_base_url
