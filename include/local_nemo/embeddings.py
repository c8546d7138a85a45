"""Embeddings on the NIM proxy."""

import base64
from typing import Any

import numpy as np
import orjson
from fastapi.responses import JSONResponse, Response

from include.local_nemo.inference_requests import Refusal, find_model, read_option
from include.local_nemo.served_models import Served, ServedModels
from include.local_nemo.wire import Document

MAX_DIMENSIONS = 8192
INPUT_TYPES = ("query", "passage")
NAME_SUFFIXES = {f"-{kind}": kind for kind in INPUT_TYPES}
"""An asymmetric embedding model may be told the input type as a suffix of its name."""


def answer_embeddings(models: ServedModels, body: Document) -> Response:
    """Answer `POST /v1/embeddings`; raise `Refusal`."""
    from include.local_nemo.students import count_tokens, embed
    from include.local_nemo.students.catalogue import EMBEDDING_DIMENSIONS

    served, input_type = _embedding_model(models, body)
    inputs = body.get("input")
    texts = [inputs] if isinstance(inputs, str) else inputs
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
        raise Refusal(400, "input must be a string or a list of strings that is not empty", "input")
    if served.spec.asymmetric and input_type not in INPUT_TYPES:
        return JSONResponse({"error": "'input_type' parameter is required for asymmetric models"}, 400)
    dimensions = read_option(body, "dimensions", int, 1) or EMBEDDING_DIMENSIONS
    if dimensions > MAX_DIMENSIONS:
        raise Refusal(400, f"dimensions must be at most {MAX_DIMENSIONS}, got {dimensions}", "dimensions")
    encoding = body.get("encoding_format") or "float"
    if encoding not in ("float", "base64"):
        raise Refusal(400, "encoding_format must be float or base64", "encoding_format")
    texts = [_truncated(text, served, body.get("truncate") or "NONE") for text in texts]
    vectors = embed(texts, dimensions)
    data = [
        {
            "object": "embedding",
            "index": index,
            "embedding": vector if encoding == "float" else _packed(vector),
        }
        for index, vector in enumerate(vectors)
    ]
    tokens = sum(map(count_tokens, texts))
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    answer = {"object": "list", "data": data, "model": served.name, "usage": usage}
    return Response(orjson.dumps(answer), media_type="application/json")


def _embedding_model(models: ServedModels, body: Document) -> tuple[Served, Any]:
    name, input_type = body.get("model"), body.get("input_type")
    if isinstance(name, str) and name not in models.all():
        for suffix, kind in NAME_SUFFIXES.items():
            if name.endswith(suffix):
                name, input_type = name.removesuffix(suffix), kind
    served = find_model(models, name)
    if served.spec.kind != "embedding":
        raise Refusal(400, f"The model `{served.name}` does not support the embeddings API.")
    return served, input_type


def _truncated(text: str, served: Served, truncate: Any) -> str:
    from include.local_nemo.students import count_tokens
    from include.local_nemo.students.student import BYTES_PER_TOKEN

    size = served.spec.context_size
    if truncate not in ("NONE", "START", "END"):
        raise Refusal(400, "truncate must be NONE, START or END", "truncate")
    if count_tokens(text) <= size:
        return text
    if truncate == "NONE":
        raise Refusal(
            400, f"Input length exceeds the maximum of {size} tokens, and truncate is NONE.", "input"
        )
    kept = text.encode()
    cut = kept[-size * BYTES_PER_TOKEN :] if truncate == "START" else kept[: size * BYTES_PER_TOKEN]
    return cut.decode(errors="ignore")


def _packed(vector: list[float]) -> str:
    return base64.b64encode(np.asarray(vector, "<f4").tobytes()).decode()
