"""Wait for a customization job."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nemo_provider.hooks.nemo import NemoHook
from nemo_provider.sensors.base import NemoSensor


class NemoCustomizationSensor(NemoSensor):
    """Wait until a customization job is completed and its adapter is uploaded.

    Returns e.g. ``{"job_id": "cust-…", "status": "completed", "output_model": "ns/name@cust-…", "percentage_done":
    100.0, "epochs_completed": 2, "train_loss": 0.41, "val_loss": 0.52, "elapsed_time": 84.1, "created_at": "…",
    "updated_at": "…"}``; times are the platform's text, elapsed time in seconds, unknown facts are left out.

    :param job_id: id of the job (templated).

    Further parameters: see `NemoSensor`.
    """

    kind = "customization"
    subject = "job_id"
    template_fields: Sequence[str] = ("job_id", "nemo_conn_id", "base_url")

    def __init__(
        self,
        *,
        job_id: str,
        nemo_conn_id: str = NemoHook.default_conn_name,
        poll_interval: float = 30.0,
        timeout: float = 24 * 3600.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(poll_interval=poll_interval, timeout=timeout, **kwargs)
        self.job_id = job_id
        self.nemo_conn_id = nemo_conn_id
