"""What clients send to the Evaluator: configs, targets and results, with the parts that they are made of."""

from typing import Any, Literal

from pydantic import Field

from include.local_nemo.model_parts import InlineModel
from include.local_nemo.parts import Described, Entity, NameOr, Part


class Dataset(Described):
    """A dataset inside a task or target."""

    files_url: str
    format: str | None = None
    hf_endpoint: str | None = None
    limit: int | None = Field(None, ge=1)
    split: str | None = None


class Metric(Part):
    """A metric of a task."""

    type: str
    params: dict[str, Any] | None = None


class Task(Part):
    """A task of a config."""

    type: str
    params: dict[str, Any] | None = None
    metrics: dict[str, Metric] | None = None
    dataset: NameOr[Dataset] | None = None


class Group(Part):
    """Tasks that are summed up."""

    groups: dict[str, Any] | None = None
    metrics: dict[str, Metric] | None = None
    tasks: list[str] | None = None


class Params(Part):
    """The parameters that hold for every task."""

    parallelism: int | None = Field(None, ge=1)
    request_timeout: int | None = Field(None, ge=1)
    max_retries: int | None = Field(None, ge=0)
    limit_samples: int | None = Field(None, ge=1)
    max_tokens: int | None = Field(None, ge=1)
    temperature: float | None = None
    top_p: float | None = None
    stop: str | list[str] | None = None
    extra: dict[str, Any] | None = None


class ConfigBody(Entity):
    """How something is graded."""

    type: str
    tasks: dict[str, Task] | None = None
    groups: dict[str, Group] | None = None
    params: Params | None = None


class CachedOutputs(Part):
    """Answers that are there already."""

    files_url: str


class RetrieverPipeline(Part):
    """The models of a retriever."""

    index_embedding_model: NameOr[InlineModel]
    query_embedding_model: NameOr[InlineModel]
    reranker_model: NameOr[InlineModel] | None = None
    top_k: int | None = None


class Retriever(Part):
    """A retriever, as the target or as a part of one."""

    cached_outputs: CachedOutputs | None = None
    dataset: Dataset | None = None
    pipeline: RetrieverPipeline | None = None


class RagPipeline(Part):
    """A model that answers from what a retriever finds."""

    model: NameOr[InlineModel]
    retriever: Retriever
    context_ordering: str | None = None


class Rag(Part):
    """Retrieval-augmented generation, as the target."""

    cached_outputs: CachedOutputs | None = None
    dataset: Dataset | None = None
    pipeline: RagPipeline | None = None


class TargetBody(Entity):
    """What is graded."""

    type: Literal["model", "cached_outputs", "retriever", "rag", "rows", "dataset"]
    model: NameOr[InlineModel] | None = None
    dataset: NameOr[Dataset] | None = None
    rows: list[dict[str, Any]] | None = None
    cached_outputs: CachedOutputs | None = None
    retriever: Retriever | None = None
    rag: Rag | None = None


class ScoreStats(Part):
    """How the samples of a score are spread."""

    count: int | None = None
    nan_count: int | None = None
    sum: float | None = None
    mean: float | None = None
    min: float | None = None
    max: float | None = None
    stddev: float | None = None
    stderr: float | None = None
    sum_squared: float | None = None
    variance: float | None = None


class Score(Part):
    """One number."""

    value: float
    stats: ScoreStats | None = None


class MetricResult(Part):
    """The scores of a metric."""

    scores: dict[str, Score] | None = None


class TaskResult(Part):
    """The metrics of a task."""

    data: dict[str, Any] | None = None
    metrics: dict[str, MetricResult] | None = None


class GroupResult(Part):
    """The metrics of a group."""

    groups: dict[str, Any] | None = None
    metrics: dict[str, MetricResult] | None = None


class ResultBody(Entity):
    """The scores of a job."""

    job: str
    tasks: dict[str, TaskResult] | None = None
    groups: dict[str, GroupResult] | None = None
    files_url: str | None = None


class JobBody(Entity):
    """What to grade and how, as references or in place."""

    config: NameOr[ConfigBody]
    target: NameOr[TargetBody]
