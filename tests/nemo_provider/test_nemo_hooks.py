"""The hooks against the embedded platform: credentials, retries, typed errors, secrets."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest
import requests

from nemo_provider.errors import (
    NemoAuthError,
    NemoConfigurationError,
    NemoConflictError,
    NemoNotFoundError,
    NemoUnavailableError,
)
from nemo_provider.hooks import endpoints
from nemo_provider.hooks.base import url_of
from nemo_provider.hooks.nemo import NemoHook
from nemo_provider.hooks.nim import NimHook
from nemo_provider.polls import split_name
from tests.nemo_provider.conftest import StartPlatform
from tests.nemo_provider.support import Tenant, deployment, evaluation, jobs

UNREACHABLE = "http://127.0.0.1:9"
JUDGE_KEY = "sk-judge-0123456789"


def test_without_connection_and_url_the_error_names_both_remedies() -> None:
    with pytest.raises(NemoConfigurationError, match=r"'nemo_default'.*base_url"):
        NemoHook().create_namespace("x")


async def test_the_async_side_says_the_same() -> None:
    with pytest.raises(NemoConfigurationError, match=r"'nemo_default'.*base_url"):
        await NemoHook().apoll("evaluation", "eval-1")


@pytest.mark.parametrize("url", ["http://me:secret@nemo.test", "https://token@nemo.test"])
def test_a_url_that_carries_a_credential_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(NemoConfigurationError) as refused:
        NemoHook(base_url=url)
    assert "secret" not in str(refused.value)
    assert "token@" not in str(refused.value)


@pytest.mark.parametrize("url", ["nemo.test:8000", "ftp://nemo.test", ""])
def test_a_base_url_is_http_or_nothing(url: str) -> None:
    with pytest.raises(NemoConfigurationError):
        NemoHook(base_url=url).create_namespace("x")


def test_a_connection_wins_over_the_url(platform: Tenant, connection: Callable[..., None]) -> None:
    connection("nemo_here", platform.nemo_url)
    assert NemoHook("nemo_here", base_url=UNREACHABLE).get_model("ns/none") is None


def test_401_names_the_connection(start_platform: StartPlatform, connection: Callable[..., None]) -> None:
    secured = start_platform(bearer_token="right")
    connection("nemo_secured", secured.nemo_url, password="wrong-token")
    with pytest.raises(NemoAuthError, match=r"bearer token.*'nemo_secured' was refused") as refused:
        NemoHook("nemo_secured").create_namespace("x")
    assert "wrong-token" not in str(refused.value)
    connection("nemo_tokenless", secured.nemo_url)
    with pytest.raises(NemoAuthError, match="'nemo_tokenless' has no password"):
        NemoHook("nemo_tokenless").create_namespace("x")
    with pytest.raises(NemoAuthError, match="define that Airflow connection"):
        NemoHook(base_url=secured.nemo_url).create_namespace("x")


async def test_the_token_of_the_connection_opens_the_door_on_both_sides(
    start_platform: StartPlatform, connection: Callable[..., None]
) -> None:
    secured = start_platform(bearer_token="right")
    connection("nemo_open", secured.nemo_url, password="right")
    assert NemoHook("nemo_open").create_namespace("x")
    with pytest.raises(NemoNotFoundError):
        await NemoHook("nemo_open").apoll("evaluation", "eval-none")


def test_safe_calls_are_retried(start_platform: StartPlatform) -> None:
    shaky = start_platform(
        {"path": "/v1/namespaces", "nth": [1], "action": {"status": 503, "body": "starting"}},
        {"path": "/v1/namespaces", "nth": [2], "action": "reset"},
        {"path": "/v1/namespaces", "nth": [3], "action": {"status": 429, "headers": {"Retry-After": "0"}}},
    )
    assert NemoHook(base_url=shaky.nemo_url).create_namespace("x")


def test_a_service_that_stays_away_is_an_error_to_retry(
    start_platform: StartPlatform, connection: Callable[..., None]
) -> None:
    away = start_platform({"path": "/v1/namespaces", "action": {"status": 503, "body": "down for repairs"}})
    connection("nemo_away", away.nemo_url, extra={"retries": 2, "retry_wait": 0.01})
    with pytest.raises(NemoUnavailableError, match="503: down for repairs"):
        NemoHook("nemo_away").create_namespace("x")


def test_a_refused_connection_is_known_not_to_have_been_sent(connection: Callable[..., None]) -> None:
    connection("nemo_nowhere", UNREACHABLE, extra={"retries": 2, "retry_wait": 0.01})
    with pytest.raises(NemoUnavailableError, match="No connection") as nowhere:
        NemoHook("nemo_nowhere").create_namespace("x")
    assert not nowhere.value.sent


@pytest.mark.parametrize("action", ["lose_answer", {"status": 503}])
def test_a_job_is_not_submitted_again_by_the_hook(start_platform: StartPlatform, action: Any) -> None:
    shaky = start_platform({"method": "POST", "path": "/v1/evaluation/jobs", "action": action})
    with pytest.raises(NemoUnavailableError) as lost:
        NemoHook(base_url=shaky.nemo_url).create_job("evaluation", body_of(shaky))
    assert lost.value.sent
    assert len(jobs(shaky, "evaluation")) == (1 if action == "lose_answer" else 0)


async def test_names_with_at_and_plus_arrive_unchanged(platform: Tenant) -> None:
    reference, hook = "ns/m@v1.0.0+dfw", NemoHook(base_url=platform.nemo_url)
    body = {"name": "m@v1.0.0+dfw", "namespace": "ns"}
    await asyncio.to_thread(requests.post, f"{platform.nemo_url}/v1/models", json=body, timeout=10)
    model = hook.get_model(reference)
    assert model is not None
    assert model == await hook.acall(endpoints.GET_MODEL, split_name(reference))
    assert url_of(hook.wire, endpoints.GET_MODEL, split_name(reference)).endswith(
        "/v1/models/ns/m@v1.0.0+dfw"
    )


@pytest.mark.parametrize("status", [500, 409])
def test_an_existing_deployment_is_a_conflict_whatever_the_release_says(
    start_platform: StartPlatform, status: int
) -> None:
    platform = start_platform(duplicate_deployment_status=status)
    hook, body = NemoHook(base_url=platform.nemo_url), deployment_body(platform)
    hook.create_deployment(body)
    with pytest.raises(NemoConflictError):
        hook.create_deployment(body)


def test_jobs_are_listed_across_pages(platform: Tenant) -> None:
    hook, body = NemoHook(base_url=platform.nemo_url), body_of(platform)
    made = [hook.create_job("evaluation", body)["id"] for _ in range(5)]
    assert [job["id"] for job in hook.list_jobs("evaluation", platform.namespace, page_size=2)] == made[::-1]
    assert list(hook.list_jobs("evaluation", "none")) == []


def test_a_secret_reference_is_resolved_only_on_the_wire(
    platform: Tenant,
    monkeypatch: pytest.MonkeyPatch,
    connection: Callable[..., None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("JUDGE_KEY", JUDGE_KEY)
    connection("judge", "http://judge.test", password="sk-conn-0123456789")
    body, hook = body_of(platform), NemoHook(base_url=platform.nemo_url)
    for reference, secret in (
        ("secret://env/JUDGE_KEY", JUDGE_KEY),
        ("secret://conn/judge", "sk-conn-0123456789"),
    ):
        judge = {"api_endpoint": {"url": f"{platform.nim_url}/v1", "model_id": "j", "api_key": reference}}
        job = hook.create_job("evaluation", {**body, "config": judged_by(judge)})
        echoed = requests.get(f"{platform.nemo_url}/v1/evaluation/jobs/{job['id']}", timeout=10).text
        assert secret in echoed
        assert (
            secret
            not in f"{job} {hook.get_job('evaluation', job['id'])} {list(hook.list_jobs('evaluation', platform.namespace))}"
        )
        assert secret not in caplog.text


def test_a_missing_secret_names_the_variable(platform: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    hook = NemoHook(base_url=platform.nemo_url)
    with pytest.raises(NemoConfigurationError, match="environment variable NO_SUCH_KEY"):
        hook.create_job("evaluation", {"config": {"api_key": "secret://env/NO_SUCH_KEY"}})
    with pytest.raises(NemoConfigurationError, match="connection no_such_conn"):
        hook.create_job("evaluation", {"config": {"api_key": "secret://conn/no_such_conn"}})
    with pytest.raises(NemoConfigurationError, match="no secret reference") as refused:
        hook.create_job("evaluation", {"config": {"api_key": "secret://vault/sk-oops"}})
    assert "sk-oops" not in str(refused.value)


def test_deployments_are_listed_by_namespace(platform: Tenant) -> None:
    hook = NemoHook(base_url=platform.nemo_url)
    for name in ("one", "two"):
        hook.create_deployment({**deployment_body(platform), "name": name})
    hook.create_deployment({**deployment_body(platform), "namespace": f"{platform.namespace}-other"})
    assert [found["name"] for found in hook.list_deployments(platform.namespace)] == ["two", "one"]


def test_a_server_without_pages_is_asked_for_two(start_platform: StartPlatform) -> None:
    listing = {"data": [None, "text", {"id": "eval-1"}, {"status": "no id"}]}
    flat = start_platform({"path": "/v1/evaluation/jobs", "action": {"status": 200, "body": listing}})
    assert list(NemoHook(base_url=flat.nemo_url).list_jobs("evaluation", "ns")) == [{"id": "eval-1"}]


def test_the_nim_lists_its_models(start_platform: StartPlatform) -> None:
    listing = {"object": "list", "data": [{"id": "local/student-s"}]}
    served = start_platform(
        {"service": "nim", "path": "/v1/models", "action": {"status": 200, "body": listing}}
    )
    assert NimHook(base_url=served.nim_url).list_models() == ["local/student-s"]


def body_of(platform: Tenant) -> dict[str, Any]:
    asked = evaluation(platform)
    asked.render_template_fields({})
    return asked.body()


def deployment_body(platform: Tenant) -> dict[str, Any]:
    return deployment(platform).body()


def judged_by(judge: Any) -> dict[str, Any]:
    metric = {
        "type": "llm-judge",
        "params": {
            "model": judge,
            "template": {"messages": [{"role": "user", "content": "Rate {{ item.said }}"}]},
            "scores": {"similarity": {"type": "int", "parser": {"type": "regex", "pattern": r"(\d+)"}}},
        },
    }
    return {"type": "custom", "tasks": {"judged": {"type": "data", "metrics": {"judge": metric}}}}
