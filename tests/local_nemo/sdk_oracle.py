"""NVIDIA's client as a judge of the platform's answers.

The client validates nothing by default, and even in its strict mode it converts types and misses absent fields.
So each answer is parsed three times: by the client in strict mode, from its raw bytes in pydantic's strict mode,
and by looking for the fields that recorded answers have.
"""

import json
from collections.abc import Callable, Set
from typing import Any

import httpx
import nemo_microservices as sdk
from nemo_microservices import NeMoMicroservices
from pydantic import BaseModel

from include.local_nemo.platform import Platform

Json = dict[str, Any]

NAMESPACE = "shop"
FOREIGN = "meta/llama-3.2-1b-instruct"
JUDGE = "meta/llama-3.3-70b-instruct"
TIMES = {"created_at", "updated_at"}
DELETED = {"message", "id", "deleted_at"}
SECONDS = 60.0

TOOL = {
    "type": "function",
    "function": {
        "name": "find_order",
        "description": "Look an order up.",
        "parameters": {
            "type": "object",
            "properties": {"order_id": {"type": "string"}},
            "required": ["order_id"],
        },
    },
}
OPTION = {
    "training_type": "sft",
    "finetuning_type": "lora",
    "num_gpus": 1,
    "num_nodes": 1,
    "tensor_parallel_size": 1,
    "micro_batch_size": 1,
    "use_sequence_parallel": False,
}
HYPERPARAMETERS = {
    "training_type": "sft",
    "finetuning_type": "lora",
    "epochs": 2,
    "batch_size": 4,
    "learning_rate": 1e-4,
    "lora": {"adapter_dim": 16, "adapter_dropout": 0.1},
}
NIM = {
    "image_name": f"nvcr.io/nim/{FOREIGN}",
    "image_tag": "1.8.3",
    "gpu": 1,
    "pvc_size": "25Gi",
    "additional_envs": {"NIM_GUIDED_DECODING_BACKEND": "outlines"},
}


class Oracle:
    """NVIDIA's client, and the bytes that it last received."""

    def __init__(self, platform: Platform) -> None:
        self.raw = b""
        self._http = httpx.Client(timeout=SECONDS, event_hooks={"response": [self._remember]})
        # Any: the bodies here are written as on the wire, not in the client's typed dicts.
        self.client: Any = NeMoMicroservices(
            base_url=platform.nemo_url,
            inference_base_url=platform.nim_url,
            max_retries=0,
            http_client=self._http,
            _strict_response_validation=True,
        )

    def _remember(self, response: httpx.Response) -> None:
        self.raw = response.read()

    def check(self, call: Callable[..., Any], *args: Any, has: Set[str] = frozenset(), **kwargs: Any) -> Any:
        """Call a method that returns one model; `has` are dotted fields of the body."""
        model = call(*args, **kwargs)
        assert isinstance(model, BaseModel), f"{call} is not validated by the client"
        type(model).model_validate_json(self.raw, strict=True)
        present(json.loads(self.raw), has)
        return model

    def check_list(
        self, call: Callable[..., Any], item: type[BaseModel], *, has: Set[str] = frozenset(), **kwargs: Any
    ) -> list[Any]:
        """Call a list method and check its first page and each item on it."""
        page = call(**kwargs)
        body = json.loads(self.raw)
        assert body["object"] == "list"
        assert body["sort"]
        numbers = ("page", "page_size", "current_page_size", "total_pages", "total_results")
        assert all(type(body["pagination"][number]) is int for number in numbers)
        assert body["data"], "a list of nothing proves nothing"
        for one in body["data"]:
            item.model_validate_json(json.dumps(one), strict=True)
            present(one, has)
        return list(page.data)

    def close(self) -> None:
        self.client.close()


def present(body: Json, dotted: Set[str]) -> None:
    """Fail when one of the fields, such as `status_details.status`, is not there; null counts as there."""
    for name in dotted:
        value: Any = body
        for step in name.split("."):
            assert isinstance(value, dict), f"{name} of {sorted(body)}"
            assert step in value, f"{name} of {sorted(body)}"
            value = value[step]


def absent(call: Callable[[], object]) -> bool:
    """Return whether the call meets a 404."""
    try:
        call()
    except sdk.NotFoundError:
        return True
    return False
