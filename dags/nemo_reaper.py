"""# Reaper

Every hour: cancels the jobs and deletes the deployments of runs that have ended or were deleted and that no task of theirs has
released. Airflow runs no further task of a run that is deleted or marked failed, and GPUs that nobody needs would stay taken.

It needs a name for this Airflow that no other has which shares the platform, `AIRFLOW__NEMO__INSTALLATION` for all its
components; until there is one it is paused. It never touches what a live run has, what another installation made, or what
bears no mark.
"""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.sdk import DAG
from airflow.timetables.trigger import CronTriggerTimetable

from flywheel_tasks.settings import flywheel_config
from nemo_provider.operators.base import installation
from nemo_provider.operators.cleanup import NemoReapOperator

CONFIG = flywheel_config()

with DAG(
    "nemo_reaper",
    description="Releases what ended runs have left on the platform",
    doc_md=__doc__,
    schedule=CronTriggerTimetable("7 * * * *", timezone="UTC"),
    start_date=pendulum.datetime(2025, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=installation() is None,
    tags=["flywheel"],
    default_args={"owner": "flywheel", "retries": 3, "retry_delay": timedelta(minutes=1)},
) as dag:
    NemoReapOperator(
        task_id="reap",
        namespace=CONFIG.nmp_config.nmp_namespace,
        base_url=CONFIG.nmp_config.nemo_base_url,
        **({"poll_interval": CONFIG.poll_interval} if CONFIG.poll_interval else {}),
    )
