"""Wait for a deployment to be ready, and for a model to be listed."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from nemo_provider.hooks.base import NemoHttpHook
from nemo_provider.hooks.nemo import NemoHook
from nemo_provider.hooks.nim import NimHook
from nemo_provider.sensors.base import NemoSensor


class NemoDeploymentSensor(NemoSensor):
    """Wait until a deployment is ready; fail at once, with the platform's description, when it has failed.

    Returns e.g. ``{"deployment": "ns/name", "status": "ready", "description": "…", "model": "meta/…", "gpus": 1,
    "created_at": "…"}``. Never deletes the deployment: that is for the task that made it and its teardown.

    :param deployment: reference ``namespace/name`` (templated).

    Further parameters: see `NemoSensor`.
    """

    kind = "deployment"
    subject = "deployment"
    template_fields: Sequence[str] = ("deployment", "nemo_conn_id", "base_url")

    def __init__(
        self,
        *,
        deployment: str,
        nemo_conn_id: str = NemoHook.default_conn_name,
        poll_interval: float = 15.0,
        timeout: float = 3600.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(poll_interval=poll_interval, timeout=timeout, **kwargs)
        self.deployment = deployment
        self.nemo_conn_id = nemo_conn_id


class NemoModelSensor(NemoSensor):
    """Wait until the NIM lists a model or adapter; before that, calls to it are answered with 404.

    Returns e.g. ``{"model": "ns/name@cust-…", "status": "listed", "base_model": "meta/…"}``.

    :param model: id of the model on the NIM, for an adapter its ``output_model`` (templated).
    :param nim_conn_id: Airflow connection of the NIM proxy (templated).
    :param base_url: address of the NIM proxy if that connection does not exist (templated).

    Further parameters: see `NemoSensor`.
    """

    kind = "model"
    subject = "model"
    conn_name_attr = "nim_conn_id"
    template_fields: Sequence[str] = ("model", "nim_conn_id", "base_url")

    def __init__(
        self,
        *,
        model: str,
        nim_conn_id: str = NimHook.default_conn_name,
        poll_interval: float = 10.0,
        timeout: float = 900.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(poll_interval=poll_interval, timeout=timeout, **kwargs)
        self.model = model
        self.nim_conn_id = nim_conn_id

    @cached_property
    def hook(self) -> NemoHttpHook:
        """Make the hook when the task runs."""
        return NimHook(self._conn_id, self.base_url)
