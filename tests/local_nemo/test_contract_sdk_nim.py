"""The NIM proxy through NVIDIA's client, validated strictly; see `sdk_oracle.py`."""

import json

import httpx
import nemo_microservices as sdk
import pytest
from sdk_oracle import FOREIGN, JUDGE, TOOL, Oracle, present


def test_inference_models(nemo: httpx.Client, nim: httpx.Client, served: None) -> None:
    body = nim.get("/v1/models").json()
    assert body["object"] == "list"
    listed = {item["id"]: item for item in body["data"]}
    has = {"id", "object", "created", "owned_by", "root", "parent", "max_model_len", "permission"}
    for item in listed.values():
        present(item, has)
    assert {FOREIGN, JUDGE} <= listed.keys()
    entities = nemo.get("/v1/models").json()
    assert "pagination" in entities, "the same path on the nemo port is the Entity Store's"


def test_chat_completions(oracle: Oracle, served: None) -> None:
    create = oracle.client.chat.completions.create
    has = {
        "id",
        "object",
        "created",
        "model",
        "choices",
        "usage.prompt_tokens",
        "usage.completion_tokens",
        "usage.total_tokens",
    }
    messages = [{"role": "user", "content": "Where is order A7?"}]
    text = oracle.check(create, model=FOREIGN, messages=messages, has=has)
    assert isinstance(text.choices[0].message.content, str)

    forced = oracle.check(
        create, model=FOREIGN, messages=messages, tools=[TOOL], tool_choice="required", has=has
    )
    (call,) = forced.choices[0].message.tool_calls
    present(json.loads(oracle.raw)["choices"][0], {"index", "message.role", "finish_reason"})
    assert call.function.name == "find_order"
    assert isinstance(json.loads(call.function.arguments), dict)

    # Unknown keys, such as a NIM's own extensions, are accepted.
    oracle.check(
        create, model=FOREIGN, messages=messages, extra_body={"nvext": {"guided_choice": ["a"]}}, has=has
    )
    chunks = list(create(model=FOREIGN, messages=messages, stream=True))
    assert chunks
    assert all(chunk.choices[0].index == 0 for chunk in chunks if chunk.choices)
    with pytest.raises(sdk.NotFoundError):
        create(model="nobody/knows", messages=messages)


def test_completions(oracle: Oracle, served: None) -> None:
    has = {"id", "object", "created", "model", "choices", "usage.total_tokens"}
    done = oracle.check(oracle.client.completions.create, model=FOREIGN, prompt="Where is order A7?", has=has)
    assert isinstance(done.choices[0].text, str)


def test_embeddings(oracle: Oracle, served: None) -> None:
    create = oracle.client.embeddings.create
    has = {"object", "data", "model", "usage.prompt_tokens"}
    body = {"model": "local/embed-hash", "input": ["one", "two"], "input_type": "query"}
    made = oracle.check(create, **body, has=has)
    assert [item.index for item in made.data] == [0, 1]
    assert len(made.data[0].embedding) == 2048
    with pytest.raises(sdk.BadRequestError, match="input_type"):
        create(model="local/embed-hash", input="x")
