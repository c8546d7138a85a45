"""What is found out about models: targets and configs of a training, models to be deployed, models at a URL."""

from collections.abc import Callable
from typing import Any

import pytest
import requests

from nemo_provider.checks import Finding, Status, run_checks
from nemo_provider.customization_checks import base_model_check, config_check, held_gpus, target_check
from nemo_provider.hooks.chat import ChatHook
from nemo_provider.hooks.embeddings import EmbeddingsHook
from nemo_provider.hooks.nemo import NemoHook
from nemo_provider.hooks.nim import NimHook
from nemo_provider.model_checks import model_check
from tests.nemo_provider.conftest import StartPlatform
from tests.nemo_provider.embedding_server import embedding_server
from tests.nemo_provider.scripted import Answer, scripted
from tests.nemo_provider.support import MODEL, OPTION, Tenant, context, deployment

TARGET = f"{MODEL}@1.0"
KEY = "k3y-of-the-judge"
CHAT = "/v1/chat/completions"
ANSWER = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "OK"}}]}


def target(nemo_url: str, reference: str) -> Finding:
    [found] = run_checks([target_check(NemoHook(base_url=nemo_url), reference)])
    return found


def test_a_target_that_is_ready_says_of_which_model(platform: Tenant) -> None:
    found = target(platform.nemo_url, TARGET)
    assert (found.status, found.detail) == (Status.OK, f"ready, of {MODEL}")


def test_a_target_that_is_not_there_is_told_with_those_that_are(platform: Tenant) -> None:
    found = target(platform.nemo_url, "local/student-s@9.0")
    assert (found.status, found.detail) == (Status.PROBLEM, "the Customizer does not know it")
    assert f"There are: local/student-l@1.0, local/student-m@1.0, {TARGET}" in found.remedy
    assert target(platform.nemo_url, "nameless").status is Status.PROBLEM


def test_a_release_without_targets_leaves_it_open() -> None:
    with scripted({}) as server:
        found = target(server.url, TARGET)
    assert (found.status, found.detail[:30]) == (Status.SKIPPED, "this release has fixed configs")


@pytest.mark.parametrize(
    ("fields", "status", "detail", "may_pass"),
    [
        ({"status": "downloading"}, Status.PROBLEM, "it is downloading", True),
        ({"status": "failed"}, Status.PROBLEM, "it is failed", False),
        ({"status": "ready", "enabled": False}, Status.PROBLEM, "it is disabled", False),
        ({}, Status.OK, "unknown", False),
    ],
)
def test_a_target_that_no_job_would_get_is_a_problem(
    fields: dict[str, Any], status: Status, detail: str, may_pass: bool
) -> None:
    with scripted({f"/v1/customization/targets/{TARGET}": (200, fields)}) as server:
        found = target(server.url, TARGET)
    assert (found.status, found.detail, found.may_pass) == (status, detail, may_pass)
    assert bool(found.remedy) == (status is Status.PROBLEM)


def test_a_config_is_new_or_the_same_or_in_the_way(platform: Tenant) -> None:
    nemo = NemoHook(base_url=platform.nemo_url)
    content = {"target": TARGET, "training_options": [OPTION], "max_seq_length": 4096}
    reference = f"{platform.namespace}/c@v1"

    def found(**changes: Any) -> Finding:
        [finding] = run_checks([config_check(nemo, reference, {**content, **changes}, TARGET)])
        return finding

    assert found().detail == "is created by the first run"
    nemo.create_customization_config({"name": "c@v1", "namespace": platform.namespace, **content})
    assert found().detail == "is there, as configured"
    other = found(max_seq_length=8192)
    assert (other.status, other.detail) == (
        Status.PROBLEM,
        "it exists with other content (max_seq_length)",
    )


def test_a_model_is_known_by_being_served_as_an_entity_or_by_its_target(platform: Tenant) -> None:
    nemo, nim = NemoHook(base_url=platform.nemo_url), NimHook(base_url=platform.nim_url)

    def found(model: str, target: str | None = None) -> Finding:
        [finding] = run_checks([base_model_check(nemo, nim, model, "nvcr.io/x:1", target)])
        return finding

    model = f"{platform.namespace}/m"
    assert found(model).status is Status.SKIPPED
    assert "pulls nvcr.io/x:1" in found(model).detail
    assert found(model, TARGET).status is Status.SKIPPED
    assert (
        found("local/student-m", "local/student-m@1.0").detail
        == "is the model of the target local/student-m@1.0"
    )
    body = {"name": "m", "namespace": platform.namespace}
    requests.post(f"{platform.nemo_url}/v1/models", json=body, timeout=10).raise_for_status()
    assert found(model).detail == "is known to the Entity Store"
    assert held_gpus(nemo, platform.namespace) == f"0 deployments in {platform.namespace} hold 0 now"
    deployment(platform).execute(context())
    assert held_gpus(nemo, platform.namespace) == f"1 deployments in {platform.namespace} hold 1 now"


