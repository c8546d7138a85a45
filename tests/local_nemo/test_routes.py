"""The map of the wire: every documented route is there, and well-known wrong ones are not."""

import httpx
import pytest

from include.local_nemo.platform import Platform

NO_SUCH_ROUTE = ({"detail": "Not Found"}, {"error": "Not Found"})
"""What an app says about a path it does not know; a route that misses an object says more."""

NEMO = """
POST,GET         /v1/namespaces
GET,PATCH,DELETE /v1/namespaces/nobody
POST,GET         /v1/projects
GET,PATCH,DELETE /v1/projects/nobody/x y
POST,GET         /v1/datasets
GET,PATCH,DELETE /v1/datasets/nobody/x
POST,GET         /v1/models
GET,PATCH,DELETE /v1/models/nobody/x@v1.0.0+dfw
POST,GET         /v1/customization/configs
GET,PATCH,DELETE /v1/customization/configs/nobody/x@v1.0.0+dfw
POST,GET         /v1/customization/targets
GET,PATCH,DELETE /v1/customization/targets/nobody/x@2.0
POST,GET         /v1/customization/jobs
GET              /v1/customization/jobs/cust-x
GET              /v1/customization/jobs/cust-x/status
GET              /v1/customization/jobs/cust-x/container-logs
POST             /v1/customization/jobs/cust-x/cancel
POST,GET         /v1/evaluation/configs
GET,PATCH,DELETE /v1/evaluation/configs/nobody/x
POST,GET         /v1/evaluation/targets
GET,PATCH,DELETE /v1/evaluation/targets/nobody/x
POST,GET         /v1/evaluation/jobs
GET,DELETE       /v1/evaluation/jobs/eval-x
GET              /v1/evaluation/jobs/eval-x/status
GET              /v1/evaluation/jobs/eval-x/results
GET              /v1/evaluation/jobs/eval-x/download-results
GET              /v1/evaluation/jobs/eval-x/logs
POST             /v1/evaluation/jobs/eval-x/cancel
POST,GET         /v1/evaluation/results
GET,PATCH,DELETE /v1/evaluation/results/evaluation_result-x
POST             /v1/evaluation/live
POST,GET         /v1/deployment/model-deployments
GET,PATCH,DELETE /v1/deployment/model-deployments/nobody/x
POST,GET         /v1/deployment/configs
GET,PATCH,DELETE /v1/deployment/configs/nobody/x
"""
NIM = """
GET  /v1/models
POST /v1/chat/completions
POST /v1/completions
POST /v1/embeddings
"""
DATA_STORE = """
POST,GET   /v1/datastore/namespaces
GET,DELETE /v1/datastore/namespaces/nobody
POST       /v1/hf/api/repos/create
DELETE     /v1/hf/api/repos/delete
POST       /v1/hf/api/validate-yaml
GET        /v1/hf/api/{type}/nobody/x
GET        /v1/hf/api/{type}/nobody/x/revision/main
GET        /v1/hf/api/{type}/nobody/x/tree/main
GET        /v1/hf/api/{type}/nobody/x/tree/main/a/b
GET        /v1/hf/api/{type}/nobody/x/refs
POST       /v1/hf/api/{type}/nobody/x/preupload/main
POST       /v1/hf/api/{type}/nobody/x/commit/main
POST       /v1/hf/api/{type}/nobody/x/paths-info/main
HEAD,GET   /v1/hf/nobody/x/resolve/main/a/b
HEAD,GET   /v1/hf/datasets/nobody/x/resolve/main/a/b
POST       /v1/hf/nobody/x.git/info/lfs/objects/batch
POST       /v1/hf/datasets/nobody/x.git/info/lfs/objects/batch
"""
HEALTH = """
GET /health
GET /v1/health
GET /v1/health/live
GET /v1/health/ready
GET /v1/metadata
GET /v1/version
GET /v1/license
GET /v1/manifest
GET /v1/metrics
"""
WRONG = {
    "nemo": [
        ("POST", "/v1/customizations/cust-x/cancel"),
        ("POST", "/v1/customizer/jobs"),
        ("DELETE", "/v1/customization/jobs/cust-x"),
        ("POST", "/v1/chat/completions"),
        ("GET", "/v2/evaluation/jobs"),
        ("GET", "/v1/hf/api/datasets/a/b"),
    ],
    "nim": [("GET", "/v1/namespaces"), ("POST", "/v1/models"), ("GET", "/local/cluster")],
    "data_store": [("GET", "/v1/datasets"), ("GET", "/v1/models"), ("GET", "/v1/hf/api/datasets")],
}


