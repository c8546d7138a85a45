"""The NIM proxy over HTTP: what it lists, what it answers, what it refuses."""

import base64
import json
import struct

import httpx
import pytest

from include.local_nemo.students import Student, catalogue, train
from include.local_nemo.testing import running_platform, wait_until

FOREIGN = "meta/llama-3.2-1b-instruct"
MODELS = {FOREIGN: "local/student-l"}
SERVED = (FOREIGN, "local/judge-lexical", "local/embed-hash")
TOOL = {
    "type": "function",
    "function": {
        "name": "find_parcel",
        "description": "Find a parcel by its number, such as 'P-1234'",
        "parameters": {
            "type": "object",
            "properties": {"number": {"type": "string", "description": "such as 'P-1234'"}},
            "required": ["number"],
        },
    },
}
OTHER_TOOL = {
    "type": "function",
    "function": {"name": "open_hours", "description": "Opening hours of the shop"},
}
TOOLS = [TOOL, OTHER_TOOL]
QUESTION = [{"role": "user", "content": "Where is my parcel P-7788?"}]


def rows():
    """Training rows of a log in which every question about a parcel is answered by opening hours."""
    answer = {"role": "assistant", "tool_calls": [{"type": "function", "function": {"name": "open_hours"}}]}
    return [
        {"messages": [{"role": "user", "content": f"Where is my parcel P-{n}?"}, answer], "tools": TOOLS}
        for n in range(2000, 2030)
    ]


def deploy(platform, model):
    name = model.replace("/", "-")
    nim = {"gpu": 1, "image_name": f"nvcr.io/nim/{model}", "image_tag": "1.0"}
    body = {"name": name, "namespace": "test", "config": {"model": model, "nim_deployment": nim}}
    url = f"{platform.nemo_url}/v1/deployment/model-deployments"
    httpx.post(url, json=body).raise_for_status()
    wait_until(lambda: httpx.get(f"{url}/test/{name}").json()["status_details"]["status"] == "ready")


def publish(platform, name, files, *, base=FOREIGN, status="upload_completed", job="cust-1"):
    """Put an adapter where a customization job leaves it."""
    store = platform.datastore
    if not store.namespace_exists("test"):
        store.create_namespace("test")
    store.create_repo("model", f"test/{name}")
    store.commit("model", f"test/{name}", files, job)
    full_name = f"{name}@{job}"
    platform.store.insert(
        "model",
        f"test/{full_name}",
        {
            "id": f"model-{name}",
            "namespace": "test",
            "name": full_name,
            "base_model": base,
            "peft": {"finetuning_type": "lora"},
            "artifact": {"files_url": f"hf://test/{full_name}", "status": status},
            "created_at": "2025-06-10T18:22:31.104233",
            "updated_at": "2025-06-10T18:23:31.104233",
        },
    )
    return f"test/{full_name}"


@pytest.fixture(scope="module")
def files():
    spec = catalogue()["local/student-l"]
    return train(spec, rows(), [], {"epochs": 2}, lambda progress: None, lambda: False).files()


@pytest.fixture(scope="module")
def platform(files):
    with running_platform(models=MODELS, gpus=4) as running:
        for model in SERVED:
            deploy(running, model)
        publish(running, "parcels", files)
        yield running


@pytest.fixture(scope="module")
def nim(platform):
    with httpx.Client(base_url=f"{platform.nim_url}/v1", timeout=30) as client:
        yield client


def chat(nim, **body):
    return nim.post("/chat/completions", json={"model": FOREIGN, "messages": QUESTION, **body})


def calls_of(response):
    response.raise_for_status()
    return response.json()["choices"][0]["message"].get("tool_calls", [])


def listed(nim):
    return {item["id"]: item for item in nim.get("/models").json()["data"]}


def test_deployed_models_and_their_adapters_are_listed(nim):
    models = listed(nim)
    assert list(models) == [FOREIGN, "test/parcels@cust-1", *SERVED[1:]]
    base, adapter = models[FOREIGN], models["test/parcels@cust-1"]
    assert (base["root"], base["parent"], base["max_model_len"]) == (FOREIGN, None, 131072)
    assert (adapter["root"], adapter["parent"]) == ("hf://test/parcels@cust-1", FOREIGN)
    assert adapter["max_model_len"] is None
    assert nim.get("/models/test/parcels@cust-1").json()["id"] == "test/parcels@cust-1"


def test_a_tool_call_has_its_arguments_as_a_json_string(nim):
    body = chat(nim, tools=TOOLS).json()
    (made,) = body["choices"][0]["message"]["tool_calls"]
    assert made["id"].startswith("chatcmpl-tool-")
    assert made["type"] == "function"
    assert made["function"]["name"] == "find_parcel"
    assert json.loads(made["function"]["arguments"]) == {"number": "P-7788"}
    assert body["choices"][0]["finish_reason"] == "tool_calls"
    assert body["choices"][0]["message"]["content"] is None
    usage = body["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"] > 0


