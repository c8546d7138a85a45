"""The sections of the configuration file, each one frozen model.

`nmp_config` … `evaluation_config` have the keys and defaults of the Data Flywheel Blueprint's file, old
spellings included, so that such a file loads unchanged. What this project adds says "ours".
"""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, field_validator

from include.flywheel.config_models import EmbeddingConfig
from include.flywheel.config_types import Count, HttpUrl, Ratio, Section, WorkloadType, slug
from include.flywheel.logs.place import prefix_place


class NmpConfig(Section):
    """Where the NeMo microservices are. Airflow connections, where they exist, come before these URLs."""

    nemo_base_url: HttpUrl = "http://nemo.test"
    nim_base_url: HttpUrl = "http://nim.test"
    datastore_base_url: HttpUrl = "http://data-store.test"
    nmp_namespace: str = Field(default="dfwbp", pattern="^[A-Za-z0-9][A-Za-z0-9._-]*$")
    #: Old blueprint key. Read and not used: `gpu_budget` decides what runs side by side.
    nim_parallelism: Count | None = None


class LoggingConfig(Section):
    """How much is logged."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = "INFO"

    @field_validator("level", mode="before")
    @classmethod
    def _upper(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value


class MlflowConfig(Section):
    """Where experiment tracking is, if it is used."""

    enabled: bool = False
    tracking_uri: str = "http://0.0.0.0:5000"
    experiment_name_prefix: str = "data-flywheel"
    artifact_location: str = "./mlruns"


def _prefix(value: str) -> str:
    prefix_place(value)
    return value


class SimilarityConfig(Section):
    """How examples are chosen by similarity: `relevance_ratio` of them are the nearest, the others cover other tools."""

    relevance_ratio: Ratio = 0.7
    embedding_nim_config: EmbeddingConfig | None = None
    #: Ours: where vectors are searched, `elasticsearch://<connection>/<prefix of indices>`; null searches in process.
    elasticsearch: Annotated[str, AfterValidator(_prefix)] | None = None

    @field_validator("relevance_ratio", mode="before")
    @classmethod
    def _default_ratio(cls, value: object) -> object:
        return 0.7 if value is None else value


class IclConfig(Section):
    """The examples shown in a prompt. Lengths are in tokens."""

    max_context_length: Count = 8192
    reserved_tokens: int = Field(default=2048, ge=0)
    max_examples: Count = 3
    min_examples: int = Field(default=1, ge=0)
    example_selection: Literal["uniform_distribution", "semantic_similarity"] = "uniform_distribution"
    similarity_config: SimilarityConfig | None = None
    #: Ours: the path of a tokenizer.json that lengths are measured with; null estimates them.
    tokenizer: str | None = Field(default=None, min_length=1)


class DataSplitConfig(Section):
    """How many records are used, and for what. `limit: null` uses all.

    Ours: `order: time` evaluates the newest conversations instead of some that a hash chooses. A conversation that is at
    least `near_duplicate_similarity` (Jaccard, 0–1) like an earlier one is set aside; null keeps it. `golden` evaluates
    a workload's first eval set in every later run, too.
    """

    eval_size: Count = 20
    val_ratio: float = Field(default=0.1, ge=0, lt=1)
    min_total_records: int = Field(default=50, ge=0)
    random_seed: int | None = None
    limit: Count | None = 10000
    parse_function_arguments: bool = True
    order: Literal["hash", "time"] = "hash"
    near_duplicate_similarity: float | None = Field(default=0.85, gt=0.5, le=1)
    golden: bool = True


class LoraConfig(Section):
    """The size of a LoRA adapter."""

    adapter_dim: Count = 32
    adapter_dropout: float = Field(default=0.1, ge=0, lt=1)
    adapter_alpha: Count | None = None


class TrainingConfig(Section):
    """Hyperparameters of every candidate's training."""

    training_type: Literal["sft"] = "sft"
    finetuning_type: Literal["lora", "lora_merged", "all_weights"] = "lora"
    epochs: Count = 2
    batch_size: Count = 16
    learning_rate: float = Field(default=1e-4, gt=0)
    #: Ours.
    seed: int | None = None


class TrainingSettings(TrainingConfig, LoraConfig):
    """One candidate's hyperparameters: both sections with its own `training` over them."""


class EvaluationSettings(Section):
    """One candidate's evaluations: which ones, and how the questions are put. Everything here is ours.

    `include_tools: null` sends the tools of a record for tool-calling workloads only. `tool_choice` is
    `required` unless `include_tool_choice` sends the logged one. `limit` is a number of eval records;
    null means all of them.
    `request_timeout` is in seconds.
    """

    base: bool = True
    icl: bool = True
    limit: Count | None = None
    parallelism: Count = 4
    include_tools: bool | None = None
    include_tool_choice: bool = False
    include_nvext: bool = False
    max_tokens: Count | None = None
    temperature: float | None = Field(default=0.0, ge=0)
    request_timeout: Count | None = None

    def shows_tools(self, workload_type: WorkloadType) -> bool:
        """Return whether candidates are sent the tools of a record."""
        return workload_type == "tool_calling" if self.include_tools is None else self.include_tools


class EvaluationConfig(EvaluationSettings):
    """How candidates are evaluated; the first two keys are the blueprint's."""

    workload_type: Literal["auto", "generic", "tool_calling"] = "auto"
    tool_eval_type: Literal["tool-calling-metric", "tool-calling-judge"] = "tool-calling-metric"


class WorkloadConfig(Section):
    """Ours: a workload with a DAG of its own. Without `logs` it reads the file's common `logs`."""

    #: Airflow's ids have at most 250 characters, and the DAG is named after the workload.
    workload_id: str = Field(min_length=1, max_length=200)
    client_id: str = Field(min_length=1)
    schedule: str | None = None
    logs: str | None = None

    @property
    def dag_id(self) -> str:
        """The id of its DAG."""
        return f"flywheel_{self.slug.replace('-', '_')}"

    @property
    def slug(self) -> str:
        """The workload as part of DAG ids and repository names."""
        return slug(self.workload_id)


class ElasticsearchConfig(Section):
    """Ours: how logs are exported from Elasticsearch.

    `slices` is into how many parts a window is cut, each exported by a task of its own; `page_size` the most records that
    are asked for at once (fewer, where they are large).
    """

    slices: int = Field(default=1, ge=1, le=64)
    #: Elasticsearch gives at most 10000 unless an index says otherwise.
    page_size: int = Field(default=1000, ge=1, le=10000)


class RecommendationConfig(Section):
    """Ours: the bar per score, on its own scale (accuracies 0–1, similarity 1–10); null asks nothing.

    `confidence` is that of the intervals whose lower end must reach the bar.
    """

    function_name: Ratio | None = None
    function_name_and_args_accuracy: Ratio | None = 0.8
    tool_calling_correctness: Ratio | None = None
    similarity: float | None = Field(default=7.0, ge=1, le=10)
    confidence: float = Field(default=0.95, gt=0.5, lt=1)


class DriftConfig(Section):
    """Ours: with how many earlier windows of the same workload a window is compared."""

    windows: Count = 8


class EmbeddedPlatformConfig(Section):
    """Ours: run against the embedded platform, which `make run` and `make up` then start with these settings.

    `gpus` is the size of its simulated cluster, `speed` the preset of its delays, `delays` single ones over it, in
    seconds, by the names that `python -m include.local_nemo --help` lists.
    """

    gpus: Count = 8
    speed: Literal["fast", "alive"] = "alive"
    delays: dict[str, Annotated[float, Field(ge=0)]] = Field(default_factory=dict)
