import json
import re
from typing import Any

import jinja2
import pytest

from include.flywheel.config import parse_config
from include.flywheel.config_models import JudgeConfig
from include.flywheel.config_sections import EvaluationSettings
from include.flywheel.errors import ConfigError
from include.flywheel.evaluation import (
    RATING_PATTERN,
    SIMILARITY_PATTERN,
    dataset_url,
    evaluation_config,
    evaluation_target,
    judge_reference,
    scores_asked,
)
from tests.flywheel.samples import tool_record


def wire(workload_type: Any = "tool_calling", judge: Any = "local/judge", **settings: Any) -> dict[str, Any]:
    tool_eval_type = settings.pop("tool_eval_type", "tool-calling-metric")
    return evaluation_config(
        workload_type=workload_type,
        files_url="hf://datasets/ns/ds/testing/eval.jsonl",
        rows=100,
        settings=EvaluationSettings(**settings),
        judge=judge,
        tool_eval_type=tool_eval_type,
    )


def template_of(config: dict[str, Any]) -> dict[str, Any]:
    (task,) = config["tasks"].values()
    template: dict[str, Any] = task["params"]["template"]
    return template


@pytest.mark.parametrize("read", [re.match, re.search])
@pytest.mark.parametrize(
    ("said", "score"),
    [
        *((str(i), str(i)) for i in range(1, 11)),
        (" 10\n", "10"),
        ("10/10", "10"),
        ("Score: 8", "8"),
        ("rating = 9.", "9"),
        ("0", None),
        ("11", None),
        ("100", None),
        ("7.5", None),
        ("-3", None),
        ("", None),
        ("On a scale from 1 to 10 I say 7", None),
        ("I rate it 8", None),
    ],
)
def test_judge_reads_ten_as_ten_and_nothing_else_as_a_number(read: Any, said: str, score: str | None) -> None:
    found = read(SIMILARITY_PATTERN, said)
    assert (found[1] if found else None) == score


@pytest.mark.parametrize("read", [re.match, re.search])
@pytest.mark.parametrize(
    ("said", "score"),
    [
        ("RATING: 1\nEXPLANATION: same", "1"),
        ("RATING: 0\nEXPLANATION: RATING: 1 would be wrong", "0"),
        ("Let me see.\n**RATING:** 1", "1"),
        ("rating: 1", "1"),
        ("RATING: 10", None),
        ("RATING: 0.5", None),
        ("RATING: yes", None),
        ("RATING: -1", None),
        ("RATING: 1/10", None),
        ("RATING: 1,000", None),
        ('RATING: "1"', "1"),
        ("RATING: 1, because they agree", "1"),
        ("", None),
    ],
)
def test_a_tool_verdict_is_read_from_its_rating_line(read: Any, said: str, score: str | None) -> None:
    found = read(RATING_PATTERN, said)
    assert (found[1] if found else None) == score


def test_the_generic_evaluation_asks_the_judge_for_similarity() -> None:
    config = wire("generic")
    assert set(config["tasks"]) == {"llm-as-judge"}
    metric = config["tasks"]["llm-as-judge"]["metrics"]["llm-judge"]
    assert metric["params"]["model"] == "local/judge"
    assert metric["params"]["scores"]["similarity"]["parser"] == {
        "type": "regex",
        "pattern": SIMILARITY_PATTERN,
    }
    assert set(template_of(config)) == {"messages", "temperature"}


def test_the_tool_evaluation_asks_metric_and_judge() -> None:
    config = wire()
    assert set(config["tasks"]["custom-tool-calling"]["metrics"]) == {"tool-calling-accuracy", "correctness"}
    assert template_of(config)["tool_choice"] == "required"
    assert config["tasks"]["custom-tool-calling"]["dataset"] == {
        "files_url": "hf://datasets/ns/ds/testing/eval.jsonl",
        "limit": 100,
    }


def test_the_tool_judge_evaluation_files_its_results_under_llm_as_judge() -> None:
    config = wire(tool_eval_type="tool-calling-judge")
    assert set(config["tasks"]["llm-as-judge"]["metrics"]) == {"correctness"}


def test_tool_calls_are_graded_without_a_judge_and_texts_are_not() -> None:
    assert set(wire(judge=None)["tasks"]["custom-tool-calling"]["metrics"]) == {"tool-calling-accuracy"}
    with pytest.raises(ConfigError, match="a generic workload is graded by a judge"):
        wire("generic", judge=None)
    with pytest.raises(ConfigError, match="tool-calling-judge is graded by a judge"):
        wire(judge=None, tool_eval_type="tool-calling-judge")


def test_the_switches_change_what_candidates_are_sent() -> None:
    assert "tools" not in template_of(wire(include_tools=False))
    assert "tools" in template_of(wire("generic", include_tools=True))
    assert "tool_choice" not in template_of(wire("generic", include_tools=True))
    assert "item.request.tool_choice" in template_of(wire(include_tool_choice=True))["tool_choice"]
    assert "item.request.nvext" in template_of(wire(include_nvext=True))["nvext"]
    assert template_of(wire(max_tokens=7, temperature=None)).get("max_tokens") == 7
    assert "temperature" not in template_of(wire(temperature=None))


