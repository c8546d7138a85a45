"""When a call is made again, and how long that is put off."""

from __future__ import annotations

import random
from typing import Any

import tenacity

from nemo_provider.errors import NemoUnavailableError
from nemo_provider.hooks.endpoints import Endpoint
from nemo_provider.hooks.wire import Wire

#: Longest pause between two tries, seconds, a Retry-After of the platform included.
MAX_RETRY_WAIT = 60.0


def retrying(wire: Wire, endpoint: Endpoint) -> dict[str, Any]:
    """Return the arguments of tenacity's ``Retrying``: exponential back-off with jitter, honouring ``Retry-After``.

    A call that is not repeatable is made again only where the platform cannot have got it.
    """

    def worth_it(error: BaseException) -> bool:
        return isinstance(error, NemoUnavailableError) and (endpoint.repeatable or not error.sent)

    def wait(state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked_for = getattr(error, "retry_after", None)
        if asked_for is not None:
            return min(asked_for, MAX_RETRY_WAIT)
        backed_off = min(wire.retry_wait * 2 ** (state.attempt_number - 1), MAX_RETRY_WAIT)
        return backed_off * random.uniform(0.5, 1.0)

    return {
        "stop": tenacity.stop_after_attempt(wire.retries),
        "retry": tenacity.retry_if_exception(worth_it),
        "wait": wait,
        "reraise": True,
    }
