"""A chat model at a URL of its own, such as a remote judge."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from nemo_provider.errors import NemoUnavailableError
from nemo_provider.hooks.answers import document_of
from nemo_provider.hooks.base import NemoHttpHook
from nemo_provider.hooks.urls import endpoint_of_url, wire_of_url
from nemo_provider.hooks.wire import Wire, plain_url
from nemo_provider.reading import mapping, mappings

_RETRIES = 4


class ChatHook(NemoHttpHook):
    """Call a chat model that speaks the OpenAI API.

    :param model: name of the model.
    :param url: whole address of the endpoint, as ``https://host/v1/chat/completions``.
    :param api_key: bearer token, if it wants one.
    :param key_source: where the key comes from, or was looked for: for the message when it is refused.
    """

    def __init__(
        self, model: str, url: str, *, api_key: str | None = None, key_source: str = "api_key"
    ) -> None:
        super().__init__("")
        self.model, self.url = model, plain_url(url, "The URL of the chat model")
        self._api_key, self._key_source = api_key, key_source

    @cached_property
    def wire(self) -> Wire:
        """Make the way to the URL's host."""
        return wire_of_url(self.url, self._api_key, self._key_source, _RETRIES)

    def answer(self, text: str, max_tokens: int) -> dict[str, Any]:
        """Return the model's message to one question, ``{"role": "assistant", "content": …}``."""
        endpoint = endpoint_of_url(self.url, self.wire)
        body = {
            "model": self.model,
            "messages": [{"role": "user", "content": text}],
            "max_tokens": max_tokens,
        }
        document = document_of(self.call(endpoint, json=body), str(endpoint))
        message = mapping(next(iter(mappings(document.get("choices"))), {}).get("message"))
        if not message:
            raise NemoUnavailableError(
                f"The answer of {self.model} at {self.wire.base_url} to {endpoint} is no chat completion: it has no message"
            )
        return message
