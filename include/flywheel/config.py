"""The configuration of a flywheel: one YAML file, checked as a whole before anything is spent."""

from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, ValidationError

from include.flywheel.config_checks import contradictions
from include.flywheel.config_models import EmbeddingConfig, JudgeConfig, NimConfig
from include.flywheel.config_problems import problems_of, without_problems
from include.flywheel.config_sections import (
    DataSplitConfig,
    DriftConfig,
    ElasticsearchConfig,
    EmbeddedPlatformConfig,
    EvaluationConfig,
    EvaluationSettings,
    IclConfig,
    LoggingConfig,
    LoraConfig,
    MlflowConfig,
    NmpConfig,
    RecommendationConfig,
    TrainingConfig,
    TrainingSettings,
    WorkloadConfig,
)
from include.flywheel.config_types import Section, WorkloadType, slug
from include.flywheel.errors import ConfigError
from include.flywheel.logs.place import IndexPlace, prefix_place
from include.flywheel.privacy.settings import PrivacyConfig

__all__ = [
    "FlywheelConfig",
    "NimConfig",
    "WorkloadConfig",
    "WorkloadType",
    "load_config",
    "parse_config",
    "slug",
]


class FlywheelConfig(Section):
    """Everything a run is configured by.

    Paths and `artifacts_uri` may be relative; whoever opens them says to what. `gpu_budget: null` sets
    no limit.
    """

    nmp_config: NmpConfig = NmpConfig()
    logging_config: LoggingConfig = LoggingConfig()
    mlflow_config: MlflowConfig = MlflowConfig()
    llm_judge_config: JudgeConfig | None = None
    nims: list[NimConfig] = Field(min_length=1)
    data_split_config: DataSplitConfig = DataSplitConfig()
    icl_config: IclConfig = IclConfig()
    training_config: TrainingConfig = TrainingConfig()
    lora_config: LoraConfig = LoraConfig()
    evaluation_config: EvaluationConfig = EvaluationConfig()

    workloads: list[WorkloadConfig] = Field(default_factory=list)
    logs: str | None = None
    elasticsearch_config: ElasticsearchConfig = ElasticsearchConfig()
    artifacts_uri: str = "artifacts"
    gpu_budget: int | None = Field(default=None, ge=1)
    #: Seconds between two looks at a job or deployment; null leaves it to each kind of wait (10 to 30 s).
    poll_interval: float | None = Field(default=None, gt=0)
    embedded_platform: EmbeddedPlatformConfig | None = None
    privacy: PrivacyConfig = PrivacyConfig()
    recommendation: RecommendationConfig = RecommendationConfig()
    drift: DriftConfig = DriftConfig()

    @property
    def candidates(self) -> list[NimConfig]:
        """The models in the running, in the file's order (embedding models are none)."""
        return [nim for nim in self.nims if nim.model_type == "llm"]

    def candidate(self, model_name: str) -> NimConfig:
        """Return the candidate of this name; raise ConfigError naming those there are."""
        for nim in self.candidates:
            if nim.model_name == model_name:
                return nim
        known = ", ".join(nim.name for nim in self.candidates)
        raise ConfigError("nims", [f"there is no candidate {model_name!r}. Choose among: {known}"])

    def workload(self, workload_id: str, client_id: str | None = None) -> WorkloadConfig | None:
        """Return the configured workload, or None for one that the file does not name."""
        for workload in self.workloads:
            if workload.workload_id == workload_id and client_id in (None, workload.client_id):
                return workload
        return None

    def logs_for(self, workload_id: str, client_id: str | None = None) -> str | None:
        """Return where a workload's logs are: its own `logs`, else the common one."""
        workload = self.workload(workload_id, client_id)
        return (workload.logs if workload else None) or self.logs

    def training_for(self, nim: NimConfig) -> TrainingSettings:
        """Return the hyperparameters this candidate trains with."""
        return TrainingSettings(
            **{
                **self.training_config.model_dump(),
                **self.lora_config.model_dump(),
                **nim.training.model_dump(exclude_none=True),
            }
        )

    def evaluation_for(self, nim: NimConfig) -> EvaluationSettings:
        """Return how this candidate is evaluated."""
        common = self.evaluation_config.model_dump(include=set(EvaluationSettings.model_fields))
        return EvaluationSettings(**{**common, **nim.evaluation.model_dump(exclude_none=True)})

    def evaluations_of(self, nim: NimConfig) -> list[str]:
        """Return which of `base-eval`, `icl-eval`, `customized-eval` are planned for this candidate."""
        settings = self.evaluation_for(nim)
        planned = {
            "base-eval": settings.base,
            "icl-eval": settings.icl,
            "customized-eval": nim.customization_enabled,
        }
        return [name for name, wanted in planned.items() if wanted]

    def icl_context(self, nim: NimConfig) -> int:
        """Return the context, in tokens, that prompts with examples may fill for this candidate."""
        return min(self.icl_config.max_context_length, nim.context_length)

    def icl_contexts(self) -> list[int]:
        """Return the distinct contexts that need a file of prompts with examples, smallest first."""
        return sorted(
            {self.icl_context(nim) for nim in self.candidates if "icl-eval" in self.evaluations_of(nim)}
        )

    def tool_limits(self) -> list[int]:
        """Return the distinct limits on tool parameters that candidates train under, smallest first."""
        return sorted({nim.max_tool_parameters for nim in self.candidates if nim.max_tool_parameters})

    @property
    def embedding(self) -> EmbeddingConfig | None:
        """The model that examples are chosen by; None where they are chosen uniformly, or none are shown."""
        icl = self.icl_config
        if icl.example_selection != "semantic_similarity" or not self.icl_contexts():
            return None
        return icl.similarity_config.embedding_nim_config if icl.similarity_config else None

    @property
    def search_place(self) -> IndexPlace | None:
        """Where the vectors of examples are searched: a server and the beginning of its indices' names; None in process."""
        similarity = self.icl_config.similarity_config
        if self.embedding is None or similarity is None or similarity.elasticsearch is None:
            return None
        return prefix_place(similarity.elasticsearch)

    def with_split(self, overrides: Mapping[str, Any]) -> "FlywheelConfig":
        """Return a copy with other values in `data_split_config`, checked as if the file had them.

        Raises ConfigError, whose source is the name `data_split_config`.
        """
        data = self.model_dump(exclude_unset=True)
        data["data_split_config"] = {**self.data_split_config.model_dump(), **overrides}
        return parse_config(data, source="data_split_config")

    def notes(self) -> list[str]:
        """Return what a reader of the report must know about settings that are read and not followed."""
        notes = []
        if self.mlflow_config.enabled:
            notes.append("mlflow_config: enabled, but runs are not tracked there yet")
        return notes


