"""The NIM proxy: models, chat completions, completions and embeddings, answered by students."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

from include.local_nemo.completions import chat_choice, completion, stream
from include.local_nemo.embeddings import answer_embeddings
from include.local_nemo.inference_requests import Refusal, find_model, read_body, read_option
from include.local_nemo.platform import Platform
from include.local_nemo.served_models import Served, ServedModels, UnusableAdapter
from include.local_nemo.wire import Document

if TYPE_CHECKING:
    from include.local_nemo.students import Answer

MAX_CHOICES = 128


async def _raw(request: Request) -> bytes:
    return await request.body()


Raw = Annotated[bytes, Depends(_raw)]


def router(platform: Platform) -> APIRouter:
    """Return the routes of the proxy, relative to its url."""
    routes = APIRouter(prefix="/v1")
    models = ServedModels(platform)

    @routes.get("/models")
    def find() -> Document:
        return {"object": "list", "data": [served.as_json() for served in models.all().values()]}

    @routes.get("/models/{name:path}")
    def read(name: str) -> Response:
        return _answer(lambda: JSONResponse(find_model(models, name).as_json()))

    @routes.post("/chat/completions")
    def chat(raw: Raw) -> Response:
        return _answer(lambda: _chat(platform, models, read_body(raw)))

    @routes.post("/completions")
    def complete(raw: Raw) -> Response:
        return _answer(lambda: _complete(platform, models, read_body(raw)))

    @routes.post("/embeddings")
    def embeddings(raw: Raw) -> Response:
        return _answer(lambda: answer_embeddings(models, read_body(raw)))

    return routes


def _answer(work: Callable[[], Response]) -> Response:
    try:
        return work()
    except Refusal as refusal:
        return refusal.response()
    except UnusableAdapter as error:
        return Refusal(500, str(error)).response()


def _chat(platform: Platform, models: ServedModels, body: Document) -> Response:
    served = _talking(models, body)
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise Refusal(400, "messages must be a list with at least one message", "messages")
    if not all(isinstance(message, Mapping) for message in messages):
        raise Refusal(400, "every message must be an object", "messages")
    _check_tool_choice(body)
    return _completed(platform, models, served, body, [body], "chat.completion")


def _talking(models: ServedModels, body: Document) -> Served:
    served = find_model(models, body.get("model"))
    if served.spec.kind == "embedding":
        raise Refusal(400, f"The model `{served.name}` does not support this API, only embeddings.")
    return served


def _check_tool_choice(body: Document) -> None:
    choice = body.get("tool_choice")
    tools = body.get("tools") or []
    if not isinstance(tools, list):
        raise Refusal(400, "tools must be a list", "tools")
    names = [function.get("name") for tool in tools if isinstance(function := _function(tool), Mapping)]
    if isinstance(choice, Mapping):
        function = _function(choice)
        name = function.get("name") if isinstance(function, Mapping) else None
        if name not in names:
            raise Refusal(
                400, f"tool_choice names the tool {name!r}, which is not among the tools", "tool_choice"
            )
    elif choice not in (None, "none", "auto", "required"):
        raise Refusal(400, "tool_choice must be none, auto, required or a named tool", "tool_choice")
    elif choice == "required" and not names:
        raise Refusal(400, "tool_choice is required, but there are no tools", "tool_choice")


def _function(tool: Any) -> Any:
    return tool.get("function") if isinstance(tool, Mapping) else None


def _complete(platform: Platform, models: ServedModels, body: Document) -> Response:
    served = _talking(models, body)
    prompt = body.get("prompt")
    prompts = [prompt] if isinstance(prompt, str) else prompt
    if not isinstance(prompts, list) or not prompts or not all(isinstance(text, str) for text in prompts):
        raise Refusal(400, "prompt must be a string or a list of strings", "prompt")
    requests = [{"messages": [{"role": "user", "content": text}]} for text in prompts]
    return _completed(platform, models, served, body, requests, "text_completion")


def _completed(
    platform: Platform,
    models: ServedModels,
    served: Served,
    body: Document,
    requests: list[Document],
    kind: str,
) -> Response:
    """Answer each request `n` times: a student gives the same answer every time."""
    from include.local_nemo.students import count_prompt_tokens

    count = read_option(body, "n", int, 1) or 1
    if count > MAX_CHOICES:
        raise Refusal(400, f"n must be at most {MAX_CHOICES}, got {count}", "n")
    limit = read_option(body, "max_completion_tokens", int, 1) or read_option(body, "max_tokens", int, 1)
    for request in requests:
        _check_length(served, count_prompt_tokens(request), limit)
    student = models.student(served)
    choices: list[Document] = []
    prompt_tokens = completion_tokens = 0
    for request in requests:
        answer = student.answer(request)
        answer, reason = _limited(answer, body, limit)
        prompt_tokens += answer.prompt_tokens
        for _ in range(count):
            completion_tokens += answer.completion_tokens
            if kind == "chat.completion":
                choices.append(chat_choice(len(choices), answer, reason))
            else:
                text = answer.content or ""
                choices.append(
                    {"index": len(choices), "text": text, "logprobs": None, "finish_reason": reason}
                )
    usage = {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
    }
    whole = completion(kind, served.name, int(platform.clock()), choices, usage)
    if not body.get("stream"):
        return Response(orjson.dumps(whole), media_type="application/json")
    options = body.get("stream_options")
    include_usage = isinstance(options, Mapping) and bool(options.get("include_usage"))
    return StreamingResponse(stream(whole, include_usage), media_type="text/event-stream")


def _check_length(served: Served, prompt: int, limit: int | None) -> None:
    size = served.spec.context_size
    if prompt + (limit or 1) > size:
        raise Refusal(
            400,
            f"This model's maximum context length is {size} tokens. However, you requested {prompt + (limit or 0)}"
            f" tokens ({prompt} in the messages, {limit or 0} in the completion). Please reduce the length of the"
            " messages or completion.",
        )


def _limited(answer: "Answer", body: Document, limit: int | None) -> tuple["Answer", str]:
    """Cut a text answer at `stop` and at the token limit; return it with the reason why it ends."""
    from include.local_nemo.students import count_tokens
    from include.local_nemo.students.student import BYTES_PER_TOKEN

    if answer.tool_calls:
        return answer, "stop" if isinstance(body.get("tool_choice"), Mapping) else "tool_calls"
    text, reason = answer.content or "", "stop"
    stops = body.get("stop")
    for stop in [stops] if isinstance(stops, str) else stops if isinstance(stops, list) else []:
        if isinstance(stop, str) and stop:
            text = text.partition(stop)[0]
    if limit is not None and count_tokens(text) > limit:
        text = text.encode()[: limit * BYTES_PER_TOKEN].decode(errors="ignore")
        reason = "length"
    return replace(answer, content=text, completion_tokens=count_tokens(text)), reason
