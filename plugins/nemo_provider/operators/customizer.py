"""Customize a model: its config, and the job that trains it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nemo_provider import identity
from nemo_provider.errors import NemoConflictError
from nemo_provider.links.nemo import NemoLink, push_link
from nemo_provider.operators.base import NemoOperator, NemoSubmitOperator
from nemo_provider.reading import mapping, text


class NemoCustomizationConfigOperator(NemoOperator):
    """Make sure that a customization config exists, and return its reference ``namespace/name@version``.

    A name without ``@version`` gets one from the content, ``name@v1.0.0+1f3a9c02``: changed content makes another
    config, the same content finds the same one. Under a name *with* a version, other content is an error that names
    what differs, never an old config silently used.

    :param name: ``name`` or ``name@version`` (templated).
    :param namespace: where it lives (templated).
    :param target: customization target, e.g. ``meta/llama-3.2-1b-instruct@2.0`` (templated).
    :param training_options: one dict per way to train, each with ``training_type``, ``finetuning_type``,
        ``num_gpus``, ``micro_batch_size`` and optionally ``num_nodes``, ``tensor_parallel_size``,
        ``data_parallel_size``, ``pipeline_parallel_size``, ``use_sequence_parallel`` (templated).
    :param max_seq_length: longest training sequence, tokens.
    :param training_precision: e.g. ``bf16-mixed``.
    :param extra: further fields of the request, e.g. ``prompt_template``, ``pod_spec``.
    """

    template_fields: Sequence[str] = (
        *NemoOperator.template_fields,
        "name",
        "namespace",
        "target",
        "training_options",
    )
    operator_extra_links = (NemoLink(),)

    def __init__(
        self,
        *,
        name: str,
        namespace: str,
        target: str,
        training_options: list[dict[str, Any]],
        max_seq_length: int = 4096,
        training_precision: str = "bf16-mixed",
        description: str | None = None,
        extra: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.name = name
        self.namespace = namespace
        self.target = target
        self.training_options = training_options
        self.max_seq_length = max_seq_length
        self.training_precision = training_precision
        self.description = description
        self.extra = extra

    def execute(self, context: Any) -> str:
        """Create the config unless it is there with the same content."""
        content = {
            "target": self.target,
            "training_options": self.training_options,
            "max_seq_length": self.max_seq_length,
            "training_precision": self.training_precision,
            **(self.extra or {}),
        }
        name = self.name if "@" in self.name else f"{self.name}@v1.0.0+{identity.fingerprint(content)[:8]}"
        reference = f"{self.namespace}/{name}"
        found = self.hook.get_customization_config(reference)
        if found is None:
            self.hook.create_namespace(self.namespace)
            body = {"name": name, "namespace": self.namespace, "description": self.description, **content}
            try:
                found = self.hook.create_customization_config(
                    {k: v for k, v in body.items() if v is not None}
                )
                self.log.info("Created customization config %s", reference)
            except NemoConflictError as error:
                # Made between our look and our request, or by our own request whose answer was lost.
                found = self.hook.get_customization_config(reference)
                if found is None:
                    raise error
        self._check(reference, content, found)
        push_link(context, self.hook.wire.base_url, "customization_config", reference)
        return reference

    def _check(self, reference: str, content: dict[str, Any], found: dict[str, Any]) -> None:
        if different := identity.differences(content, found):
            raise NemoConflictError(
                409,
                f"customization config {reference} exists with other content ({', '.join(different)})",
                "POST /v1/customization/configs",
                "Give the new content a new version (name@v1.0.1+…), or leave the version out to get one from the "
                "content",
            )


class NemoCustomizationOperator(NemoSubmitOperator):
    """Submit a customization job, once, and return its id.

    Pushes the XCom ``output_model``: the model's name as the platform made it, ``namespace/name@cust-…``, which is
    also its id on the NIM. How a retry finds the job: see `NemoSubmitOperator`. A completed job is reused only while
    its output model is still there.

    :param config: reference ``namespace/name@version`` (templated).
    :param dataset: ``namespace/name`` of the dataset, with ``training/*.jsonl`` and ``validation/*.jsonl`` (templated).
    :param hyperparameters: e.g. ``{"training_type": "sft", "finetuning_type": "lora", "epochs": 2, "batch_size": 16,
        "learning_rate": 1e-4, "lora": {"adapter_dim": 32, "adapter_dropout": 0.1}}`` (templated).
    :param output_model: ``namespace/name``; the platform appends ``@<job id>`` (templated).

    Further parameters: see `NemoSubmitOperator`.
    """

    kind = "customization"
    what = "customization"
    template_fields: Sequence[str] = (
        *NemoSubmitOperator.template_fields,
        *("config", "dataset", "hyperparameters", "output_model"),
    )

    def __init__(
        self,
        *,
        config: str,
        dataset: str,
        hyperparameters: dict[str, Any],
        output_model: str,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.config = config
        self.dataset = dataset
        self.hyperparameters = hyperparameters
        self.output_model = output_model

    def request(self) -> dict[str, Any]:
        """Return what the Customizer is asked."""
        return {
            "config": self.config,
            "dataset": self.dataset,
            "hyperparameters": self.hyperparameters,
            "output_model": self.output_model,
        }

    def is_usable(self, job: dict[str, Any]) -> bool:
        """Say whether the job's model is still there: it may have been cleaned up since."""
        name = text(job.get("output_model"))
        model = self.hook.get_model(name) if name and "/" in name else None
        return model is not None and mapping(model.get("artifact")).get("status") != "upload_failed"

    def after_submit(self, context: Any, job: dict[str, Any]) -> None:
        """Push the model's name."""
        context["ti"].xcom_push(key="output_model", value=job.get("output_model"))
