"""Wait for an evaluation job."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nemo_provider.hooks.nemo import NemoHook
from nemo_provider.sensors.base import NemoSensor


class NemoEvaluationSensor(NemoSensor):
    """Wait until an evaluation job is completed.

    Returns e.g. ``{"job_id": "eval-…", "status": "completed", "progress": 100.0, "samples_processed": 100,
    "created_at": "…", "updated_at": "…"}``; unknown facts are left out.

    :param job_id: id of the job (templated).

    Further parameters: see `NemoSensor`.
    """

    kind = "evaluation"
    subject = "job_id"
    template_fields: Sequence[str] = ("job_id", "nemo_conn_id", "base_url")

    def __init__(
        self,
        *,
        job_id: str,
        nemo_conn_id: str = NemoHook.default_conn_name,
        poll_interval: float = 15.0,
        timeout: float = 12 * 3600.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(poll_interval=poll_interval, timeout=timeout, **kwargs)
        self.job_id = job_id
        self.nemo_conn_id = nemo_conn_id
