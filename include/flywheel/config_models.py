"""The models of the configuration file: candidates, judge, embedding model."""

from typing import Literal

from pydantic import AliasChoices, Field, field_validator

from include.flywheel.config_types import Count, HttpUrl, Section, slug

#: NVIDIA's registry of NIM containers.
REGISTRY = "nvcr.io/nim"

#: Where the blueprint looks for the keys of a judge and of an embedding service, first one first.
JUDGE_KEY_VARIABLES = ("LLM_JUDGE_API_KEY", "NVIDIA_API_KEY")
EMBEDDING_KEY_VARIABLES = ("EMB_API_KEY", "NVIDIA_API_KEY")


class ServedModel(Section):
    """A model that a NIM can serve, with the container's settings."""

    model_name: str | None = Field(
        default=None, pattern=r"^\S+$", validation_alias=AliasChoices("model_name", "model_id")
    )
    model_type: Literal["llm", "embedding"] = "llm"
    context_length: Count | None = None
    gpus: Count | None = None
    pvc_size: str | None = None
    tag: str | None = None
    registry_base: str = REGISTRY

    @field_validator("registry_base", mode="before")
    @classmethod
    def _default_registry(cls, value: object) -> object:
        return REGISTRY if value is None else value

    @property
    def serving_gpus(self) -> int:
        """The GPUs a deployment of it holds; one where the file says nothing."""
        return self.gpus or 1


class CustomizerConfig(Section):
    """What one model's training asks of the cluster."""

    target: str = Field(min_length=1)
    gpus: Count
    num_nodes: Count = 1
    tensor_parallel_size: Count = 1
    data_parallel_size: Count = 1
    use_sequence_parallel: bool = False
    micro_batch_size: Count = 1
    training_precision: str = "bf16-mixed"
    max_seq_length: Count = 4096


class RemoteOrLocal(ServedModel):
    """A model that is either called at a URL or deployed for the run."""

    deployment_type: Literal["remote", "local"] | None = Field(
        default=None, validation_alias=AliasChoices("deployment_type", "type")
    )
    url: HttpUrl | None = None
    #: Name of the environment variable with the key; an empty string says that no key is needed. Upper case, so that a
    #: key which somebody puts here is not taken for a name.
    api_key_env: str | None = Field(default=None, pattern="^([A-Z_][A-Z0-9_]*)?$")
    api_key: None = None
    #: The blueprint's files may have these for any model; they mean nothing here.
    customization_enabled: bool = False
    customizer_configs: CustomizerConfig | None = None

    @property
    def is_local(self) -> bool:
        """Whether a NIM is deployed for it. First blueprints leave the word out and give no URL."""
        return self.deployment_type == "local" or (self.deployment_type is None and self.url is None)

    def _key_variables(self, usual: tuple[str, ...]) -> tuple[str, ...]:
        if self.is_local or self.api_key_env == "":
            return ()
        return (self.api_key_env,) if self.api_key_env else usual


class JudgeConfig(RemoteOrLocal):
    """The LLM that judges answers."""

    @property
    def api_key_variables(self) -> tuple[str, ...]:
        """The environment variables to look in for the key, first one first; none for one without a key."""
        return self._key_variables(JUDGE_KEY_VARIABLES)


class EmbeddingConfig(RemoteOrLocal):
    """The embedding model behind semantic example selection."""

    model_type: Literal["llm", "embedding"] = "embedding"

    @property
    def api_key_variables(self) -> tuple[str, ...]:
        """The environment variables to look in for the key; it is sent without one if none of the usual ones is set."""
        return self._key_variables(EMBEDDING_KEY_VARIABLES)


class TrainingOverrides(Section):
    """Ours: what one candidate trains with instead of the common hyperparameters."""

    epochs: Count | None = None
    batch_size: Count | None = None
    learning_rate: float | None = Field(default=None, gt=0)
    seed: int | None = None
    finetuning_type: Literal["lora", "lora_merged", "all_weights"] | None = None
    adapter_dim: Count | None = None
    adapter_dropout: float | None = Field(default=None, ge=0, lt=1)
    adapter_alpha: Count | None = None


class EvaluationOverrides(Section):
    """Ours: what one candidate is evaluated with instead of the common settings."""

    base: bool | None = None
    icl: bool | None = None
    limit: Count | None = None
    parallelism: Count | None = None
    max_tokens: Count | None = None
    temperature: float | None = Field(default=None, ge=0)
    request_timeout: Count | None = None


class NimConfig(ServedModel):
    """One candidate.

    Ours: it trains without the records that show a tool of more than `max_tool_parameters` parameters, and is evaluated
    on the same records as the others; null trains on all.
    """

    context_length: Count
    customization_enabled: bool = False
    customizer_configs: CustomizerConfig | None = None
    max_tool_parameters: Count | None = None
    training: TrainingOverrides = TrainingOverrides()
    evaluation: EvaluationOverrides = EvaluationOverrides()

    @property
    def name(self) -> str:
        """The model's name; checked to be there when the file is loaded."""
        return self.model_name or ""

    @property
    def slug(self) -> str:
        """The name as part of task ids and repository names."""
        return slug(self.name)

    @property
    def customizer(self) -> CustomizerConfig:
        """What its training asks for; a first blueprint leaves it out: then target 2.0, same GPUs."""
        return self.customizer_configs or CustomizerConfig(target=f"{self.name}@2.0", gpus=self.serving_gpus)

    @property
    def training_gpus(self) -> int:
        """The GPUs its training holds over all nodes; 0 when it is not customized."""
        return self.customizer.gpus * self.customizer.num_nodes if self.customization_enabled else 0