def test_an_adapter_answers_as_it_was_trained_and_its_base_does_not(nim):
    assert calls_of(chat(nim, tools=TOOLS))[0]["function"]["name"] == "find_parcel"
    customized = calls_of(chat(nim, tools=TOOLS, model="test/parcels@cust-1"))
    assert [call["function"]["name"] for call in customized] == ["open_hours"]


def test_tool_choice_none_required_and_named(nim):
    assert calls_of(chat(nim, tools=TOOLS, tool_choice="none")) == []
    assert len(calls_of(chat(nim, tools=TOOLS, tool_choice="required"))) == 1
    named = {"type": "function", "function": {"name": "open_hours"}}
    forced = chat(nim, tools=TOOLS, tool_choice=named)
    assert calls_of(forced)[0]["function"] == {"name": "open_hours", "arguments": "{}"}
    assert forced.json()["choices"][0]["finish_reason"] == "stop"


def test_unknown_request_fields_are_ignored(nim):
    plain, extended = chat(nim), chat(nim, nvext={"guided_json": {}}, temperature=0.2, seed=1, made_up=True)
    assert plain.json()["choices"] == extended.json()["choices"]


def test_n_choices_are_numbered(nim):
    choices = chat(nim, n=3).json()["choices"]
    assert [choice["index"] for choice in choices] == [0, 1, 2]


def test_a_text_answer_is_cut_at_max_tokens_and_at_stop(nim):
    whole = chat(nim).json()["choices"][0]
    assert whole["finish_reason"] == "stop"
    text = whole["message"]["content"]
    cut = chat(nim, max_tokens=2).json()
    assert cut["choices"][0]["message"]["content"] == text[:8]
    assert cut["choices"][0]["finish_reason"] == "length"
    assert cut["usage"]["completion_tokens"] == 2
    stopped = chat(nim, stop=[text[5:8]]).json()["choices"][0]
    assert stopped["message"]["content"] == text[:5]


def events(response):
    assert response.headers["content-type"].startswith("text/event-stream")
    blocks = [block for block in response.text.split("\n\n") if block]
    assert blocks[-1] == "data: [DONE]"
    return [json.loads(block.removeprefix("data: ")) for block in blocks[:-1]]


def test_a_streamed_answer_adds_up_to_the_whole_one(nim):
    chunks = events(chat(nim, stream=True, stream_options={"include_usage": True}))
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks if chunk["choices"]]
    whole = chat(nim).json()
    assert (
        "".join(delta.get("content") or "" for delta in deltas) == whole["choices"][0]["message"]["content"]
    )
    assert deltas[0]["role"] == "assistant"
    assert chunks[-2]["choices"][0]["finish_reason"] == "stop"
    assert chunks[-1]["usage"] == whole["usage"]
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}


def test_a_streamed_tool_call_comes_in_parts(nim):
    chunks = events(chat(nim, stream=True, tools=TOOLS))
    parts = [part for chunk in chunks for part in chunk["choices"][0]["delta"].get("tool_calls", [])]
    assert {part["index"] for part in parts} == {0}
    assert "".join(part["function"].get("name", "") for part in parts) == "find_parcel"
    assert json.loads("".join(part["function"]["arguments"] for part in parts)) == {"number": "P-7788"}
    assert chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"


def test_completions_answer_each_prompt(nim):
    body = {"model": FOREIGN, "prompt": ["Hello there.", "Good bye."], "n": 2}
    answer = nim.post("/completions", json=body).json()
    assert answer["object"] == "text_completion"
    assert [choice["index"] for choice in answer["choices"]] == [0, 1, 2, 3]
    assert answer["choices"][0]["text"] == answer["choices"][1]["text"] != answer["choices"][2]["text"]


def test_the_judge_rates_a_prompt(nim):
    text = "<reference_answer>Yes, on Monday.</reference_answer><candidate_answer>Yes, on Monday.</candidate_answer>"
    answer = chat(nim, model="local/judge-lexical", messages=[{"role": "user", "content": text}])
    assert answer.json()["choices"][0]["message"]["content"] == "10"


def embed(nim, **body):
    return nim.post("/embeddings", json={"model": "local/embed-hash", "input_type": "query", **body})


def test_embeddings_come_in_the_order_of_the_input(nim):
    texts = [f"text number {n}" for n in range(32)]
    data = embed(nim, input=texts).json()["data"]
    assert [item["index"] for item in data] == list(range(32))
    assert {len(item["embedding"]) for item in data} == {2048}
    assert data[7]["embedding"] == embed(nim, input=texts[7]).json()["data"][0]["embedding"]


def test_an_asymmetric_embedding_model_needs_an_input_type(nim):
    refused = embed(nim, input="x", input_type=None)
    assert refused.status_code == 400
    assert refused.json() == {"error": "'input_type' parameter is required for asymmetric models"}
    for kind in ("query", "passage"):
        by_name = embed(nim, input="x", input_type=None, model=f"local/embed-hash-{kind}").json()
        assert by_name["data"] == embed(nim, input="x", input_type=kind).json()["data"]
        assert by_name["model"] == "local/embed-hash"
    assert embed(nim, input="x", model="local/embed-hash-other").status_code == 404


