"""Airflow connections: what they can say, what is wrong in them, and what is sent because of them."""

import base64
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from nemo_provider.errors import NemoAuthError, NemoConfigurationError, NemoNotFoundError
from nemo_provider.hooks.connections import wire_of
from nemo_provider.hooks.datastore import DatastoreHook
from nemo_provider.hooks.nemo import NemoHook
from nemo_provider.triggers.nemo import NemoJobTrigger
from tests.nemo_provider.conftest import StartPlatform
from tests.nemo_provider.ingress import Ingress, certificate, ingress
from tests.nemo_provider.support import Tenant

TOKEN = "s3cret-token-0123"


@dataclass
class Connection:
    """What Airflow hands to a hook."""

    host: str | None = "nemo.test"
    port: int | None = None
    schema: str | None = None
    login: str | None = None
    password: str | None = None
    conn_id: str = "nemo_x"


def test_a_connection_gives_port_path_headers_and_timeouts(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").touch()
    wire = wire_of(
        Connection("https://gw.test/nemo/", 8443, password="t0ken"),
        {"timeout": [1, 2], "verify": f"{tmp_path}/ca.pem", "X-Team": "a", "headers": {"X-B": 1}},
    )
    assert wire.base_url == "https://gw.test:8443/nemo"
    assert wire.timeout == (1.0, 2.0)
    assert wire.verify == f"{tmp_path}/ca.pem"
    assert dict(wire.headers) == {"X-Team": "a", "X-B": "1"}
    assert "t0ken" not in repr(wire)


def test_settings_may_be_texts_or_null() -> None:
    extra = {
        "verify": "False",
        "retries": "2",
        "retry_wait": "0.1",
        "timeout": "3",
        "headers": None,
        "X-Team": None,
    }
    wire = wire_of(Connection(), extra)
    assert (wire.verify, wire.retries, wire.retry_wait, wire.timeout) == (False, 2, 0.1, (3.0, 3.0))
    assert dict(wire.headers) == {}
    assert wire_of(Connection(), {"verify_ssl": "true", "proxy": ""}).verify is True


@pytest.mark.parametrize(
    ("extra", "key"),
    [
        ({"retries": "x"}, "retries"),
        ({"retries": 0}, "retries"),
        ({"retry_wait": -1}, "retry_wait"),
        ({"retry_wait": True}, "retry_wait"),
        ({"timeout": [1, 2, 3]}, "timeout"),
        ({"timeout": 0}, "timeout"),
        ({"timeout": "soon"}, "timeout"),
        ({"headers": "X-Team: a"}, "headers"),
        ({"headers": {"X-Team": None}}, "X-Team"),
        ({"X-Team": {"a": 1}}, "X-Team"),
        ({"X Team": "a"}, "X Team"),
        ({"verify": "/no/such/ca.pem"}, "verify"),
        ({"verify": 1}, "verify"),
        ({"cert": "/no/such/cert.pem"}, "cert"),
        ({"cert": {"a": 1}}, "cert"),
        ({"proxies": ["http://proxy"]}, "proxy"),
    ],
)
def test_a_wrong_setting_is_named_with_its_connection(extra: dict[str, Any], key: str) -> None:
    with pytest.raises(NemoConfigurationError, match=f"^{key} in the extra of Airflow connection 'nemo_x'"):
        wire_of(Connection(), extra)


@pytest.mark.parametrize("host", ["h:8080", "http://h:8080/nemo"])
def test_a_port_is_given_once(host: str) -> None:
    with pytest.raises(NemoConfigurationError, match="'nemo_x' has one port in its host and another"):
        wire_of(Connection(host, 9000), {})
    assert wire_of(Connection(host, 8080), {}).base_url.startswith("http://h:8080")


@pytest.mark.parametrize("host", ["h:nonsense", "http://h:99999999", None])
def test_an_address_that_is_none_is_refused(host: str | None) -> None:
    with pytest.raises(NemoConfigurationError, match="'nemo_x'"):
        wire_of(Connection(host), {})


async def test_a_token_with_a_newline_at_its_end_is_sent_without(
    start_platform: StartPlatform, connection: Callable[..., None]
) -> None:
    secured = start_platform(bearer_token="right")
    connection("nemo_pasted", secured.nemo_url, password="right\n", extra={"X-Team": " a\r\n"})
    assert NemoHook("nemo_pasted").create_namespace("pasted")
    with pytest.raises(NemoNotFoundError):
        await NemoHook("nemo_pasted").apoll("evaluation", "eval-none")


@pytest.mark.parametrize("secret", [f"{TOKEN}\nX-Evil: 1", f"{TOKEN}\x00", f"{TOKEN}€"])
@pytest.mark.parametrize("field", ["password", "login", "header"])
def test_what_no_header_can_hold_is_refused_without_being_shown(
    connection: Callable[..., None], secret: str, field: str
) -> None:
    connection(
        "nemo_torn",
        "http://127.0.0.1:9",
        **({"extra": {"X-Key": secret}} if field == "header" else {field: secret}),
    )
    with pytest.raises(NemoConfigurationError, match="of Airflow connection 'nemo_torn' holds") as refused:
        NemoHook("nemo_torn").create_namespace("x")
    assert TOKEN not in str(refused.value)


async def test_a_trigger_says_so_in_its_event(connection: Callable[..., None]) -> None:
    connection("nemo_torn", "http://127.0.0.1:9", password=f"{TOKEN}\nx")
    waiting = NemoJobTrigger(
        kind="evaluation", name="eval-1", conn_id="nemo_torn", poll_interval=0.02, end_time=2**40
    )
    [event] = [event.payload async for event in waiting.run()]
    assert event["outcome"] == "misconfigured"
    assert "'nemo_torn' holds" in event["reason"]
    assert TOKEN not in str(event)


async def test_files_and_calls_carry_the_same_credential(
    platform: Tenant, connection: Callable[..., None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login somebody password else")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    basic = f"Basic {base64.b64encode(b'me:pass').decode()}"
    for login, sent in ((None, "Bearer pass"), ("me", basic)):
        with ingress(platform.datastore_url) as gateway:
            connection("nemo_gated", gateway.url, password="pass", **({"login": login} if login else {}))
            hook = DatastoreHook("nemo_gated")
            hook.create_namespace(platform.namespace)
            hook.create_dataset_repo(f"{platform.namespace}/gated")
            assert hook.list_files(f"{platform.namespace}/gated") is not None
            with pytest.raises(NemoNotFoundError):
                await hook.apoll("evaluation", "eval-none")
            assert set(gateway.credentials) == {sent}


def test_without_a_credential_of_its_own_the_hub_gets_the_environments_token(
    platform: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_right\n")
    with ingress(platform.datastore_url) as gateway:
        DatastoreHook(base_url=gateway.url).list_files("ns/none")
        assert set(gateway.credentials) == {"Bearer hf_right"}


def test_a_refused_hub_says_whose_credential_it_was(
    start_platform: StartPlatform, connection: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    secured = start_platform(bearer_token="right")
    connection("nemo_gated", secured.datastore_url, login="me", password=TOKEN)
    with pytest.raises(
        NemoAuthError, match="login and password of Airflow connection 'nemo_gated'"
    ) as refused:
        DatastoreHook("nemo_gated").create_dataset_repo("ns/d")
    assert TOKEN not in str(refused.value)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    with pytest.raises(NemoAuthError, match="environment variable HF_TOKEN was refused"):
        DatastoreHook(base_url=secured.datastore_url).create_dataset_repo("ns/d")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def sealed(platform: Tenant, authority: Path) -> Iterator[Ingress]:
    """The Data Store behind TLS. (It answers 404 to what the other services know.)"""
    with ingress(platform.datastore_url, tls=authority) as gateway:
        yield gateway


@pytest.mark.parametrize("verify", ["file", False, "false", "environment"])
async def test_all_ways_to_the_platform_trust_the_same_authorities(
    sealed: Ingress,
    authority: Path,
    connection: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    verify: Any,
) -> None:
    others = requests.certs.where()
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority) if verify == "environment" else others)
    extra = {"environment": {}, "file": {"verify": str(authority)}}.get(verify, {"verify": verify})
    connection("nemo_sealed", sealed.url, extra={**extra, "retries": 1})
    hook = DatastoreHook("nemo_sealed")
    assert hook.list_files("ns/none") is None
    hook.create_namespace("sealed")
    with pytest.raises(NemoNotFoundError):
        await hook.apoll("evaluation", "eval-none")


def test_certificates_are_read_once_for_all_polls(authority: Path) -> None:
    wire = wire_of(Connection(), {"verify": str(authority), "cert": str(authority)})
    assert wire.tls is wire.tls


def test_certificates_that_are_none_are_named(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    with pytest.raises(NemoConfigurationError, match="certificates of Airflow connection 'nemo_x'"):
        _ = wire_of(Connection(), {"verify": f"{tmp_path}/ca.pem"}).tls
