"""What is found out about a platform: all well, and each thing that can be wrong with it, on real servers."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nemo_provider.checks import Finding, Status, run_checks
from nemo_provider.hooks.datastore import DatastoreHook
from nemo_provider.hooks.nemo import NemoHook
from nemo_provider.hooks.nim import NimHook
from nemo_provider.platform_checks import datastore_checks, nim_checks, platform_checks
from tests.nemo_provider.conftest import StartPlatform
from tests.nemo_provider.ingress import certificate, ingress
from tests.nemo_provider.scripted import SILENCE, Answer, scripted
from tests.nemo_provider.support import Tenant, jobs

TOKEN = "s3cret-token-0123"
LIST = {"object": "list", "data": [], "pagination": {"total_pages": 0}}


def findings(nemo_url: str, namespace: str = "team", **hook: Any) -> dict[str, Finding]:
    found = run_checks(platform_checks(NemoHook(base_url=nemo_url, **hook), namespace))
    return {finding.name: finding for finding in found}


def nim_findings(nim_url: str) -> dict[str, Finding]:
    return {finding.name: finding for finding in run_checks(nim_checks(NimHook(base_url=nim_url)))}


def datastore_findings(url: str) -> dict[str, Finding]:
    found = run_checks(datastore_checks(DatastoreHook(base_url=url), "team"))
    return {finding.name: finding for finding in found}


def problems(found: dict[str, Finding]) -> list[str]:
    return [name for name, finding in found.items() if finding.status is Status.PROBLEM]


def test_a_platform_that_is_well_is_all_green_and_only_read(platform: Tenant) -> None:
    with (
        ingress(platform.nemo_url) as nemo,
        ingress(platform.nim_url) as nim,
        ingress(platform.datastore_url) as datastore,
    ):
        found = {
            **findings(nemo.url, platform.namespace),
            **nim_findings(nim.url),
            **datastore_findings(datastore.url),
        }
        assert {finding.status for finding in found.values()} == {Status.OK}
        assert nemo.methods == nim.methods == datastore.methods == {"GET"}
    assert found["NeMo platform, access"].detail == "no credential is asked for"
    assert found["Customizer, answers"].detail == f"API v1; 0 unfinished jobs in {platform.namespace}"
    assert found["NIM proxy, version"].detail == "release 0.1.0, api v1"
    assert jobs(platform) == []


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def sealed(authority: Path) -> Iterator[str]:
    with scripted({}, tls=authority) as server:
        yield server.url


@pytest.mark.parametrize(
    ("url", "detail", "remedy", "may_pass"),
    [
        ("http://no-such-host.invalid", r"name is not known here \(DNS\)", "Correct the host", True),
        ("http://127.0.0.1:9", "connection refused", "See whether it runs there", True),
        ("{sealed}", r"certificate is not trusted \(TLS: self-signed", "REQUESTS_CA_BUNDLE", False),
        ("{sealed by another name}", r"certificate is for another host \(TLS\)", "Use the name", False),
        ("{plain}", r"no TLS with it \(WRONG_VERSION_NUMBER\)", "begins with http://", False),
        ("{silent}", "said nothing in time", "it hangs, or is overloaded", True),
    ],
)
def test_no_way_to_the_platform_is_one_problem_that_names_cause_address_and_connection(
    url: str,
    detail: str,
    remedy: str,
    may_pass: bool,
    sealed: str,
    authority: Path,
    connection: Callable[..., None],
) -> None:
    with scripted({}) as plain, scripted({}, default=SILENCE) as silent:
        address = {
            "{sealed}": sealed,
            "{sealed by another name}": sealed.replace("127.0.0.1", "localhost"),
            "{plain}": plain.url.replace("http:", "https:"),
            "{silent}": silent.url,
        }.get(url, url)
        trusted = {"verify": str(authority)} if "another" in url else {}
        connection("nemo_lost", address, password=TOKEN, extra={"timeout": 0.5, "retries": 1, **trusted})
        found = findings("", nemo_conn_id="nemo_lost")
    assert problems(found) == ["NeMo platform, connection"]
    lost = found["NeMo platform, connection"]
    assert address in lost.detail
    assert lost.may_pass is may_pass
    assert re.search(detail, lost.detail)
    assert remedy in lost.remedy
    assert "'nemo_lost'" in lost.remedy
    assert found["NeMo platform, health"].detail == "needs: NeMo platform, connection"
    assert found["Customizer, answers"].detail == "needs: NeMo platform, access"
    assert TOKEN not in str(found)


def test_a_connection_that_makes_no_sense_is_a_problem_and_never_an_error(
    connection: Callable[..., None],
) -> None:
    connection("nemo_torn", "http://127.0.0.1:9", password=f"{TOKEN}\nX-Evil: 1")
    found = findings("", nemo_conn_id="nemo_torn")
    assert problems(found) == ["NeMo platform, connection"]
    assert "'nemo_torn' holds a line break" in found["NeMo platform, connection"].detail
    assert TOKEN not in str(found)


@pytest.mark.parametrize("token", [None, TOKEN])
def test_a_credential_that_is_refused_is_one_problem_that_names_the_connection(
    start_platform: StartPlatform, connection: Callable[..., None], token: str | None
) -> None:
    secured = start_platform(bearer_token="right")
    connection("nemo_gated", secured.nemo_url, **({"password": token} if token else {}))
    found = findings("", nemo_conn_id="nemo_gated")
    assert problems(found) == ["NeMo platform, access"]
    refused = found["NeMo platform, access"]
    assert "401: Unauthorized" in refused.detail
    assert ("'nemo_gated' was refused" if token else "'nemo_gated' has no password") in refused.remedy
    assert found["NeMo platform, health"].status is Status.OK
    assert TOKEN not in str(found)
    connection("nemo_gated", secured.nemo_url, password="right")
    found = findings("", nemo_conn_id="nemo_gated")
    assert problems(found) == []
    assert found["NeMo platform, access"].detail == "with the credential of Airflow connection 'nemo_gated'"


def test_one_service_that_refuses_does_not_hide_the_others(
    start_platform: StartPlatform, connection: Callable[..., None]
) -> None:
    faulty = start_platform(
        {"path": "/v1/evaluation/.*", "action": {"status": 403, "body": {"detail": "not yours"}}},
        {"path": "/v1/deployment/.*", "action": {"status": 500, "body": {"detail": "no database"}}},
        {"path": "/v1/datasets", "action": "reset"},
        {"path": "/v1/health/ready", "action": {"status": 503, "body": "starting"}},
    )
    connection("nemo_half", faulty.nemo_url, password=TOKEN, extra={"retries": 1})
    found = findings("", nemo_conn_id="nemo_half")
    assert set(problems(found)) == {
        "NeMo platform, health",
        "Entity Store, answers",
        "Evaluator, answers",
        "Deployment Management, answers",
    }
    assert "403: not yours" in found["Evaluator, answers"].detail
    assert "bearer token (password) of Airflow connection 'nemo_half'" in found["Evaluator, answers"].remedy
    assert "500: no database" in found["Deployment Management, answers"].detail
    assert found["Deployment Management, answers"].remedy == "See the log of the service"
    assert "503: starting" in found["NeMo platform, health"].detail
    assert "connection was closed" in found["Entity Store, answers"].detail
    assert found["Customizer, answers"].status is Status.OK


def test_a_role_that_may_do_nothing_is_told_by_each_service(connection: Callable[..., None]) -> None:
    with scripted({}, default=(403, {"detail": "no role"})) as server:
        connection("nemo_roleless", server.url, password=TOKEN)
        found = findings("", nemo_conn_id="nemo_roleless")
    refused = ["Entity Store", "Customizer", "Evaluator", "Deployment Management"]
    assert problems(found)[-4:] == [f"{service}, answers" for service in refused]
    for service in refused:
        assert "'nemo_roleless' was refused" in found[f"{service}, answers"].remedy


@pytest.mark.parametrize(
    ("answer", "detail"),
    [
        ((404, {"detail": "Not Found"}), "no Customizer of API v1 at"),
        ((200, "<html>Welcome</html>"), "is not JSON"),
        ((200, {"data": {}}), "no list of API v1"),
        ((200, []), "where an object was due"),
        ((500, "<html>oh</html>"), "answered with 500: <html>oh</html>"),
    ],
)
def test_something_else_at_the_address_is_told_from_the_platform(answer: Answer, detail: str) -> None:
    with scripted({"/v1/customization/jobs": answer}, default=(200, LIST)) as server:
        found = findings(server.url)
    assert problems(found) == ["Customizer, answers"]
    assert detail in found["Customizer, answers"].detail
    assert found["Customizer, answers"].remedy


@pytest.mark.parametrize(
    ("answer", "status", "detail"),
    [
        ((404, ""), Status.SKIPPED, "does not route /v1/health/ready, /health (404)"),
        ((200, {"ready": False, "message": "loading"}), Status.PROBLEM, "GET /v1/health/ready says loading"),
        ((200, {"status": "unhealthy"}), Status.PROBLEM, "says unhealthy"),
        ((200, "OK"), Status.OK, "/v1/health/ready"),
        ((200, {"status": "healthy"}), Status.OK, "/v1/health/ready"),
    ],
)
def test_health_is_what_the_services_say_where_it_is_routed(
    answer: Answer, status: Status, detail: str
) -> None:
    with scripted({"/v1/health/ready": answer, "/health": (404, "")}, default=(200, LIST)) as server:
        health = findings(server.url)["NeMo platform, health"]
    assert health.status is status
    assert detail in health.detail


def test_the_entity_store_is_not_taken_for_the_nim_proxy(platform: Tenant) -> None:
    found = nim_findings(platform.nemo_url)
    assert problems(found) == ["NIM proxy, models"]
    assert "is that of the Entity Store" in found["NIM proxy, models"].detail
    assert platform.nemo_url in found["NIM proxy, models"].remedy
    assert found["NIM proxy, version"].status is Status.SKIPPED


@pytest.mark.parametrize(
    ("answer", "detail"), [((200, {"models": []}), "no list of models"), ((401, {}), "401: no reason")]
)
def test_a_nim_proxy_that_lists_no_models_is_a_problem(answer: Answer, detail: str) -> None:
    with scripted({"/v1/models": answer}) as server:
        found = nim_findings(server.url)
    assert problems(found) == ["NIM proxy, models"]
    assert detail in found["NIM proxy, models"].detail


def test_a_nim_proxy_that_tells_no_version_is_not_wrong() -> None:
    with scripted({"/v1/models": (200, {"object": "list", "data": [{"id": "a/b"}]})}) as server:
        found = nim_findings(server.url)
    assert problems(found) == []
    assert found["NIM proxy, models"].detail == "1 served: a/b"
    assert found["NIM proxy, version"].status is Status.SKIPPED


def test_a_data_store_that_is_none_or_refuses_is_a_problem_that_names_what_to_mend(
    start_platform: StartPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    with scripted({}) as other:
        found = datastore_findings(other.url)
    assert problems(found) == ["Data Store, files"]
    assert f"no Hugging Face API at {other.url}/v1/hf" in found["Data Store, files"].detail
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    found = datastore_findings(start_platform(bearer_token="right").datastore_url)
    assert problems(found) == ["Data Store, files"]
    assert "environment variable HF_TOKEN was refused" in found["Data Store, files"].remedy
    assert TOKEN not in str(found)
