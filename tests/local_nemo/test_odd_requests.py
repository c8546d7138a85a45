"""Requests that no honest client sends are refused, and never taken for a fault of the platform."""

import base64
import http.client
import json
import threading
from urllib.parse import urlsplit

import httpx
import pytest

from include.local_nemo.testing import running_platform

HF = "/v1/hf"
REPO = f"{HF}/api/datasets/shop/logs"
BATCH = f"{HF}/datasets/shop/logs.git/info/lfs/objects/batch"
OID = "a" * 64
LISTS = {
    "nemo": (
        "/v1/namespaces",
        "/v1/projects",
        "/v1/customization/jobs",
        "/v1/evaluation/jobs",
        "/v1/deployment/model-deployments",
    ),
    "data_store": ("/v1/datastore/namespaces",),
}


@pytest.fixture(scope="module", autouse=True)
def repository(platform):
    platform.datastore.commit("dataset", "shop/logs", {"a.jsonl": b"{}\n"})


def refused(answer):
    """Return whether the answer says that the request is wrong, with a reason in the shape of its service."""
    said = answer.json()
    return 400 <= answer.status_code < 500 and bool(said.get("detail") or said.get("error"))


@pytest.mark.parametrize("files", [[1], [{}], 5, None, [{"path": 5}]])
def test_a_preupload_of_odd_files_is_refused(data_store, files):
    assert refused(data_store.post(f"{REPO}/preupload/main", json={"files": files}))


@pytest.mark.parametrize("paths", [[{}], 5, None, [1]])
def test_odd_paths_are_refused(data_store, paths):
    assert refused(data_store.post(f"{REPO}/paths-info/main", json={"paths": paths}))


@pytest.mark.parametrize(
    "objects",
    [
        [1],
        [{}],
        5,
        None,
        [{"oid": 5, "size": 1}],
        [{"oid": OID}],
        [{"oid": "x", "size": 1}],
        [{"oid": OID, "size": "9" * 40}],
    ],
)
def test_a_batch_of_odd_objects_is_refused(data_store, objects):
    assert refused(data_store.post(BATCH, json={"operation": "upload", "objects": objects}))


@pytest.mark.parametrize(
    "operation",
    [
        {"key": "file", "value": {"path": "x", "encoding": "base64", "content": "é"}},
        {"key": "file", "value": {"path": "x", "encoding": "base64", "content": 5}},
        {"key": "file", "value": {"path": 5, "content": ""}},
        {"key": "lfsFile", "value": {"path": "x", "oid": 5, "size": 1}},
        {"key": "lfsFile", "value": {"path": "x", "oid": None}},
        {"key": "deletedFile", "value": {"path": None}},
        {"key": "deletedFolder", "value": {"path": 5}},
        {"key": "file", "value": 5},
        {"key": 5, "value": {}},
        {"value": {}},
        [1],
        5,
    ],
    ids=str,
)
def test_an_odd_operation_of_a_commit_is_refused(data_store, operation):
    before = data_store.get(REPO).json()["sha"]
    added = {"path": "y", "content": base64.b64encode(b"y").decode()}
    lines = [{"key": "header", "value": {"summary": "s"}}, {"key": "file", "value": added}, operation]
    answer = data_store.post(f"{REPO}/commit/main", content="\n".join(map(json.dumps, lines)))
    assert answer.status_code == 400
    assert answer.json()["error"]
    assert data_store.get(REPO).json()["sha"] == before


@pytest.mark.parametrize("query", ["?signature=%C3%A9", "?signature=%ff", ""])
def test_an_upload_with_an_odd_signature_is_refused(data_store, query):
    assert data_store.put(f"{HF}/lfs/objects/{OID}{query}", content=b"x").status_code == 403


@pytest.mark.parametrize("content", [b"namespace=\xff\xfe", b"\xff", b"{", b""])
@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "application/json"])
def test_a_body_that_is_no_text_is_refused(data_store, content, kind):
    answer = data_store.post("/v1/datastore/namespaces", content=content, headers={"content-type": kind})
    assert answer.status_code == 422
    assert isinstance(answer.json()["detail"], list)


@pytest.mark.parametrize("number", ["²", "9" * 5000, "1.5", "-1", "", "٣"])
@pytest.mark.parametrize("name", ["page", "page_size"])
def test_an_odd_page_is_refused(request, name, number):
    for port, paths in LISTS.items():
        client = request.getfixturevalue(port)
        for path in paths:
            answer = client.get(path, params={name: number})
            assert answer.status_code == 422
            assert answer.json()["detail"][0]["loc"] == ["query", name]


def test_a_page_far_beyond_the_end_is_empty(nemo):
    answer = nemo.get("/v1/projects", params={"page": "9" * 18, "page_size": "9" * 18})
    assert (answer.status_code, answer.json()["data"]) == (200, [])


@pytest.mark.parametrize("path", ["/chat/completions", "/completions", "/embeddings"])
def test_a_question_that_is_nested_too_deeply_is_refused(nim, path):
    deep = "[" * 500 + "]" * 500
    answer = nim.post(f"/v1{path}", content=f'{{"model": "x", "messages": {deep}}}')
    assert (answer.status_code, answer.json()["object"]) == (400, "error")


def test_a_fault_of_the_platform_is_told_in_its_shape_on_a_connection_that_stays_good():
    with running_platform() as platform:
        platform.store.freeze()  # so that whatever reads or writes goes wrong
        for url, path in (
            (platform.nemo_url, "/v1/projects"),
            (platform.datastore_url, "/v1/datastore/namespaces"),
            (platform.nim_url, "/v1/models"),
        ):
            connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
            connection.connect()
            socket = connection.sock
            for _ in range(2):
                connection.request("GET", path)
                answer = connection.getresponse()
                assert answer.status == 500
                assert json.loads(answer.read()) == {"detail": "Internal Server Error"}
            connection.request("GET", "/health")
            assert connection.getresponse().status == 200
            assert connection.sock is socket
            connection.close()


def test_of_many_creates_of_one_name_exactly_one_succeeds(platform):
    bodies = {
        "/v1/namespaces": {"id": "race"},
        "/v1/projects": {"name": "race"},
        "/v1/customization/targets": {"name": "race", "num_parameters": 1, "precision": "bf16"},
        "/v1/evaluation/targets": {"name": "race", "type": "model"},
    }
    start = threading.Barrier(8)
    found = []

    def create():
        with httpx.Client(base_url=platform.nemo_url, timeout=30, verify=False) as client:
            start.wait()
            found.extend((path, client.post(path, json=body).status_code) for path, body in bodies.items())

    threads = [threading.Thread(target=create) for _ in range(start.parties)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for path in bodies:
        codes = sorted(code for asked, code in found if asked == path)
        assert codes == [200, *[409] * (start.parties - 1)], path