def test_a_model_that_may_not_be_asked_for_is_left_open() -> None:
    with scripted({"/v1/models": (200, {"data": []})}, default=(403, {"detail": "no"})) as server:
        nemo, nim = NemoHook(base_url=server.url), NimHook(base_url=server.url)
        [found] = run_checks([base_model_check(nemo, nim, MODEL, "nvcr.io/x:1", TARGET)])
    assert found.status is Status.SKIPPED


def judge(url: str, key: str | None = KEY) -> Finding:
    hook = ChatHook("big/judge", url, api_key=key, key_source="environment variable JUDGE_KEY")
    [found] = run_checks([model_check("judge", hook, asked_by="Evaluator")])
    return found


def test_a_judge_that_answers_was_asked_once_with_its_key() -> None:
    with scripted({CHAT: (200, ANSWER)}) as server:
        found = judge(server.url + CHAT)
        assert server.requests == [("POST", CHAT, f"Bearer {KEY}")]
    assert (found.status, found.detail) == (Status.OK, f"big/judge answers at {server.url}")


@pytest.mark.parametrize(
    ("answer", "status", "detail", "remedy"),
    [
        (
            (401, {"error": f"bad {KEY}"}),
            Status.PROBLEM,
            "401: bad ***",
            "environment variable JUDGE_KEY was refused",
        ),
        ((403, {"detail": "no"}), Status.PROBLEM, "403: no", "environment variable JUDGE_KEY was refused"),
        ((404, {"detail": "no model"}), Status.PROBLEM, "404: no model", "model's name, big/judge"),
        ((500, {"detail": "oh"}), Status.PROBLEM, "500: oh", "See the log"),
        ((429, {"title": "Too Many Requests"}), Status.PROBLEM, "429: Too Many", "starting, or busy"),
        ((200, {"choices": []}), Status.PROBLEM, "no chat completion", "starting, or busy"),
        ((200, "<html>"), Status.PROBLEM, "is not JSON", "starting, or busy"),
        ((400, {"detail": "max_tokens"}), Status.SKIPPED, "400: max_tokens", ""),
    ],
)
def test_a_judge_that_does_not_answer_is_told_with_what_to_mend(
    answer: Answer, status: Status, detail: str, remedy: str
) -> None:
    with scripted({CHAT: answer}) as server:
        found = judge(server.url + CHAT)
    assert found.status is status
    assert detail in found.detail
    assert remedy in found.remedy
    assert not found.bearable
    assert KEY not in str(found)


def test_a_judge_out_of_reach_is_a_bearable_problem() -> None:
    found = judge(f"http://127.0.0.1:9{CHAT}")
    assert (found.status, found.bearable) == (Status.PROBLEM, True)
    assert "connection refused" in found.detail
    assert "In a run the Evaluator calls it" in found.remedy


def embedding(url: str) -> Finding:
    hook = EmbeddingsHook("e", url=url, api_key=KEY, key_source="environment variable EMB_KEY")
    [found] = run_checks([model_check("embedding", hook)])
    return found


def test_an_embedding_service_is_asked_for_one_vector() -> None:
    with embedding_server() as server:
        assert embedding(server.url).status is Status.OK
        assert [request["input"] for request in server.requests] == [["question 1"]]
        server.refusals.append(401)
        refused = embedding(server.url)
        assert "environment variable EMB_KEY was refused" in refused.remedy
        assert KEY not in str(refused)
        server.body = {"data": []}
        assert "is not one vector of numbers" in embedding(server.url).detail
    lost = embedding("http://127.0.0.1:9/v1/embeddings")
    assert (lost.status, lost.bearable) == (Status.PROBLEM, False)
    assert "connection refused" in lost.detail
    assert "The address comes from the url of this model" in lost.remedy


def test_a_service_that_fails_for_a_moment_is_asked_again(
    start_platform: StartPlatform, connection: Callable[..., None]
) -> None:
    path = f"/v1/customization/targets/{TARGET}"
    faulty = start_platform({"path": path, "nth": [1], "action": {"status": 503, "body": "busy"}})
    connection("nemo_busy", faulty.nemo_url, extra={"retry_wait": 0})
    [found] = run_checks([target_check(NemoHook("nemo_busy"), TARGET)])
    assert found.status is Status.OK
