"""With a token set, only who brings it gets in."""

from collections.abc import Iterator

import httpx
import pytest
import requests
from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError

from include.local_nemo.platform import Platform
from include.local_nemo.testing import running_platform


@pytest.fixture(scope="module")
def guarded() -> Iterator[Platform]:
    with running_platform(bearer_token="right") as platform:
        platform.datastore.create_namespace("shop")
        yield platform


@pytest.mark.parametrize("header", [None, "", "Bearer ", "Bearer wrong", "right", "Basic right"])
def test_a_request_without_the_token_is_refused_on_every_port(guarded: Platform, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    for url in (
        f"{guarded.nemo_url}/v1/projects",
        f"{guarded.nim_url}/v1/models",
        f"{guarded.datastore_url}/v1/datastore/namespaces",
        f"{guarded.datastore_url}/v1/hf/api/datasets/shop/x",
    ):
        answer = requests.get(url, headers=headers, timeout=5)
        assert answer.status_code == 401
        assert answer.json() == {"detail": "Unauthorized"}
        assert answer.headers["www-authenticate"] == "Bearer"


def test_the_token_opens_every_port_and_health_is_open_anyway(guarded: Platform) -> None:
    headers = {"Authorization": "Bearer right"}
    assert httpx.get(f"{guarded.nemo_url}/v1/projects", headers=headers).status_code == 200
    assert httpx.get(f"{guarded.nim_url}/v1/models", headers=headers).status_code == 200
    for url in (guarded.nemo_url, guarded.nim_url, guarded.datastore_url):
        assert httpx.get(f"{url}/v1/health/ready").status_code == 200


def test_of_large_files_only_the_upload_needs_no_token(guarded: Platform) -> None:
    address = f"{guarded.datastore_url}/v1/hf/lfs/objects/{'0' * 64}"
    unsigned = httpx.put(address, content=b"x")
    assert unsigned.status_code == 403, "asked for its signature, not for the token"
    assert httpx.get(address).status_code == 401
    assert httpx.post(f"{address}/verify", json={}).status_code == 401


def test_the_hubs_client_gets_in_with_its_token_only(guarded: Platform) -> None:
    endpoint = f"{guarded.datastore_url}/v1/hf"
    HfApi(endpoint=endpoint, token="right").create_repo("shop/logs", repo_type="dataset")
    with pytest.raises(HfHubHTTPError, match="401"):
        HfApi(endpoint=endpoint, token="wrong").repo_info("shop/logs", repo_type="dataset")
