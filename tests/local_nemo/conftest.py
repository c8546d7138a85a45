"""One platform for each test module, in this process, and clients for it."""

import json
from collections.abc import Iterator

import httpx
import pytest
from nemo_microservices import NeMoMicroservices
from sdk_oracle import FOREIGN, JUDGE, NAMESPACE, NIM, TOOL, Json, Oracle

from include.local_nemo.platform import Platform
from include.local_nemo.testing import running_platform, wait_until


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    """Run a platform that waits for nothing and knows two foreign model names."""
    models = {
        "meta/llama-3.2-1b-instruct": "local/student-s",
        "meta/llama-3.3-70b-instruct": "local/judge-lexical",
    }
    with running_platform(models=models) as running:
        yield running


@pytest.fixture(scope="module")
def nemo(platform: Platform) -> Iterator[httpx.Client]:
    """Talk plain HTTP to the nemo port."""
    with httpx.Client(base_url=platform.nemo_url, timeout=30) as client:
        yield client


@pytest.fixture(scope="module")
def nim(platform: Platform) -> Iterator[httpx.Client]:
    """Talk plain HTTP to the nim port."""
    with httpx.Client(base_url=platform.nim_url, timeout=30) as client:
        yield client


@pytest.fixture(scope="module")
def data_store(platform: Platform) -> Iterator[httpx.Client]:
    """Talk plain HTTP to the data store's port."""
    with httpx.Client(base_url=platform.datastore_url, timeout=30) as client:
        yield client


@pytest.fixture(scope="module")
def sdk(platform: Platform) -> Iterator[NeMoMicroservices]:
    """Talk through NVIDIA's client, which validates every answer and repeats nothing."""
    with NeMoMicroservices(
        base_url=platform.nemo_url,
        inference_base_url=platform.nim_url,
        max_retries=0,
        _strict_response_validation=True,
    ) as client:
        yield client


@pytest.fixture(scope="module")
def oracle(platform: Platform) -> Iterator[Oracle]:
    made = Oracle(platform)
    yield made
    made.close()


@pytest.fixture(scope="module")
def served(platform: Platform, oracle: Oracle) -> None:
    """Deploy the student and the judge, as clients do."""
    api = oracle.client.deployment.model_deployments
    models = {model.replace("/", "-"): model for model in (FOREIGN, JUDGE, "local/embed-hash")}
    for name, model in models.items():
        api.create(name=name, namespace=NAMESPACE, config={"model": model, "nim_deployment": NIM})

    def statuses() -> set[str]:
        return {api.retrieve(name, namespace=NAMESPACE).status_details.status for name in models}

    wait_until(lambda: statuses() == {"ready"})


@pytest.fixture(scope="module")
def dataset(platform: Platform) -> str:
    """Commit a repository with training, validation and evaluation files."""

    def request(number: int) -> Json:
        return {"messages": [{"role": "user", "content": f"Where is order A{number}?"}], "tools": [TOOL]}

    def call(number: int, arguments: object) -> Json:
        function = {"name": "find_order", "arguments": arguments}
        return {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"type": "function", "function": function}],
        }

    training: list[Json] = [
        {"messages": [*request(n)["messages"], call(n, {"order_id": f"A{n}"})], "tools": [TOOL]}
        for n in range(12)
    ]
    testing: list[Json] = [
        {
            "request": request(n),
            "response": {"choices": [{"message": call(n, {"order_id": f"A{n}"})}]},
            "workload_id": "w",
            "client_id": "c",
            "timestamp": 1746138417 + n,
        }
        for n in range(20, 24)
    ]
    files = {
        "training/train.jsonl": training,
        "validation/validation.jsonl": training[:4],
        "testing/eval.jsonl": testing,
    }
    platform.datastore.commit(
        "dataset",
        f"{NAMESPACE}/logs",
        {p: "".join(json.dumps(r) + "\n" for r in rows).encode() for p, rows in files.items()},
    )
    return f"{NAMESPACE}/logs"