def test_a_limit_is_what_is_asked_and_what_progress_is_counted_against() -> None:
    config = wire(limit=7, parallelism=9, request_timeout=60)
    assert config["params"] == {"parallelism": 9, "limit_samples": 7, "request_timeout": 60}
    assert config["tasks"]["custom-tool-calling"]["dataset"]["limit"] == 7
    assert wire(limit=1000)["params"]["limit_samples"] == 100


def test_judge_prompts_show_both_answers_as_json() -> None:
    item = tool_record("c", 0)
    calls = [{"function": {"name": "f", "arguments": '{"a":1}'}}]
    for predicted, expected in ((calls, calls), (None, []), ([], [])):
        sample = {"response": {"choices": [{"message": {"content": None, "tool_calls": predicted}}]}}
        text = rendered(wire(), "correctness", item=item, sample=sample)
        reference, candidate = (
            json.loads(text.split(f"<{tag}>")[1].split(f"</{tag}>")[0])
            for tag in ("reference_answer", "candidate_answer")
        )
        assert reference[0]["function"]["name"] == "get_order"
        assert candidate == expected


def rendered(config: dict[str, Any], metric: str, **variables: Any) -> str:
    (task,) = config["tasks"].values()
    content = task["metrics"][metric]["params"]["template"]["messages"][1]["content"]
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined)
    environment.filters["tojson"] = json.dumps
    return environment.from_string(content).render(**variables)


@pytest.mark.parametrize(
    ("content", "asked"), [("2 + 2?", "2 + 2?"), ([{"type": "text", "text": "2?"}], '"2?"')]
)
def test_a_text_verdict_compares_the_two_texts_in_the_light_of_the_question(content: Any, asked: str) -> None:
    request = {"messages": [{"role": "system", "content": "Add."}, {"role": "user", "content": content}]}
    item = {"request": request, "response": {"choices": [{"message": {"content": "four"}}]}}
    text = rendered(wire("generic"), "llm-judge", item=item, sample={"output_text": "4"})
    assert "<reference_answer>\nfour\n</reference_answer>\n<candidate_answer>\n4\n</candidate_answer>" in text
    assert asked in text.partition("<reference_answer>")[0]
    assert "Add." not in text


def test_records_that_lack_tools_or_a_last_text_can_be_asked_all_the_same() -> None:
    item = {
        "request": {"messages": [{"role": "user", "content": "2?"}, {"role": "assistant"}]},
        "response": {"choices": [{"message": {"content": "two"}}]},
    }
    config = wire("generic", include_tools=True)
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined)
    environment.filters["tojson"] = json.dumps
    assert environment.from_string(template_of(config)["tools"]).render(item=item) == "[]"
    assert "<question>\n\n</question>" in rendered(
        config, "llm-judge", item=item, sample={"output_text": "2"}
    )


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("generic", "tool-calling-metric", True), {"similarity"}),
        (
            ("tool_calling", "tool-calling-metric", False),
            {"function_name", "function_name_and_args_accuracy"},
        ),
        (
            ("tool_calling", "tool-calling-metric", True),
            {"function_name", "function_name_and_args_accuracy", "tool_calling_correctness"},
        ),
        (("tool_calling", "tool-calling-judge", True), {"tool_calling_correctness"}),
    ],
)
def test_the_scores_asked_for_are_known_beforehand(arguments: Any, expected: set[str]) -> None:
    assert set(scores_asked(*arguments)) == expected


def judge(**values: Any) -> JudgeConfig:
    nims = [{"model_name": "a/b", "context_length": 8192}]
    config = parse_config({"nims": nims, "llm_judge_config": values}, source="x").llm_judge_config
    assert config is not None
    return config


def test_a_judges_key_is_only_ever_a_reference() -> None:
    remote = judge(deployment_type="remote", model_name="j", url="https://j.test/v1/chat/completions")
    reference = judge_reference(remote)
    assert reference == {
        "api_endpoint": {
            "url": "https://j.test/v1/chat/completions",
            "model_id": "j",
            "format": "openai",
            "api_key": "secret://env/LLM_JUDGE_API_KEY",
        }
    }
    other = judge_reference(remote, "NVIDIA_API_KEY")
    assert isinstance(other, dict)
    assert other["api_endpoint"]["api_key"] == "secret://env/NVIDIA_API_KEY"


def test_a_judge_without_a_key_gets_none_and_a_local_one_is_a_name() -> None:
    keyless = judge_reference(judge(type="remote", model_id="j", url="http://j.test/v1", api_key_env=""))
    assert isinstance(keyless, dict)
    assert "api_key" not in keyless["api_endpoint"]
    assert judge_reference(judge(type="local", model_id="local/judge")) == "local/judge"


def test_targets_and_urls_have_the_wire_shape() -> None:
    assert evaluation_target("ns/m@cust-1") == {"type": "model", "model": "ns/m@cust-1"}
    assert dataset_url("ns", "ds", "testing/icl-8192.jsonl") == "hf://datasets/ns/ds/testing/icl-8192.jsonl"
