"""What is looked at before anything is spent."""

import pytest

from flywheel_tasks.preflight import check_judge_key
from include.flywheel.config import parse_config
from include.flywheel.config_models import JudgeConfig
from include.flywheel.errors import FlywheelError


def judge(**values: object) -> JudgeConfig | None:
    nims = [{"model_name": "a/b", "context_length": 8192}]
    return parse_config(
        {"nims": nims, "llm_judge_config": {"model_name": "j", **values}}, source="x"
    ).llm_judge_config


REMOTE = {"deployment_type": "remote", "url": "https://judge.test/v1/chat/completions"}


def test_a_judge_whose_key_is_missing_stops_the_run_before_it_trains() -> None:
    with pytest.raises(FlywheelError, match="MY_KEY"):
        check_judge_key(judge(**REMOTE, api_key_env="MY_KEY"), {"OTHER": "x", "MY_KEY": ""})


@pytest.mark.parametrize(
    ("values", "environment"),
    [
        ({**REMOTE, "api_key_env": "MY_KEY"}, {"MY_KEY": "k"}),
        (REMOTE, {"NVIDIA_API_KEY": "k"}),
        ({**REMOTE, "api_key_env": ""}, {}),
        ({"deployment_type": "local", "gpus": 1}, {}),
    ],
)
def test_a_judge_with_its_key_or_without_need_of_one_passes(values: dict, environment: dict) -> None:
    check_judge_key(judge(**values), environment)
