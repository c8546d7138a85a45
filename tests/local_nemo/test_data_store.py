"""The Data Store's wire, where the hub's client does not show it."""

import base64
import hashlib
import json

import httpx
import pytest

from include.local_nemo.datastore import Location, NotFound, parse_hf_url
from include.local_nemo.platform import Platform
from include.local_nemo.testing import running_platform

HF = "/v1/hf"
INFO = f"{HF}/api/datasets/shop/logs"


@pytest.fixture(scope="module", autouse=True)
def repository(data_store: httpx.Client) -> None:
    data_store.post("/v1/datastore/namespaces", json={"namespace": "shop"}).raise_for_status()
    body = {"name": "logs", "organization": "shop", "type": "dataset"}
    assert data_store.post(f"{HF}/api/repos/create", json=body).json()["url"] == "datasets/shop/logs"


def commit(
    client: httpx.Client, *operations: tuple[str, dict[str, object]], to: str = f"{INFO}/commit/main"
) -> httpx.Response:
    lines = [{"key": "header", "value": {"summary": "s", "description": ""}}]
    lines += [{"key": key, "value": value} for key, value in operations]
    return client.post(
        to, content="\n".join(map(json.dumps, lines)), headers={"content-type": "application/x-ndjson"}
    )


def added(path: str, content: bytes = b"x") -> tuple[str, dict[str, object]]:
    return "file", {"path": path, "encoding": "base64", "content": base64.b64encode(content).decode()}


def test_a_namespace_is_created_by_form_or_json_and_read_with_201(data_store: httpx.Client) -> None:
    by_form = data_store.post("/v1/datastore/namespaces", data={"namespace": "by-form"})
    by_json = data_store.post("/v1/datastore/namespaces", json={"namespace": "by-json"})
    assert (by_form.status_code, by_json.status_code) == (201, 201)
    for name in ("by-form", "by-json"):
        read = data_store.get(f"/v1/datastore/namespaces/{name}")
        assert read.status_code == 201  # sic, as the real one
        assert read.json().keys() == {"namespace", "created_at", "updated_at"}
        assert read.json()["created_at"].endswith("Z")
        assert len(read.json()["created_at"]) == len("2025-04-18T02:59:14Z")
    assert data_store.post("/v1/datastore/namespaces", data={"namespace": "by-form"}).status_code == 409
    assert data_store.post("/v1/datastore/namespaces", json={}).status_code == 422
    assert {n["namespace"] for n in data_store.get("/v1/datastore/namespaces").json()["data"]} >= {
        "by-form",
        "by-json",
    }


def test_a_namespace_is_deleted_only_when_it_is_empty(data_store: httpx.Client) -> None:
    data_store.post("/v1/datastore/namespaces", json={"namespace": "gone"}).raise_for_status()
    assert data_store.delete("/v1/datastore/namespaces/gone").json()["id"] == "gone"
    assert data_store.get("/v1/datastore/namespaces/gone").status_code == 404
    assert data_store.delete("/v1/datastore/namespaces/gone").status_code == 404
    assert data_store.delete("/v1/datastore/namespaces/shop").status_code == 409


def test_a_commit_answers_with_a_relative_url(data_store: httpx.Client) -> None:
    answer = commit(data_store, added("a.jsonl", b"one\n")).json()
    assert answer["success"] is True
    assert answer["commitUrl"] == f"datasets/shop/logs/commit/{answer['commitOid']}"
    assert data_store.get(INFO).json()["sha"] == answer["commitOid"]


def test_a_file_is_downloaded_with_the_headers_that_the_client_reads(data_store: httpx.Client) -> None:
    content = b"two\n"
    sha = commit(data_store, added("b.jsonl", content)).json()["commitOid"]
    git = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
    for revision in ("main", sha):
        url = f"{HF}/datasets/shop/logs/resolve/{revision}/b.jsonl"
        head, read = data_store.head(url), data_store.get(url)
        for answer in (head, read):
            assert answer.status_code == 200
            assert answer.headers["etag"] == f'"{git}"'
            assert answer.headers["x-repo-commit"] == sha
            assert answer.headers["content-length"] == str(len(content))
        assert read.content == content
    part = data_store.get(f"{HF}/datasets/shop/logs/resolve/main/b.jsonl", headers={"range": "bytes=1-2"})
    assert (part.status_code, part.content) == (206, b"wo")


