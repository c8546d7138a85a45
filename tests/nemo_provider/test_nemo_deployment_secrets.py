"""A deployment's secrets: references until they are sent, struck out of what comes back."""

from typing import Any

import pytest
import requests

from nemo_provider.errors import NemoConfigurationError, NemoInvalidRequestError
from nemo_provider.hooks.nemo import NemoHook
from tests.nemo_provider.conftest import StartPlatform
from tests.nemo_provider.support import (
    TaskInstance,
    Tenant,
    context,
    deployment,
    deployment_status,
    reference,
)

POST = {"method": "POST", "path": "/v1/deployment/model-deployments"}
KEY = "sk-endpoint-0123456789"


@pytest.mark.parametrize(
    "secret",
    [
        {"config": {"external_endpoint": {"host_url": "http://llm.test", "api_key": KEY}}},
        {"config": {"nim_deployment": {"hf_token": KEY}}},
        {"additional_envs": {"NGC_API_KEY": KEY}},
    ],
)
def test_a_literal_key_is_refused_when_the_dag_is_parsed(platform: Tenant, secret: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="holds a literal secret") as refused:
        deployment(platform, **secret)
    assert KEY not in str(refused.value)


def test_a_literal_key_out_of_a_template_is_refused_before_it_is_sent(platform: Tenant) -> None:
    config = {"external_endpoint": {"host_url": "http://llm.test", "api_key": "{{ params.key }}"}}
    task = deployment(platform, config=config)
    task.render_template_fields({"params": {"key": KEY}, "ti": TaskInstance()})
    with pytest.raises(
        NemoConfigurationError, match=r"external_endpoint\.api_key holds a literal"
    ) as refused:
        task.execute(context())
    assert KEY not in str(refused.value)
    assert deployment_status(platform) is None


def test_a_deployments_secret_is_resolved_on_the_wire_and_never_seen_again(
    platform: Tenant, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ENDPOINT_KEY", KEY)
    config = {"external_endpoint": {"host_url": "http://llm.test", "api_key": "secret://env/ENDPOINT_KEY"}}
    ti, hook = TaskInstance(), NemoHook(base_url=platform.nemo_url)
    deployment(platform, config=config).execute({"ti": ti})
    url = f"{platform.nemo_url}{POST['path']}/{reference(platform)}"
    assert KEY in requests.get(url, timeout=10).text
    assert deployment(platform, config=config).execute({"ti": ti}) == reference(platform)
    found = hook.get_deployment(reference(platform))
    assert found is not None
    assert found["config"]["external_endpoint"]["api_key"] == "***"
    seen = f"{found} {list(hook.list_deployments(platform.namespace))} {ti.xcoms} {capsys.readouterr()}"
    assert KEY not in seen


def test_a_refused_deployment_does_not_show_its_secret(
    start_platform: StartPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENDPOINT_KEY", KEY)
    platform = start_platform({**POST, "action": {"status": 400, "body": {"detail": f"bad key {KEY}"}}})
    config = {"external_endpoint": {"host_url": "http://llm.test", "api_key": "secret://env/ENDPOINT_KEY"}}
    with pytest.raises(NemoInvalidRequestError, match=r"bad key \*\*\*"):
        deployment(platform, config=config).execute(context())
