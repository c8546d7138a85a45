"""What an evaluation config asks for, checked and compiled: tasks, prompts, metrics."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from include.local_nemo.evaluation_checks import (
    SAMPLING,
    PlanProblem,
    check_model,
    check_positive,
    request_body,
)
from include.local_nemo.evaluation_metric_plans import MetricPlan, plan_metric
from include.local_nemo.evaluation_templates import Render

__all__ = ["MetricPlan", "Plan", "PlanProblem", "TaskPlan", "plan_evaluation"]

CHAT, COMPLETION, DATA = "chat-completion", "completion", "data"
TASK_TYPES = (CHAT, COMPLETION, DATA)
GENERATED_TARGETS = ("model",)
GIVEN_TARGETS = ("rows", "dataset")

DEFAULT_PARALLELISM = 4
DEFAULT_TIMEOUT_SECONDS = 120.0
DEFAULT_RETRIES = 2


@dataclass(frozen=True)
class TaskPlan:
    """One task: how to ask the model (`request` is None when the rows hold the outputs), what to measure, on which rows."""

    name: str
    kind: str
    request: Render | None
    metrics: tuple[MetricPlan, ...]
    dataset: Mapping[str, Any] | str | None
    limit: int | None


@dataclass(frozen=True)
class Plan:
    """A whole config, ready to run."""

    tasks: tuple[TaskPlan, ...]
    parallelism: int
    timeout: float
    max_retries: int


def plan_evaluation(config: Mapping[str, Any], target: Mapping[str, Any]) -> Plan:
    """Check that a config and target can be run and compile the config's templates and patterns.

    Raises PlanProblem for what the request got wrong, naming the field and what is supported, and
    TemplateProblem for a template with a syntax error.
    """
    if config.get("type") != "custom":
        raise PlanProblem("config.type", "supported: custom")
    tasks = config.get("tasks")
    if not isinstance(tasks, dict) or not tasks:
        raise PlanProblem("config.tasks", "at least one task is needed")
    params = config.get("params") or {}
    limit = check_positive(params.get("limit_samples"), "config.params.limit_samples")
    _check_target(target)
    return Plan(
        tasks=tuple(
            _task(name, task or {}, params, limit, str(target.get("type"))) for name, task in tasks.items()
        ),
        parallelism=check_positive(params.get("parallelism"), "config.params.parallelism")
        or DEFAULT_PARALLELISM,
        timeout=float(params.get("request_timeout") or DEFAULT_TIMEOUT_SECONDS),
        max_retries=DEFAULT_RETRIES if params.get("max_retries") is None else int(params["max_retries"]),
    )


def _check_target(target: Mapping[str, Any]) -> None:
    kind = str(target.get("type"))
    if kind not in GENERATED_TARGETS + GIVEN_TARGETS:
        raise PlanProblem("target.type", f"supported: {', '.join(GENERATED_TARGETS + GIVEN_TARGETS)}")
    if not target.get(kind):
        raise PlanProblem(f"target.{kind}", f"needed for a target of type {kind}")
    if kind == "model":
        check_model(target["model"], "target.model")


def _task(
    name: str, task: Mapping[str, Any], params: Mapping[str, Any], limit: int | None, target: str
) -> TaskPlan:
    where = f"config.tasks.{name}"
    kind = str(task.get("type"))
    if kind not in TASK_TYPES:
        raise PlanProblem(f"{where}.type", f"supported: {', '.join(TASK_TYPES)}")
    if (kind == DATA) != (target in GIVEN_TARGETS):
        raise PlanProblem(
            f"{where}.type", f"a task of type {kind} does not go with a target of type {target}"
        )
    metrics = task.get("metrics")
    if not isinstance(metrics, dict) or not metrics:
        raise PlanProblem(f"{where}.metrics", "at least one metric is needed")
    dataset = task.get("dataset")
    if dataset is None and kind != DATA:
        raise PlanProblem(f"{where}.dataset", "needed")
    own_limit = (
        check_positive(dataset.get("limit"), f"{where}.dataset.limit") if isinstance(dataset, dict) else None
    )
    limits = [number for number in (limit, own_limit) if number is not None]
    return TaskPlan(
        name=name,
        kind=kind,
        request=None if kind == DATA else _request(kind, task.get("params") or {}, params, where),
        metrics=tuple(
            plan_metric(metric, body or {}, f"{where}.metrics.{metric}", asks_model=kind != DATA)
            for metric, body in metrics.items()
        ),
        dataset=dataset,
        limit=min(limits) if limits else None,
    )


def _request(kind: str, own: Mapping[str, Any], params: Mapping[str, Any], where: str) -> Render:
    template = own.get("template")
    prompt = "messages" if kind == CHAT else "prompt"
    if not isinstance(template, dict) or prompt not in template:
        raise PlanProblem(f"{where}.params.template", f"needed: an object with {prompt}")
    sampling = {
        key: source[key] for source in (params, own) for key in SAMPLING if source.get(key) is not None
    }
    return request_body(template, sampling, f"{where}.params.template", as_json=kind == CHAT)