@pytest.mark.parametrize(
    ("path", "code"),
    [
        (f"{HF}/api/datasets/shop/nothing", "RepoNotFound"),
        (f"{HF}/api/models/shop/logs", "RepoNotFound"),
        (f"{INFO}/revision/v9", "RevisionNotFound"),
        (f"{INFO}/tree/v9", "RevisionNotFound"),
        (f"{INFO}/tree/main/nowhere", "EntryNotFound"),
        (f"{HF}/datasets/shop/logs/resolve/main/nowhere", "EntryNotFound"),
        (f"{HF}/datasets/shop/logs/resolve/refs%2Fpr%2F1/a", "RevisionNotFound"),
        (f"{HF}/shop/logs/resolve/main/a", "RepoNotFound"),
        # Repositories without a namespace, which other hubs have.
        (f"{HF}/api/datasets/single", "RepoNotFound"),
        (f"{HF}/api/models/single", "RepoNotFound"),
        (f"{HF}/api/datasets/single/revision/main", "RepoNotFound"),
        (f"{HF}/api/datasets/single/tree/main", "RepoNotFound"),
        (f"{HF}/datasets/single/resolve/main/a", "RepoNotFound"),
        (f"{HF}/single/resolve/main/a", "RepoNotFound"),
    ],
)
def test_a_404_names_what_is_missing_in_a_header(data_store: httpx.Client, path: str, code: str) -> None:
    answer = data_store.get(path)
    assert answer.status_code == 404
    assert answer.headers["x-error-code"] == code
    assert answer.json()["error"]


def test_a_repository_needs_its_namespace_and_is_created_once(data_store: httpx.Client) -> None:
    create = f"{HF}/api/repos/create"
    logs = {"name": "logs", "organization": "shop", "type": "dataset"}
    assert data_store.post(create, json=logs).status_code == 409
    assert data_store.post(create, json={**logs, "organization": "nobody"}).status_code == 404
    for name in ("logs", "", "a/b/c", "shop/..", 5):
        assert data_store.post(create, json={"name": name}).status_code == 400
    assert data_store.post(create, json={**logs, "name": "a/b"}).status_code == 400
    assert data_store.post(create, json={**logs, "type": "space"}).status_code == 400
    # The same name as a model is another repository.
    assert data_store.post(create, json={"name": "logs", "organization": "shop"}).json()["url"] == "shop/logs"


def test_a_deleted_repository_is_gone_with_its_files(data_store: httpx.Client, platform: Platform) -> None:
    platform.datastore.commit("dataset", "shop/short", {"a": b"1"})
    body = {"name": "short", "organization": "shop", "type": "dataset"}
    deleted = data_store.request("DELETE", f"{HF}/api/repos/delete", json=body)
    assert deleted.status_code == 200
    assert not platform.datastore.exists("dataset", "shop/short")
    platform.datastore.create_repo("dataset", "shop/short")
    assert platform.datastore.list_files("dataset", "shop/short") == []
    missing = data_store.request("DELETE", f"{HF}/api/repos/delete", json={**body, "name": "never"})
    assert (missing.status_code, missing.headers["x-error-code"]) == (404, "RepoNotFound")


@pytest.mark.parametrize(
    "operation",
    [
        added("../escape"),
        added("/absolute"),
        added("a//b"),
        added(""),
        ("file", {"path": "x", "encoding": "base64", "content": "not base64!"}),
        added("good.jsonl/below"),
        ("lfsFile", {"path": "x", "algo": "sha256", "oid": "0" * 64, "size": 1}),
        ("lfsFile", {"path": "x", "algo": "sha256", "oid": "../../platform.sqlite", "size": 1}),
        ("copyFile", {"path": "x", "srcPath": "y"}),
        ("file", {}),
    ],
)
def test_a_commit_that_cannot_be_changes_nothing(
    data_store: httpx.Client, operation: tuple[str, dict[str, object]]
) -> None:
    before = data_store.get(INFO).json()
    answer = commit(data_store, added("good.jsonl"), operation)
    assert answer.status_code == 400
    assert answer.json()["error"]
    assert data_store.get(INFO).json() == before


def test_a_path_is_a_file_or_a_folder_and_may_change_from_one_to_the_other(data_store: httpx.Client) -> None:
    commit(data_store, added("either/file")).raise_for_status()
    assert commit(data_store, added("either")).status_code == 400
    assert commit(data_store, added("either/file/below")).status_code == 400
    commit(data_store, ("deletedFile", {"path": "either/file"}), added("either")).raise_for_status()
    names = [file["rfilename"] for file in data_store.get(INFO).json()["siblings"]]
    assert [name for name in names if name.startswith("either")] == ["either"]


def test_a_large_file_has_the_size_that_a_commit_says(data_store: httpx.Client, platform: Platform) -> None:
    oid = platform.datastore.blobs.write([b"12345"])
    for size, status in ((4, 400), ("five", 400), (5, 200)):
        value = {"path": "sized", "algo": "sha256", "oid": oid, "size": size}
        assert commit(data_store, ("lfsFile", value)).status_code == status


