"""Questions to the platform as generators: they yield calls, take the answers, return what they mean.

No I/O here. The hook does the asking, from a task or from an event loop, so that both read the answers alike::

    def is_there(name):
        try:
            yield Question(endpoints.GET_EVALUATION_JOB, {"id": name})
        except NemoNotFoundError:       # the hook throws a refusal in where the question was asked
            return False
        return True
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, NamedTuple, TypeVar

from nemo_provider.hooks.answers import document_of
from nemo_provider.hooks.endpoints import Endpoint

T = TypeVar("T")


class Question(NamedTuple):
    """Hold one call."""

    endpoint: Endpoint
    path: dict[str, str]


Questions = Generator[Question, Any, T]


def document(endpoint: Endpoint, path: dict[str, str]) -> Questions[dict[str, Any]]:
    """Ask for one JSON object; an answer that is none is ``NemoUnavailableError``."""
    return document_of((yield Question(endpoint, path)), str(endpoint))