class _UniqueKeyLoader(yaml.SafeLoader):
    """Refuse a key that is given twice, of which YAML would silently take the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Return the mapping; raise `yaml.YAMLError` with the place of the second one."""
        seen = set()
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    problem=f"{key.value} is given twice. Keep one", problem_mark=key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def load_config(path: str | Path) -> FlywheelConfig:
    """Read and check a configuration file.

    Raises ConfigError with every problem found: the file, the dotted key, what is wrong, how to mend it.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(str(path), [f"the file cannot be read: {error.strerror}"]) from error
    except UnicodeDecodeError as error:
        raise ConfigError(str(path), [f"the file is not UTF-8 text (byte {error.start})"]) from error
    try:
        data = yaml.load(text, _UniqueKeyLoader)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}: " if mark else ""
        problem = getattr(error, "problem", None) or error
        known = isinstance(error, yaml.constructor.ConstructorError)
        raise ConfigError(str(path), [f"{where}{problem if known else f'not YAML: {problem}'}"]) from error
    return parse_config(data, source=str(path))


def parse_config(data: object, source: str) -> FlywheelConfig:
    """Check loaded YAML data; `source` names it in the ConfigError that reports all problems."""
    if not isinstance(data, dict):
        raise ConfigError(source, ["the file must be a mapping of sections such as nmp_config and nims"])
    problems: list[str] = []
    try:
        config = FlywheelConfig.model_validate(data)
    except ValidationError as error:
        problems = problems_of(error, FlywheelConfig)
        try:
            config = FlywheelConfig.model_validate(without_problems(data, error))
        except ValidationError:
            raise ConfigError(source, problems) from None
    reported = {problem.partition(": ")[0] for problem in problems}
    problems += [c for c in contradictions(config) if c.partition(": ")[0] not in reported]
    if problems:
        raise ConfigError(source, problems)
    return config