def test_an_object_is_verified_by_its_size(data_store: httpx.Client, platform: Platform) -> None:
    stored, absent = platform.datastore.blobs.write([b"12345"]), "0" * 64
    for oid, body, status in (
        (stored, {"oid": stored, "size": 5}, 200),
        (stored, {"oid": stored, "size": 4}, 404),
        (stored, {"oid": absent, "size": 5}, 404),
        (stored, {"oid": stored}, 400),
        (absent, {"oid": absent, "size": 5}, 404),
        (absent, {"oid": absent}, 400),
        (absent, {"oid": absent, "size": None}, 400),
    ):
        assert data_store.post(f"{HF}/lfs/objects/{oid}/verify", json=body).status_code == status, body


def test_large_files_go_to_the_address_at_which_the_client_found_the_platform(
    data_store: httpx.Client, platform: Platform
) -> None:
    objects = [{"oid": "1" * 64, "size": 1}]
    url = f"{HF}/datasets/shop/logs.git/info/lfs/objects/batch"
    answer = data_store.post(url, json={"objects": objects}, headers={"host": "data-store.test:8080"})
    for action in answer.json()["objects"][0]["actions"].values():
        assert action["href"].startswith(f"http://data-store.test:8080{HF}/lfs/objects/")
    found = data_store.post(url, json={"objects": objects}).json()["objects"][0]["actions"]
    assert found["upload"]["href"].startswith(f"{platform.datastore_url}{HF}/lfs/objects/")


def test_a_readme_is_always_valid(data_store: httpx.Client) -> None:
    answer = data_store.post(f"{HF}/api/validate-yaml", json={"content": "---", "repoType": "dataset"})
    assert (answer.status_code, answer.json()) == (200, {"errors": [], "warnings": []})


def test_the_branches_of_a_repository_are_its_refs(data_store: httpx.Client) -> None:
    sha = commit(data_store, added("refs.jsonl")).json()["commitOid"]
    assert data_store.get(f"{INFO}/refs").json() == {
        "branches": [{"name": "main", "ref": "refs/heads/main", "targetCommit": sha}],
        "tags": [],
        "converts": [],
    }


@pytest.mark.parametrize("expand", ["True", "False", "true", "false", None])
def test_paths_are_looked_up_by_form_or_json(data_store: httpx.Client, expand: str | None) -> None:
    commit(data_store, added("info/a.txt", b"one"), added("info/b.txt", b"three")).raise_for_status()
    url, wanted = f"{INFO}/paths-info/main", ["info/a.txt", "info", "nowhere"]
    form = {"paths": wanted} | ({"expand": expand} if expand else {})
    by_form = data_store.post(url, data=form).json()
    assert [(entry["type"], entry["path"], entry["size"]) for entry in by_form] == [
        ("file", "info/a.txt", 3),
        ("directory", "info", 0),
    ]
    assert all(("lastCommit" in entry) == (expand in ("True", "true")) for entry in by_form)
    assert [entry["path"] for entry in data_store.post(url, data={"paths": "info/b.txt"}).json()] == [
        "info/b.txt"
    ]
    assert (
        data_store.post(url, json={"paths": wanted}).json()
        == data_store.post(url, data={"paths": wanted}).json()
    )


def test_a_large_file_cannot_name_a_file_of_the_platform(
    data_store: httpx.Client, platform: Platform
) -> None:
    state = platform.settings.state_dir
    oid = f"../{state.name}/platform.sqlite"
    assert (state / "blobs" / oid[:2] / oid).exists()
    answer = commit(data_store, ("lfsFile", {"path": "x", "algo": "sha256", "oid": oid, "size": 1}))
    assert answer.status_code == 400


def test_a_commit_may_delete_what_is_there_only(data_store: httpx.Client, platform: Platform) -> None:
    commit(data_store, added("x/1"), added("x/2"), added("xy")).raise_for_status()
    assert commit(data_store, ("deletedFile", {"path": "nowhere"})).headers["x-error-code"] == "EntryNotFound"
    commit(data_store, ("deletedFolder", {"path": "x/"})).raise_for_status()
    left = platform.datastore.list_files("dataset", "shop/logs")
    assert "xy" in left
    assert not [path for path in left if path.startswith("x/")]
    absent = commit(data_store, added("a"), to=f"{INFO}/commit/feature")
    assert (absent.status_code, absent.headers["x-error-code"]) == (404, "RevisionNotFound")


