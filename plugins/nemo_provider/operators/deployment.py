"""Serve a model."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

from airflow.sdk.exceptions import AirflowFailException

from nemo_provider import identity, references
from nemo_provider.errors import NemoConfigurationError, NemoConflictError, NemoError, NemoUnavailableError
from nemo_provider.links.nemo import NemoLink, push_link
from nemo_provider.observations import observe_deployment
from nemo_provider.operators.base import DEFAULT_OWNER, NemoOperator, owner_mark
from nemo_provider.operators.deletion import NemoDeleteDeploymentOperator
from nemo_provider.states import Outcome, is_leaving

__all__ = ["NemoDeleteDeploymentOperator", "NemoDeployModelOperator"]

_ENDED = (Outcome.FAILED, Outcome.CANCELLED)


class NemoDeployModelOperator(NemoOperator):
    """Create a model deployment and return its reference ``namespace/name``; waiting is the sensor's.

    A deployment of that name that carries this operator's key and asks for the same is attached to, so a retry creates
    nothing twice. One that has failed is deleted first. Anything else under the name is a ``NemoConflictError`` and left
    as it is: whoever made it would lose it to this task's clean-up. Pushes the XComs ``created_at`` (the platform's text)
    and ``origin`` (``submit`` or ``attach``).

    No teardown runs after a setup that did not succeed. So when this task ends in an error or is killed, whatever carries
    its key under its name is deleted, whichever try created it, and whether or not an answer said so.

    :param name: deployment name; by default the model with ``/`` as ``-`` (templated).
    :param namespace: where it lives (templated).
    :param model: what the NIM serves, e.g. ``meta/llama-3.2-1b-instruct`` (templated).
    :param gpus: GPUs that it holds from now until it is deleted.
    :param image_name: container image, e.g. ``nvcr.io/nim/meta/llama-3.2-1b-instruct`` (templated).
    :param image_tag: its tag (templated).
    :param pvc_size: size of its volume, e.g. ``25Gi``.
    :param additional_envs: environment of the NIM, e.g. ``{"NIM_GUIDED_DECODING_BACKEND": "outlines"}``.
    :param config: a whole deployment config (or a reference to one) instead of model, gpus and image (templated).
        Secrets in it and in ``additional_envs`` are references, ``secret://env/NAME`` or ``secret://conn/CONN_ID``.
    :param deployment_key: whose deployment this is (templated). By default the DAG run's: two tasks of a run that deploy
        need two names, or two keys.
    """

    template_fields: Sequence[str] = (
        *NemoOperator.template_fields,
        *("name", "namespace", "model", "image_name", "image_tag"),
        *("config", "deployment_key", "custom_fields"),
    )
    operator_extra_links = (NemoLink(),)

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
        try:
            references.refuse_literal_secrets({"config": config, "additional_envs": additional_envs})
        except NemoConfigurationError as error:
            raise ValueError(str(error)) from None
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
        body = identity.mark(self.body(), self.deployment_key, owner_mark(context))
        with ExitStack() as on_error:
            on_error.callback(self._release)
            found, origin = self._find_or_create(body)
            if self._killed:
                raise AirflowFailException(f"Killed while creating deployment {self.reference}")
            context["ti"].xcom_push(key="created_at", value=found.get("created_at"))
            context["ti"].xcom_push(key="origin", value=origin)
            push_link(context, self.hook.wire.base_url, "deployment", self.reference)
            on_error.pop_all()
        return self.reference

    def on_kill(self) -> None:
        """Delete what carries this task's key; if it is still being created, `execute` does so right after."""
        self._killed = True
        self._release()

    @property
    def reference(self) -> str:
        """Return ``namespace/name``."""
        return f"{self.namespace}/{self.name}"

    def body(self) -> dict[str, Any]:
        """Return the request, without key and owner, secret references unresolved."""
        nim = {
            "image_name": self.image_name,
            "image_tag": self.image_tag,
            "gpu": self.gpus,
            "pvc_size": self.pvc_size,
            "additional_envs": self.additional_envs,
        }
        made = {"model": self.model, "nim_deployment": {k: v for k, v in nim.items() if v is not None}}
        body = {
            "name": self.name,
            "namespace": self.namespace,
            "config": made if self.config is None else self.config,
            "description": self.description,
            "custom_fields": self.custom_fields,
        }
        references.refuse_literal_secrets(body["config"])
        return {key: value for key, value in body.items() if value is not None}

    def _find_or_create(self, body: dict[str, Any]) -> tuple[dict[str, Any], str]:
        found, failed_at = self._find(), None
        if found and observe_deployment(self.reference, found).outcome in _ENDED:
            self.hook.delete_deployment(self.reference)
            self.log.info("Deleted deployment %s, which had failed", self.reference)
            failed_at, found = found.get("created_at"), None
        if found:
            self._check_request(body, found)
            self.log.info("Found deployment %s", self.reference)
            return found, "attach"
        try:
            found = self.hook.create_deployment(body)
            self.log.info("Created deployment %s, %d GPUs", self.reference, self.gpus)
        except NemoConflictError as error:
            # Made by our own request whose answer was lost, or the failed one on its way out.
            found = self._find()
            if found is None or (failed_at and found.get("created_at") == failed_at):
                raise NemoUnavailableError(
                    f"{self.reference} is still there; a retry creates it anew"
                ) from error
            self.log.info("The answer was lost; the platform has deployment %s", self.reference)
        return found, "submit"

    def _find(self) -> dict[str, Any] | None:
        """Return what carries this operator's key under its name, or None if nothing has that name."""
        found = self.hook.get_deployment(self.reference)
        if found is None:
            return None
        if not identity.is_under(found, self.deployment_key):
            raise self._taken(
                f"belongs to {identity.owner_of(found) or 'somebody else: it carries no mark of this task'}"
            )
        if is_leaving(found):
            raise NemoUnavailableError(f"{self.reference} is still being removed; a retry creates it anew")
        return found

    def _check_request(self, body: dict[str, Any], found: dict[str, Any]) -> None:
        asked = identity.request_of(found)
        if asked == identity.fingerprint(body):
            # The same request, whatever the platform shows of it: it completes configs, and drops what it does not know.
            return
        different = identity.differences(body["config"], found.get("config"))
        if different or asked:
            raise self._taken(f"exists with another config ({', '.join(different) or 'of another request'})")

    def _taken(self, problem: str) -> NemoConflictError:
        return NemoConflictError(
            409,
            f"deployment {self.reference} {problem}",
            "POST /v1/deployment/model-deployments",
            "A retry succeeds once that one is deleted; another name avoids it",
        )

    def _release(self) -> None:
        """Delete what carries this operator's key. Raise nothing: the error of the task is another one."""
        try:
            found = self.hook.get_deployment(self.reference)
            if found is None or not identity.is_under(found, self.deployment_key) or is_leaving(found):
                return
            self.hook.delete_deployment(self.reference)
        except NemoError as error:
            self.log.warning(
                "Deployment %s may be there and hold its GPUs; deleting it failed: %s", self.reference, error
            )
        else:
            self.log.info("Deleted deployment %s: no teardown runs after this task", self.reference)
