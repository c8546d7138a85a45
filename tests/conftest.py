"""Airflow reads its settings when it is first imported: they are set before any test is."""

import os
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HOME = tempfile.mkdtemp(prefix="flywheel-tests-")

os.environ.update(
    AIRFLOW_HOME=HOME,
    AIRFLOW__CORE__DAGS_FOLDER=str(ROOT / "dags"),
    AIRFLOW__CORE__PLUGINS_FOLDER=str(ROOT / "plugins"),
    AIRFLOW__CORE__LOAD_EXAMPLES="False",
    AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=f"sqlite:///{HOME}/airflow.db",
    AIRFLOW__OPERATORS__DEFAULT_DEFERRABLE="True",
    FLYWHEEL_CONFIG=str(ROOT / "config" / "local.yaml"),
)
# A DAG file imports its neighbours as Airflow lets it.
sys.path.insert(0, str(ROOT / "dags"))
