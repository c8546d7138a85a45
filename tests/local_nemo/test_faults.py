"""Faults happen where the plan says, in the same way every time."""

import json
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from include.local_nemo.faults import Faults
from include.local_nemo.platform import Platform
from include.local_nemo.store import Store
from include.local_nemo.testing import running_platform, wait_until

Rules = Sequence[Mapping[str, object]]


def plan(folder: Path, rules: Rules) -> Path:
    path = folder / "plan.json"
    path.write_text(json.dumps(list(rules)))
    return path


@contextmanager
def broken(folder: Path, *rules: Mapping[str, object]) -> Iterator[tuple[Platform, httpx.Client]]:
    with (
        running_platform(faults=plan(folder, list(rules))) as platform,
        httpx.Client(base_url=platform.nemo_url) as client,
    ):
        yield platform, client


def test_the_nth_request_gets_the_planned_answer(tmp_path: Path) -> None:
    rule = {
        "method": "GET",
        "path": "/v1/namespaces/.*",
        "nth": [1, 3],
        "action": {"status": 503, "body": "starting", "headers": {"Retry-After": "1"}},
    }
    with broken(tmp_path, rule) as (_, nemo):
        nemo.post("/v1/namespaces", json={"id": "a"}).raise_for_status()
        answers = [nemo.get("/v1/namespaces/a") for _ in range(4)]
        assert [answer.status_code for answer in answers] == [503, 200, 503, 200]
        assert answers[0].headers["retry-after"] == "1"
        assert answers[0].text == "starting"
        assert nemo.get("/v1/namespaces").status_code == 200


def test_a_lost_answer_does_the_work_and_drops_the_connection(tmp_path: Path) -> None:
    rule = {"method": "POST", "path": "/v1/projects", "nth": [1], "action": "lose_answer"}
    with broken(tmp_path, rule) as (_, nemo):
        with pytest.raises(httpx.RemoteProtocolError):
            nemo.post("/v1/projects", json={"name": "p"})
        assert nemo.get("/v1/projects/default/p").status_code == 200
        assert nemo.post("/v1/projects", json={"name": "p"}).status_code == 409


def test_a_reset_connection_does_no_work(tmp_path: Path) -> None:
    rule = {"method": "POST", "path": "/v1/projects", "nth": [1], "action": "reset"}
    with broken(tmp_path, rule) as (platform, nemo):
        url = httpx.URL(platform.nemo_url)
        # Sent whole, before the server can look at it: a client still sending meets the reset there, and an end after it.
        request = b"POST /v1/projects HTTP/1.1\r\nHost: x\r\nContent-Length: 12\r\n\r\n" + b'{"name":"p"}'
        with socket.create_connection((url.host, url.port), timeout=10) as connection:
            connection.sendall(request)
            with pytest.raises(ConnectionResetError):
                connection.recv(1)
        assert nemo.get("/v1/projects/default/p").status_code == 404


def test_a_delayed_request_is_answered_later(tmp_path: Path) -> None:
    with broken(tmp_path, {"path": "/v1/projects", "action": {"delay": 0.2}}) as (_, nemo):
        assert nemo.get("/v1/projects").elapsed.total_seconds() >= 0.2
        with pytest.raises(httpx.ReadTimeout):
            nemo.get("/v1/projects", timeout=0.05)


def test_a_rule_can_be_for_one_service_only(tmp_path: Path) -> None:
    rule = {"path": "/v1/health", "service": "nim", "action": {"status": 500, "body": {"detail": "x"}}}
    with broken(tmp_path, rule) as (platform, nemo):
        assert nemo.get("/v1/health").status_code == 200
        assert httpx.get(platform.nim_url + "/v1/health").json() == {"detail": "x"}


def test_probabilities_fall_the_same_way_for_the_same_seed(tmp_path: Path) -> None:
    rules: Rules = [{"path": "/x", "nth": 0.5, "action": "reset"}]

    def falls(seed: int, name: str) -> list[bool]:
        faults = Faults.load(plan(tmp_path, rules), seed, Store(tmp_path / name))
        return [faults.request_action("nemo", "GET", "/x") is not None for _ in range(40)]

    assert falls(1, "a") == falls(1, "b")
    assert falls(1, "c") != falls(2, "d")
    assert 5 < sum(falls(1, "e")) < 35


def test_a_job_keeps_its_number_and_its_fate_across_restarts(tmp_path: Path) -> None:
    rules: Rules = [{"kind": "customization", "nth": [2], "fail": "out of memory"}]
    store = Store(tmp_path / "s.sqlite")
    faults = Faults.load(plan(tmp_path, rules), 0, store)
    assert faults.job_failure("customization", "a") is None
    assert faults.job_failure("evaluation", "b") is None
    assert faults.job_failure("customization", "b") == "out of memory"
    again = Faults.load(plan(tmp_path, rules), 0, store)
    assert again.job_failure("customization", "b") == "out of memory"
    assert again.job_failure("customization", "a") is None


def test_a_deployment_fails_by_plan_and_frees_its_gpus(tmp_path: Path) -> None:
    rule: dict[str, object] = {"kind": "deployment", "name": "shop/.*", "fail": "node went away"}
    path = "/v1/deployment/model-deployments"
    nim = {"gpu": 1, "image_name": "i", "image_tag": "1"}
    body = {"name": "d", "namespace": "shop", "config": {"model": "local/student-s", "nim_deployment": nim}}
    with broken(tmp_path, rule) as (platform, nemo):
        nemo.post(path, json=body).raise_for_status()

        def failed() -> bool:
            details = nemo.get(f"{path}/shop/d").json()["status_details"]
            return bool(details == {"status": "failed", "description": "node went away"})

        wait_until(failed)
        assert platform.cluster.in_use() == {}


@pytest.mark.parametrize(
    "text", ["{", '[{"path": "/x"}]', '[{"path": "/x", "action": "explode"}]', '[{"kind": "x", "fail": "y"}]']
)
def test_a_plan_that_cannot_be_read_names_its_file(tmp_path: Path, text: str) -> None:
    path = tmp_path / "plan.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"plan\.json is not a plan of faults"):
        Faults.load(path, 0, Store(tmp_path / "s.sqlite"))
