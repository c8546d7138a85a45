"""What the metrics of an evaluation task ask for, checked and compiled."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from include.local_nemo.evaluation_calls import tool_calls
from include.local_nemo.evaluation_checks import SAMPLING, PlanProblem, check_model, request_body
from include.local_nemo.evaluation_metrics import (
    SCORE_TYPES,
    STRING_CHECKS,
    TOOL_CALL_SCORES,
    sentence_bleu,
    string_check,
    tool_call_scores,
)
from include.local_nemo.evaluation_templates import Render, compile_template

OUTPUT_TEXT = "{{ sample.output_text }}"


@dataclass(frozen=True)
class ScoreRule:
    """How one score is read from a judge's answer."""

    pattern: re.Pattern[str]
    score_type: str


@dataclass(frozen=True)
class MetricPlan:
    """One metric of a task: computed here by `grade`, or by asking a `judge`.

    `grade` is given the variables of a sample's templates and returns its scores by name.
    """

    name: str
    score_names: tuple[str, ...]
    grade: Callable[[Mapping[str, Any]], Mapping[str, float]] | None = None
    judge: object = None
    prompt: Render | None = None
    rules: Mapping[str, ScoreRule] | None = None


def plan_metric(name: str, metric: Mapping[str, Any], where: str, *, asks_model: bool) -> MetricPlan:
    """Compile one metric; `asks_model` tells whether the samples of its task have a model's answer.

    Raises PlanProblem and TemplateProblem.
    """
    kind = str(metric.get("type"))
    if kind not in READERS:
        raise PlanProblem(f"{where}.type", f"supported: {', '.join(READERS)}")
    params = metric.get("params")
    if not isinstance(params, dict):
        raise PlanProblem(f"{where}.params", "needed")
    return READERS[kind](name, f"{where}.params", params, asks_model)


def _tool_calling(name: str, where: str, params: Mapping[str, Any], asks_model: bool) -> MetricPlan:
    if not asks_model:
        raise PlanProblem(
            f"{where.removesuffix('.params')}.type",
            "tool-calling grades the answer of a model; a task of type data has none",
        )
    if "tool_calls_ground_truth" not in params:
        raise PlanProblem(f"{where}.tool_calls_ground_truth", "needed")
    truth = compile_template(
        params["tool_calls_ground_truth"], as_json=True, where=f"{where}.tool_calls_ground_truth"
    )

    def grade(sample: Mapping[str, Any]) -> Mapping[str, float]:
        return tool_call_scores(tool_calls(sample["sample"]), truth(sample))

    return MetricPlan(name, TOOL_CALL_SCORES, grade)


def _llm_judge(name: str, where: str, params: Mapping[str, Any], asks_model: bool) -> MetricPlan:
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
        tuple(scores),
        judge=params["model"],
        prompt=request_body(template, sampling, f"{where}.template"),
        rules={score: _score_rule(rule, f"{where}.scores.{score}") for score, rule in scores.items()},
    )


def _score_rule(rule: object, where: str) -> ScoreRule:
    if not isinstance(rule, dict):
        raise PlanProblem(where, "needed: an object with type and parser")
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
    except (re.error, OverflowError, RecursionError) as error:
        raise PlanProblem(f"{where}.parser.pattern", f"no regular expression: {error}") from error


def _string_check(name: str, where: str, params: Mapping[str, Any], asks_model: bool) -> MetricPlan:
    check = params.get("check")
    if not isinstance(check, list) or len(check) != 3 or check[1] not in STRING_CHECKS:
        raise PlanProblem(
            f"{where}.check", f"needed: [left, operation, right], operation one of {', '.join(STRING_CHECKS)}"
        )
    left, right = (
        compile_template(str(check[side]), as_json=False, where=f"{where}.check[{side}]") for side in (0, 2)
    )

    def grade(sample: Mapping[str, Any]) -> Mapping[str, float]:
        return {"string-check": string_check(str(left(sample)), check[1], str(right(sample)))}

    return MetricPlan(name, ("string-check",), grade)


def _bleu(name: str, where: str, params: Mapping[str, Any], asks_model: bool) -> MetricPlan:
    references = params.get("references")
    if not isinstance(references, list) or not references:
        raise PlanProblem(f"{where}.references", "needed: a list of texts")
    candidate = params.get("candidate", OUTPUT_TEXT if asks_model else None)
    if candidate is None:
        raise PlanProblem(f"{where}.candidate", "needed: a task of type data has no answer of a model")

    def text(value: object, field: str) -> Render:
        return compile_template(str(value), as_json=False, where=f"{where}.{field}")

    output = text(candidate, "candidate")
    wanted = [text(reference, f"references[{number}]") for number, reference in enumerate(references)]

    def grade(sample: Mapping[str, Any]) -> Mapping[str, float]:
        return {"sentence": sentence_bleu(str(output(sample)), [str(one(sample)) for one in wanted])}

    return MetricPlan(name, ("sentence",), grade)


READERS: Mapping[str, Callable[[str, str, Mapping[str, Any], bool], MetricPlan]] = {
    "tool-calling": _tool_calling,
    "llm-judge": _llm_judge,
    "string-check": _string_check,
    "bleu": _bleu,
}
"""How each type of metric is read."""
