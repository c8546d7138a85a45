"""All that a run needs, looked at through the config: all well, and each thing that can be wrong."""

import json
from pathlib import Path
from typing import Any

import pytest

from flywheel_tasks.doctor import most_gpus
from flywheel_tasks.settings import flywheel_config
from include.flywheel.config import parse_config
from include.local_nemo.platform import Platform
from nemo_provider.checks import Status
from tests.dags.doctoring import CLOSED, CUSTOMIZED, UseConfig, found, here, judge, log_file, problems
from tests.nemo_provider.ingress import ingress
from tests.nemo_provider.scripted import scripted

KEY = "k3y-of-the-judge"
CHAT = "/v1/chat/completions"
ANSWER = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "OK"}}]}


def test_where_all_is_well_all_is_green_and_no_secret_is_told(
    platform: Platform, use_config: UseConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NVIDIA_API_KEY", KEY)
    with scripted({CHAT: (200, ANSWER)}) as server:
        use_config(platform, embedded_platform={"gpus": 4}, **judge(server.url + CHAT))
        findings = found(log_file(tmp_path))
        assert server.requests == [("POST", CHAT, f"Bearer {KEY}")]
    assert {finding.status for finding in findings.values()} == {Status.OK}
    assert findings["judge, key"].detail == "NVIDIA_API_KEY is set"
    assert findings["model, local/student-s"].detail == "is the model of the target local/student-s@1.0"
    assert findings["GPUs, enough"].detail.startswith("4, of which a candidate needs up to 1 (training")
    assert KEY not in str(findings)
    assert list((tmp_path / "artifacts").iterdir()) == []


def test_the_platform_is_only_read(
    platform: Platform, use_config: UseConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_config(platform)
    with ingress(platform.nemo_url) as nemo, ingress(platform.datastore_url) as datastore:
        for conn_id, gateway in (("NEMO_DEFAULT", nemo), ("NEMO_DATASTORE_DEFAULT", datastore)):
            document = {"conn_type": "http", "host": gateway.url}
            monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id}", json.dumps(document))
        assert problems(found()) == []
        assert nemo.methods == datastore.methods == {"GET"}


def test_without_a_platform_its_checks_are_left_out_or_fail_with_three_addresses(
    use_config: UseConfig,
) -> None:
    use_config(nmp_config=CLOSED)
    assert problems(found()) == [
        "NeMo platform, connection",
        "NIM proxy, connection",
        "Data Store, connection",
    ]
    assert list(here()) == ["artifacts, writable"]


def test_an_unknown_target_is_told_and_its_config_not_asked_for(
    platform: Platform, use_config: UseConfig
) -> None:
    candidate = {**CUSTOMIZED, "customizer_configs": {"target": "local/none@1.0", "gpus": 1}}
    use_config(platform, nims=[candidate])
    findings = found()
    assert problems(findings) == ["Customizer, target local/none@1.0"]
    [config] = [each for name, each in findings.items() if name.startswith("Customizer, config")]
    assert config.detail == "needs: Customizer, target local/none@1.0"


@pytest.mark.parametrize(
    ("variables", "more", "name"),
    [
        ({}, {}, "LLM_JUDGE_API_KEY and NVIDIA_API_KEY not set"),
        ({"OTHER": "x"}, {"api_key_env": "JUDGE_KEY"}, "JUDGE_KEY not set"),
    ],
)
def test_a_key_that_is_missing_is_named_and_the_judge_not_asked(
    use_config: UseConfig,
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    more: dict[str, Any],
    name: str,
) -> None:
    for variable in ("LLM_JUDGE_API_KEY", "NVIDIA_API_KEY", "JUDGE_KEY"):
        monkeypatch.delenv(variable, raising=False)
    with scripted({CHAT: (200, ANSWER)}) as server:
        use_config(**judge(server.url + CHAT, **more))
        findings = here()
        assert server.requests == []
    assert problems(findings) == ["judge, key"]
    assert findings["judge, key"].detail == name
    assert "set the environment variable" in findings["judge, key"].remedy
    assert findings["judge, answers"].detail == "needs: judge, key"


def test_a_judge_that_refuses_its_key_names_the_variable(
    use_config: UseConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUDGE_KEY", KEY)
    with scripted({CHAT: (401, {"detail": f"{KEY} is unknown"})}) as server:
        use_config(**judge(server.url + CHAT, api_key_env="JUDGE_KEY"))
        findings = here()
    assert problems(findings) == ["judge, answers"]
    assert "environment variable JUDGE_KEY was refused" in findings["judge, answers"].remedy
    assert KEY not in str(findings)


def test_a_remote_embedding_model_and_its_key_are_looked_at(
    use_config: UseConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EMB_KEY", raising=False)
    embedding = {
        "deployment_type": "remote",
        "url": "http://127.0.0.1:9/v1/embeddings",
        "model_name": "e",
        "api_key_env": "EMB_KEY",
    }
    similar = {
        "max_context_length": 8192,
        "example_selection": "semantic_similarity",
        "similarity_config": {
            "embedding_nim_config": embedding,
            "elasticsearch": "elasticsearch://no_such/examples",
        },
        "tokenizer": "no-such-tokenizer.json",
    }
    use_config(icl_config=similar)
    findings = here()
    assert problems(findings) == ["embedding, key", "search, examples-*", "tokenizer, no-such-tokenizer.json"]
    assert findings["embedding, key"].detail == "EMB_KEY not set"
    assert "no_such" in findings["search, examples-*"].detail
    monkeypatch.setenv("EMB_KEY", KEY)
    findings = here()
    assert "connection refused" in findings["embedding, answers"].detail


@pytest.mark.parametrize(("gpus", "judge_gpus", "needed"), [(4, 0, 4), (2, 3, 5)])
def test_a_plan_that_the_embedded_platform_has_no_gpus_for_is_a_problem(
    platform: Platform, use_config: UseConfig, gpus: int, judge_gpus: int, needed: int
) -> None:
    big = {**CUSTOMIZED, "customizer_configs": {"target": "local/student-s@1.0", "gpus": gpus}}
    local = {"deployment_type": "local", "model_name": "local/judge-lexical", "gpus": judge_gpus}
    more = {"llm_judge_config": local} if judge_gpus else {}
    use_config(platform, nims=[big], embedded_platform={"gpus": 3}, **more)
    assert most_gpus(flywheel_config())[0] == needed
    gpu = found()["GPUs, enough"]
    assert gpu.status is Status.PROBLEM
    assert f"needs {needed} GPUs, the embedded platform has 3" in gpu.detail


def test_of_a_real_platform_the_gpus_cannot_be_told(platform: Platform, use_config: UseConfig) -> None:
    use_config(platform)
    gpu = found()["GPUs, enough"]
    assert gpu.status is Status.SKIPPED
    assert "needs up to 1 (training local/student-s)" in gpu.detail
    assert "0 deployments in dfwbp hold 0 now" in gpu.detail


def test_the_most_gpus_are_those_of_the_largest_step() -> None:
    embedding = {"model_name": "e", "deployment_type": "local", "gpus": 6}
    similar = {
        "max_context_length": 8192,
        "example_selection": "semantic_similarity",
        "similarity_config": {"embedding_nim_config": embedding},
    }
    plain = {"model_name": "a/b", "context_length": 8192, "gpus": 2}
    config = parse_config({"nims": [plain], "icl_config": similar}, source="x")
    assert most_gpus(config) == (6, "serving e")
