"""Serve a model, and stop serving it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import AirflowFailException

from nemo_provider import identity, states
from nemo_provider.errors import NemoConflictError, NemoError, NemoUnavailableError
from nemo_provider.links.nemo import NemoLink, push_link
from nemo_provider.operators.base import DEFAULT_OWNER, NemoOperator, owner_mark
from nemo_provider.states import Event, Outcome
from nemo_provider.times import parse_time
from nemo_provider.triggers.nemo import NemoJobTrigger

_ENDED = (Outcome.FAILED, Outcome.CANCELLED)


class NemoDeployModelOperator(NemoOperator):
    """Create a model deployment and return its reference ``namespace/name``; waiting is the sensor's.

    A deployment of that name that asks for the same and has the same owner is attached to, so a retry creates
    nothing twice. One that has failed is deleted first. Other content or another owner is a ``NemoConflictError``:
    whoever made it would lose it to this task's clean-up. Pushes the XComs ``created_at`` (the platform's text) and
    ``origin`` (``submit`` or ``attach``). A kill deletes what this task created, because no teardown runs after a
    setup that was killed.

    :param name: deployment name; by default the model with ``/`` as ``-`` (templated).
    :param namespace: where it lives (templated).
    :param model: what the NIM serves, e.g. ``meta/llama-3.2-1b-instruct`` (templated).
    :param gpus: GPUs that it holds from now until it is deleted.
    :param image_name: container image, e.g. ``nvcr.io/nim/meta/llama-3.2-1b-instruct`` (templated).
    :param image_tag: its tag (templated).
    :param pvc_size: size of its volume, e.g. ``25Gi``.
    :param additional_envs: environment of the NIM, e.g. ``{"NIM_GUIDED_DECODING_BACKEND": "outlines"}``.
    :param config: a whole deployment config (or a reference to one) instead of model, gpus and image (templated).
    :param deployment_key: whose deployment this is (templated). By default the DAG run's.
    """

    template_fields: Sequence[str] = (
        *NemoOperator.template_fields,
        *(
            "name",
            "namespace",
            "model",
            "image_name",
            "image_tag",
            "config",
            "deployment_key",
            "custom_fields",
        ),
    )
    operator_extra_links = (NemoLink(),)

    _created: str | None = None
    _killed = False

    def __init__(
        self,
        *,
        namespace: str,
        name: str | None = None,
        model: str | None = None,
        gpus: int = 1,
        image_name: str | None = None,
        image_tag: str | None = None,
        pvc_size: str | None = None,
        additional_envs: dict[str, str] | None = None,
        config: Any = None,
        description: str | None = None,
        deployment_key: str = DEFAULT_OWNER,
        custom_fields: dict[str, str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if config is None and (model is None or image_name is None or image_tag is None):
            raise ValueError("give model, image_name and image_tag, or a whole config")
        if config is not None and name is None:
            raise ValueError("a deployment made from a config needs a name")
        self.name = name or (model or "").replace("/", "-")
        self.namespace = namespace
        self.model = model
        self.gpus = gpus
        self.image_name = image_name
        self.image_tag = image_tag
        self.pvc_size = pvc_size
        self.additional_envs = additional_envs
        self.config = config
        self.description = description
        self.deployment_key = deployment_key
        self.custom_fields = custom_fields

    def execute(self, context: Any) -> str:
        """Attach, or create."""
        reference = f"{self.namespace}/{self.name}"
        config = self._config()
        found, origin = self.hook.get_deployment(reference), "attach"
        if found and states.observe_deployment(reference, found).outcome in _ENDED:
            self.hook.delete_deployment(reference)
            self.log.info("Deleted deployment %s, which had failed", reference)
            found = None
        if found is None:
            found, origin = self._create(reference, config, context)
        if states.is_leaving(found):
            raise NemoUnavailableError(f"{reference} is still being removed; a retry creates it anew")
        self._check(reference, config, found)
        if origin == "attach":
            self.log.info("Found deployment %s", reference)
        if self._killed:
            self.on_kill()
            raise AirflowFailException(f"Killed while creating deployment {reference}")
        context["ti"].xcom_push(key="created_at", value=found.get("created_at"))
        context["ti"].xcom_push(key="origin", value=origin)
        push_link(context, self.hook.wire.base_url, "deployment", reference)
        return reference

    def on_kill(self) -> None:
        """Delete what this task created; if it is still creating, `execute` does so right after."""
        self._killed = True
        if self._created:
            self.hook.delete_deployment(self._created)
            self.log.info("Deleted deployment %s", self._created)

    def _config(self) -> Any:
        if self.config is not None:
            return self.config
        nim = {
            "image_name": self.image_name,
            "image_tag": self.image_tag,
            "gpu": self.gpus,
            "pvc_size": self.pvc_size,
            "additional_envs": self.additional_envs,
        }
        return {"model": self.model, "nim_deployment": {k: v for k, v in nim.items() if v is not None}}

    def _create(self, reference: str, config: Any, context: Any) -> tuple[dict[str, Any], str]:
        fields = {**(self.custom_fields or {}), **owner_mark(context), "job_key": self.deployment_key}
        body = {"name": self.name, "namespace": self.namespace, "config": config, "custom_fields": fields}
        if self.description:
            body["description"] = self.description
        try:
            created = self.hook.create_deployment(body)
        except NemoConflictError as error:
            # Made by our own request whose answer was lost, or a failed one on its way out.
            found = self.hook.get_deployment(reference)
            if found is None:
                raise NemoUnavailableError(
                    f"{reference} was there a moment ago; a retry creates it"
                ) from error
            return found, "attach"
        self._created = reference
        self.log.info("Created deployment %s, %d GPUs", reference, self.gpus)
        return created, "submit"

    def _check(self, reference: str, config: Any, found: dict[str, Any]) -> None:
        owner = identity.owner_of(found)
        if owner not in (None, self.deployment_key):
            problem = f"deployment {reference} belongs to {owner}"
        elif different := identity.differences(config, found.get("config")):
            problem = f"deployment {reference} exists with another config ({', '.join(different)})"
        else:
            return
        raise NemoConflictError(
            409,
            problem,
            "POST /v1/deployment/model-deployments",
            "A retry succeeds once that one is deleted; another name avoids it",
        )


class NemoDeleteDeploymentOperator(NemoOperator):
    """Delete a deployment and wait until the platform does not know it any more. A missing one is fine.

    Returns ``{"deployment": "ns/name", "existed": true, "lifetime_seconds": 412.5}``; the lifetime, from creation to
    the request to delete it, only if it existed.

    :param deployment: reference ``namespace/name`` (templated).
    :param timeout: seconds to wait for it to be gone; then ``NemoUnavailableError``, and a retry waits again.
    :param poll_interval: seconds between two looks.
    :param gpu_release_seconds: seconds to wait after it is gone. On Kubernetes its GPUs come free more than a
        minute later; without a wait the next thing that needs them stays pending until then.
    :param deferrable: wait without a worker.
    """

    template_fields: Sequence[str] = (*NemoOperator.template_fields, "deployment")
    operator_extra_links = (NemoLink(),)

    def __init__(
        self,
        *,
        deployment: str,
        timeout: float = 600.0,
        poll_interval: float = 10.0,
        gpu_release_seconds: float = 0.0,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.deployment = deployment
        self.timeout = timeout
        self.poll_interval = poll_interval
        self.gpu_release_seconds = gpu_release_seconds
        self.deferrable = deferrable

    def execute(self, context: Any) -> dict[str, Any]:
        """Delete, then wait for it to be gone."""
        found = self.hook.get_deployment(self.deployment)
        # Found, then unknown to the delete: an earlier answer to it was lost.
        existed = self.hook.delete_deployment(self.deployment) or found is not None
        self.log.info("Deleted deployment %s" if existed else "There is no deployment %s", self.deployment)
        push_link(context, self.hook.wire.base_url, "deployment", self.deployment)
        report: dict[str, Any] = {"deployment": self.deployment, "existed": existed}
        if found and found.get("created_at"):
            report["lifetime_seconds"] = (datetime.now(UTC) - parse_time(found["created_at"])).total_seconds()
        if not existed:
            return report
        end_time = time.time() + self.timeout
        if self.deferrable and not self._is_gone():
            self.defer(
                trigger=NemoJobTrigger(
                    kind="deployment_gone",
                    name=self.deployment,
                    conn_id=self.nemo_conn_id,
                    base_url=self.base_url,
                    poll_interval=self.poll_interval,
                    end_time=end_time,
                    settle_seconds=self.gpu_release_seconds,
                    carry=report,
                    end_from_trigger=True,
                ),
                method_name="execute_complete",
            )
        while not self._is_gone():
            if time.time() >= end_time:
                raise self._still_there()
            time.sleep(self.poll_interval)
        time.sleep(self.gpu_release_seconds)
        return report

    def execute_complete(self, context: Any, event: Event | str) -> dict[str, Any]:
        """Raise the error of a deletion that is not confirmed; a confirmed one ends in the trigger.

        Under ``dag.test()`` it comes back with the mere word, and the report with what is certain.
        """
        if isinstance(event, str):
            return {"deployment": self.deployment, "existed": True}
        try:
            return states.result_of(event)
        except NemoError as error:
            raise self._still_there() from error

    def _is_gone(self) -> bool:
        return self.hook.poll("deployment_gone", self.deployment).outcome is Outcome.SUCCEEDED

    def _still_there(self) -> NemoUnavailableError:
        return NemoUnavailableError(
            f"Deployment {self.deployment} is not confirmed gone after {self.timeout:.0f} s and may hold its GPUs; a "
            "retry deletes it again and waits again"
        )