def test_a_model_keeps_each_adapter_under_its_own_revision(
    data_store: httpx.Client, platform: Platform
) -> None:
    files = {"adapter_config.json": b"{}"}
    sha = platform.datastore.commit("model", "shop/tuned", files, revision="cust-1")
    platform.datastore.commit("model", "shop/tuned", {"other": b"2"}, revision="cust-2")
    assert platform.datastore.list_files("model", "shop/tuned", "cust-1") == ["adapter_config.json"]
    assert platform.datastore.list_files("model", "shop/tuned", "cust-2") == ["other"]
    assert platform.datastore.list_files("model", "shop/tuned") == []
    read = data_store.get(f"{HF}/shop/tuned/resolve/cust-1/adapter_config.json")
    assert (read.content, read.headers["x-repo-commit"]) == (b"{}", sha)
    names = [b["name"] for b in data_store.get(f"{HF}/api/models/shop/tuned/refs").json()["branches"]]
    assert names == ["main", "cust-1", "cust-2"]
    assert data_store.get(f"{HF}/api/models/shop/tuned/revision/cust-1").json()["sha"] == sha


def test_large_files_go_through_signed_addresses_without_credentials() -> None:
    content = b"large" * 1000
    oid = hashlib.sha256(content).hexdigest()
    batch_of = {
        "operation": "upload",
        "transfers": ["basic"],
        "objects": [{"oid": oid, "size": len(content)}],
    }
    with running_platform(bearer_token="t", upload_mode="lfs") as platform:
        platform.datastore.create_namespace("shop")
        platform.datastore.create_repo("dataset", "shop/large")
        auth = {"Authorization": "Bearer t"}
        with httpx.Client(base_url=platform.datastore_url) as client:
            files = {"files": [{"path": "big", "sample": "", "size": 1}]}
            asked = client.post(
                f"{HF}/api/datasets/shop/large/preupload/main", json=files, headers=auth
            ).json()
            assert asked["files"] == [
                {"path": "big", "uploadMode": "lfs", "shouldIgnore": False, "oid": None}
            ]

            batch_url = f"{HF}/datasets/shop/large.git/info/lfs/objects/batch"
            batch = client.post(batch_url, json=batch_of, headers=auth)
            assert batch.headers["content-type"].startswith("application/vnd.git-lfs+json")
            assert batch.json()["transfer"] == "basic"
            actions = batch.json()["objects"][0]["actions"]
            upload, verify = actions["upload"]["href"], actions["verify"]["href"]
            early = client.post(verify, json={"oid": oid, "size": len(content)}, headers=auth)
            assert early.status_code == 404
            assert client.put(upload, content=b"something else").status_code == 422
            assert client.put(upload.split("?")[0], content=content).status_code == 403
            assert client.put(upload, content=content).status_code == 200
            assert (
                client.post(verify, json={"oid": oid, "size": len(content)}, headers=auth).status_code == 200
            )

            again = client.post(batch_url, json=batch_of, headers=auth).json()["objects"][0]
            assert "actions" not in again
            client.headers.update(auth)
            to = f"{HF}/api/datasets/shop/large/commit/main"
            value: dict[str, object] = {"path": "big", "algo": "sha256", "oid": oid, "size": len(content)}
            commit(client, ("lfsFile", value), to=to).raise_for_status()
            head = client.head(f"{HF}/datasets/shop/large/resolve/main/big")
            assert head.headers["x-linked-etag"] == f'"{oid}"'
            assert head.headers["x-linked-size"] == str(len(content))
            tree = client.get(f"{HF}/api/datasets/shop/large/tree/main").json()
            assert tree[0]["lfs"] == {"oid": oid, "size": len(content), "pointerSize": 134}


@pytest.mark.parametrize(
    ("url", "location"),
    [
        (
            "hf://datasets/shop/logs/testing/eval.jsonl",
            Location("dataset", "shop/logs", "testing/eval.jsonl", "main"),
        ),
        ("hf://datasets/shop/logs", Location("dataset", "shop/logs", "", "main")),
        ("hf://datasets/shop/logs@abc/x", Location("dataset", "shop/logs", "x", "abc")),
        ("hf://shop/tuned@cust-1", Location("model", "shop/tuned", "", "cust-1")),
        ("hf://models/shop/tuned", Location("model", "shop/tuned", "", "main")),
    ],
)
def test_hf_addresses_are_taken_apart(url: str, location: Location) -> None:
    assert parse_hf_url(url) == location


@pytest.mark.parametrize(
    "url", ["shop/logs", "hf://", "hf://datasets/shop", "https://x/datasets/a/b", "hf:///a/b"]
)
def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match="not an address like"):
        parse_hf_url(url)


def test_reading_what_is_missing_says_what(platform: Platform) -> None:
    for call, code in (
        (lambda: platform.datastore.read("dataset", "shop/never", "x"), "RepoNotFound"),
        (lambda: platform.datastore.read("dataset", "shop/logs", "x", "v9"), "RevisionNotFound"),
        (lambda: platform.datastore.read("dataset", "shop/logs", "never"), "EntryNotFound"),
    ):
        with pytest.raises(NotFound) as caught:
            call()
        assert caught.value.code == code