def routes(table: str) -> list[tuple[str, str]]:
    """Return (method, path) for each line such as `POST,GET /path`; `{type}` stands for both kinds of repository."""
    found = []
    for line in filter(None, table.splitlines()):
        methods, path = line.split(maxsplit=1)
        for kind in ("datasets", "models") if "{type}" in path else ("",):
            found += [(method, path.replace("{type}", kind)) for method in methods.split(",")]
    return found


def asked(client: httpx.Client, method: str, path: str) -> httpx.Response:
    return client.request(method, path, json={} if method in ("POST", "PATCH", "DELETE") else None)


EVERY = [
    *(("nemo", *route) for route in routes(NEMO + HEALTH)),
    *(("nim", *route) for route in routes(NIM + HEALTH)),
    *(("data_store", *route) for route in routes(DATA_STORE + HEALTH)),
]


@pytest.mark.parametrize(("port", "method", "path"), EVERY, ids=lambda part: str(part))
def test_the_route_is_there(request: pytest.FixtureRequest, port: str, method: str, path: str) -> None:
    answer = asked(request.getfixturevalue(port), method, path)
    assert answer.status_code < 500
    assert answer.status_code != 405
    if answer.status_code == 404 and method == "HEAD":
        assert "x-error-code" in answer.headers
    elif answer.status_code == 404:
        assert answer.json() not in NO_SUCH_ROUTE


@pytest.mark.parametrize(
    ("port", "method", "path"), [(port, *route) for port, wrong in WRONG.items() for route in wrong]
)
def test_a_wrong_route_is_not_there(
    request: pytest.FixtureRequest, port: str, method: str, path: str
) -> None:
    answer = asked(request.getfixturevalue(port), method, path)
    assert answer.status_code in (404, 405)
    assert answer.json() in (*NO_SUCH_ROUTE, {"detail": "Method Not Allowed"})


def test_an_unknown_path_of_the_blueprint_is_a_plain_404(nemo: httpx.Client) -> None:
    assert nemo.post("/v1/customizations/cust-x/cancel").status_code == 404


@pytest.mark.parametrize("port", ["nemo", "nim", "data_store"])
def test_a_ready_service_says_so(request: pytest.FixtureRequest, port: str) -> None:
    client = request.getfixturevalue(port)
    assert client.get("/v1/health/ready").json() == {
        "object": "health.response",
        "message": "ready",
        "ready": True,
    }
    assert client.get("/health").json()["status"] == "healthy"


@pytest.mark.parametrize("port", ["nemo", "nim", "data_store"])
def test_every_service_says_what_it_is(request: pytest.FixtureRequest, port: str, platform: Platform) -> None:
    client = request.getfixturevalue(port)
    said = {path: client.get(f"/v1/{path}").json() for path in ("metadata", "version", "license", "manifest")}
    assert all(body == said["metadata"] for body in said.values())
    assert said["metadata"].keys() == {"name", "release", "api", "license"}
    assert said["metadata"]["name"] == "local-nemo"
    assert client.get("/v1/health/live").json() == {
        "object": "health.response",
        "message": "live",
        "live": True,
    }
    assert client.get("/v1/health").json().keys() == {"status", "timestamp"}
    gpus = {"gpus_total": platform.cluster.total, "gpus_in_use": 0}
    assert client.get("/v1/metrics").json() == gpus


def test_the_ports_are_written_where_others_find_them(platform: Platform) -> None:
    written = (platform.settings.state_dir / "ports.json").read_text()
    for url in (platform.nemo_url, platform.nim_url, platform.datastore_url):
        assert url.rsplit(":", 1)[1] in written