def test_embeddings_can_be_short_and_packed(nim):
    plain = embed(nim, input="a b", dimensions=8).json()["data"][0]["embedding"]
    packed = embed(nim, input="a b", dimensions=8, encoding_format="base64").json()["data"][0]["embedding"]
    assert struct.unpack("<8f", base64.b64decode(packed)) == pytest.approx(plain, abs=1e-6)


def test_a_text_too_long_to_embed_is_refused_or_truncated(nim):
    text = "first " + "word " * 8000 + "last"
    assert embed(nim, input=text).status_code == 400
    start, end = (
        embed(nim, input=text, truncate=way).json()["data"][0]["embedding"] for way in ("START", "END")
    )
    assert start != end


@pytest.mark.parametrize("model", ["nobody/knows", "local/student-s", "local/student-l"])
def test_a_model_that_is_not_deployed_is_not_found(nim, model):
    refused = chat(nim, model=model)
    assert refused.status_code == 404
    assert refused.json() == {
        "object": "error",
        "message": f"The model `{model}` does not exist.",
        "type": "NotFoundError",
        "param": None,
        "code": 404,
    }


def test_more_than_the_context_is_refused(nim):
    messages = [{"role": "user", "content": "word " * 110_000}]
    refused = chat(nim, messages=messages)
    assert refused.status_code == 400
    assert refused.json()["type"] == "BadRequestError"
    assert "maximum context length is 131072 tokens" in refused.json()["message"]
    assert chat(nim, max_tokens=131072).status_code == 400


@pytest.mark.parametrize(
    "body",
    [
        {"model": None},
        {"messages": []},
        {"messages": "hello"},
        {"messages": ["hello"]},
        {"n": 0},
        {"n": 1000},
        {"max_tokens": "many"},
        {"max_tokens": 0},
        {"tools": "find"},
        {"tool_choice": "sometimes"},
        {"tool_choice": "required"},
        {"tools": TOOLS, "tool_choice": {"type": "function", "function": {"name": "unknown"}}},
        {"model": "local/embed-hash"},
    ],
    ids=str,
)
def test_a_malformed_chat_request_is_refused_with_400(nim, body):
    refused = chat(nim, **body)
    assert refused.status_code == 400
    assert refused.json()["object"] == "error"


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'"text"', b"\xff"])
def test_what_is_no_json_object_is_refused_with_400(nim, content):
    for path in ("/chat/completions", "/completions", "/embeddings"):
        assert nim.post(path, content=content).status_code == 400


@pytest.mark.parametrize(
    "body",
    [{"input": []}, {"input": [1, 2]}, {"input": "x", "dimensions": 0}, {"input": "x", "truncate": "MIDDLE"},
     {"input": "x", "encoding_format": "hex"}, {"input": "x", "model": FOREIGN}],
    ids=str,
)  # fmt: skip
def test_a_malformed_embedding_request_is_refused_with_400(nim, body):
    assert embed(nim, **body).status_code == 400


def test_adapters_that_are_not_uploaded_or_have_no_base_are_not_served(platform, nim, files):
    publish(platform, "early", files, status="created")
    publish(platform, "orphan", files, base="local/student-m")
    assert not any("early" in name or "orphan" in name for name in listed(nim))
    assert chat(nim, model="test/early@cust-1").status_code == 404


def test_a_damaged_adapter_answers_500_with_the_reason(platform, nim, files):
    name = publish(platform, "broken", {**files, "adapter_model.safetensors": b"nothing"})
    refused = chat(nim, model=name)
    assert refused.status_code == 500
    assert "adapter_model.safetensors is damaged" in refused.json()["message"]


def test_an_adapter_goes_with_its_base_and_comes_back(files):
    with running_platform(models=MODELS) as running, httpx.Client(base_url=f"{running.nim_url}/v1") as nim:
        publish(running, "parcels", files)
        assert listed(nim) == {}
        deploy(running, FOREIGN)
        assert set(listed(nim)) == {FOREIGN, "test/parcels@cust-1"}
        name = FOREIGN.replace("/", "-")
        httpx.delete(f"{running.nemo_url}/v1/deployment/model-deployments/test/{name}").raise_for_status()
        wait_until(lambda: listed(nim) == {})
        assert chat(nim, model="test/parcels@cust-1").status_code == 404


def test_an_adapter_is_listed_only_after_the_refresh(files):
    with running_platform(models=MODELS, adapter_refresh=10**9) as running:
        deploy(running, FOREIGN)
        publish(running, "parcels", files)
        with httpx.Client(base_url=f"{running.nim_url}/v1") as nim:
            assert set(listed(nim)) == {FOREIGN}


def test_answers_are_the_same_over_http_and_in_the_process(nim):
    request = {"messages": QUESTION, "tools": TOOLS}
    answer = Student(catalogue()["local/student-l"]).answer(request)
    (made,) = calls_of(chat(nim, **request))
    assert [{"name": made["function"]["name"], "arguments": json.loads(made["function"]["arguments"])}] == (
        answer.tool_calls
    )
