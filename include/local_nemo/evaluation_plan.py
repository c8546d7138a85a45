"""What an evaluation config asks for, checked and compiled: tasks, prompts, metrics."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from include.local_nemo.evaluation_metrics import SCORE_TYPES, STRING_CHECKS
from include.local_nemo.evaluation_templates import Render, compile_template

CHAT, COMPLETION, DATA = "chat-completion", "completion", "data"
TASK_TYPES = (CHAT, COMPLETION, DATA)
METRIC_TYPES = ("tool-calling", "llm-judge", "string-check")
GENERATED_TARGETS = ("model",)
GIVEN_TARGETS = ("rows", "dataset")

DEFAULT_PARALLELISM = 4
DEFAULT_TIMEOUT_SECONDS = 120.0
DEFAULT_RETRIES = 2
SAMPLING = ("max_tokens", "temperature", "top_p", "stop")


class PlanProblem(ValueError):  # noqa: N818
    """A config that cannot be run; `field` is the path inside the request body, as a validation error names it."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message


@dataclass(frozen=True)
class ScoreRule:
    """How one score is read from a judge's answer."""

    pattern: re.Pattern[str]
    score_type: str


@dataclass(frozen=True)
class MetricPlan:
    """One metric of a task; which of the fields are set depends on `kind`."""

    name: str
    kind: str
    judge: object = None
    prompt: Render | None = None
    scores: Mapping[str, ScoreRule] | None = None
    ground_truth: Render | None = None
    check: tuple[Render, str, Render] | None = None

    @property
    def score_names(self) -> tuple[str, ...]:
        """Return the names of the scores that the metric gives each sample."""
        if self.kind == "tool-calling":
            return ("function_name_accuracy", "function_name_and_args_accuracy")
        return tuple(self.scores or {}) or ("string-check",)


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
    limit = _positive(params.get("limit_samples"), "config.params.limit_samples")
    _check_target(target)
    return Plan(
        tasks=tuple(
            _task(name, task or {}, params, limit, str(target.get("type"))) for name, task in tasks.items()
        ),
        parallelism=_positive(params.get("parallelism"), "config.params.parallelism") or DEFAULT_PARALLELISM,
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


def check_model(model: object, field: str) -> None:
    """Raise PlanProblem unless `model` is a name or an object with `api_endpoint.url` and `.model_id`."""
    if isinstance(model, str) and model:
        return
    api = model.get("api_endpoint") if isinstance(model, dict) else None
    if not isinstance(api, dict) or not api.get("url") or not api.get("model_id"):
        raise PlanProblem(field, "needed: a model name, or api_endpoint with url and model_id")


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
        _positive(dataset.get("limit"), f"{where}.dataset.limit") if isinstance(dataset, dict) else None
    )
    limits = [number for number in (limit, own_limit) if number is not None]
    return TaskPlan(
        name=name,
        kind=kind,
        request=None if kind == DATA else _request(kind, task.get("params") or {}, params, where),
        metrics=tuple(
            _metric(metric, body or {}, f"{where}.metrics.{metric}") for metric, body in metrics.items()
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
    return _body(template, sampling, f"{where}.params.template", as_json=kind == CHAT)


def _body(
    template: Mapping[str, Any], sampling: Mapping[str, Any], where: str, *, as_json: bool = True
) -> Render:
    render = compile_template({**sampling, **template}, as_json=as_json, where=where)
    # A template may yield null for a row without tools; the key is then left out, as a client would leave it
    # out.
    return lambda row: {key: value for key, value in render(row).items() if value is not None}


def _metric(name: str, metric: Mapping[str, Any], where: str) -> MetricPlan:
    kind = str(metric.get("type"))
    readers: dict[str, Callable[[str, str, Mapping[str, Any]], MetricPlan]] = {
        "tool-calling": _tool_calling,
        "llm-judge": _llm_judge,
        "string-check": _string_check,
    }
    if kind not in readers:
        raise PlanProblem(f"{where}.type", f"supported: {', '.join(METRIC_TYPES)}")
    params = metric.get("params")
    if not isinstance(params, dict):
        raise PlanProblem(f"{where}.params", "needed")
    return readers[kind](name, f"{where}.params", params)


def _tool_calling(name: str, where: str, params: Mapping[str, Any]) -> MetricPlan:
    if "tool_calls_ground_truth" not in params:
        raise PlanProblem(f"{where}.tool_calls_ground_truth", "needed")
    truth = compile_template(
        params["tool_calls_ground_truth"], as_json=True, where=f"{where}.tool_calls_ground_truth"
    )
    return MetricPlan(name, "tool-calling", ground_truth=truth)


def _llm_judge(name: str, where: str, params: Mapping[str, Any]) -> MetricPlan:
    check_model(params.get("model"), f"{where}.model")
    template = params.get("template")
    if not isinstance(template, dict) or "messages" not in template:
        raise PlanProblem(f"{where}.template", "needed: an object with messages")
    scores = params.get("scores")
    if not isinstance(scores, dict) or not scores:
        raise PlanProblem(f"{where}.scores", "at least one score is needed")
    sampling = {key: params[key] for key in SAMPLING if params.get(key) is not None}
    return MetricPlan(
        name,
        "llm-judge",
        judge=params["model"],
        prompt=_body(template, sampling, f"{where}.template"),
        scores={score: _score_rule(rule or {}, f"{where}.scores.{score}") for score, rule in scores.items()},
    )


def _score_rule(rule: Mapping[str, Any], where: str) -> ScoreRule:
    score_type = str(rule.get("type"))
    if score_type not in SCORE_TYPES:
        raise PlanProblem(f"{where}.type", f"supported: {', '.join(SCORE_TYPES)}")
    parser = rule.get("parser")
    if (
        not isinstance(parser, dict)
        or parser.get("type") != "regex"
        or not isinstance(parser.get("pattern"), str)
    ):
        raise PlanProblem(f"{where}.parser", "needed: type regex and a pattern")
    try:
        return ScoreRule(re.compile(parser["pattern"]), score_type)
    except re.error as error:
        raise PlanProblem(f"{where}.parser.pattern", f"no regular expression: {error}") from error


def _string_check(name: str, where: str, params: Mapping[str, Any]) -> MetricPlan:
    check = params.get("check")
    if not isinstance(check, list) or len(check) != 3 or check[1] not in STRING_CHECKS:
        raise PlanProblem(
            f"{where}.check", f"needed: [left, operation, right], operation one of {', '.join(STRING_CHECKS)}"
        )
    left, right = (
        compile_template(str(check[side]), as_json=False, where=f"{where}.check[{side}]") for side in (0, 2)
    )
    return MetricPlan(name, "string-check", check=(left, check[1], right))


def _positive(value: object, field: str) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise PlanProblem(field, "a whole number of at least 1 is needed")
    return value
