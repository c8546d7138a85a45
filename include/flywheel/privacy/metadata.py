"""What a logged request and response hold beside messages and tools: kept where it is no one's, left out otherwise."""

from collections.abc import Mapping
from typing import Any

from include.flywheel.records import digest

#: How the model was asked. Everything else (`user`, `metadata`, headers a gateway adds, …) may tell who asked.
_PARAMETERS = frozenset(
    {
        "model", "temperature", "top_p", "top_k", "min_p", "max_tokens", "max_completion_tokens", "n", "stop", "stream", "seed",
        "frequency_penalty", "presence_penalty", "repetition_penalty", "logprobs", "top_logprobs", "logit_bias", "tool_choice",
        "parallel_tool_calls", "response_format", "reasoning_effort", "nvext", "functions", "function_call",
    }
)  # fmt: skip
_OF_THE_ANSWER = frozenset(
    {"id", "object", "created", "model", "usage", "system_fingerprint", "service_tier"}
)


def request_parameters(request: Mapping[str, Any]) -> dict[str, Any]:
    """Return the entries of a request that only say how the model was asked."""
    return {key: value for key, value in request.items() if key in _PARAMETERS}


def response_facts(response: Mapping[str, Any]) -> dict[str, Any]:
    """Return the entries of a response, without its choices, that only say how it came about."""
    return {key: value for key, value in response.items() if key in _OF_THE_ANSWER}


def nameless(conversation: str) -> str:
    """Return a name for a conversation that does not tell the logged one, which may be a user's address."""
    return f"conversation-{digest(conversation.encode()).hex()}"
