"""Where the DAGs and their tasks find config and artifacts."""

from __future__ import annotations

import functools
import os
from pathlib import Path

from airflow.sdk import ObjectStoragePath

from include.flywheel.config import FlywheelConfig, load_config

#: The project's folder: beside `plugins/`.
ROOT = Path(__file__).resolve().parents[2]


@functools.cache
def flywheel_config() -> FlywheelConfig:
    """Load the config that `FLYWHEEL_CONFIG` names, config/config.yaml by default. Raises ConfigError."""
    return load_config(os.environ.get("FLYWHEEL_CONFIG", ROOT / "config" / "config.yaml"))


def artifacts() -> Path:
    """Return the root of all artifacts: `FLYWHEEL_ARTIFACTS`, else `artifacts_uri` of the config.

    A relative one is a folder of the project. A URL such as `s3://bucket/flywheel` is an ObjectStoragePath, which has a
    Path's methods.
    """
    return storage_path(os.environ.get("FLYWHEEL_ARTIFACTS") or flywheel_config().artifacts_uri)


def storage_path(place: str) -> Path:
    """Return a folder or URL as a path."""
    return ObjectStoragePath(place) if "://" in place else ROOT / place
