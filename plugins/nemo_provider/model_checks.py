"""Does a model at a URL of its own answer, with its key?"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from nemo_provider.checks import Check, CheckError, NotTold
from nemo_provider.errors import NemoInvalidRequestError, NemoNotFoundError, NemoUnavailableError
from nemo_provider.hooks.chat import ChatHook
from nemo_provider.hooks.embeddings import EmbeddingsHook
from nemo_provider.platform_checks import READY
from nemo_provider.reach_checks import impatient

#: Seconds for a model, which has to think, and is asked once.
_THINKING = 8.0


def model_check(
    service: str, hook: ChatHook | EmbeddingsHook, needs: tuple[str, ...] = (), asked_by: str = ""
) -> Check:
    """Ask a remote model for the shortest answer. ``asked_by`` is who calls it in a run, where that is not this machine."""
    question: Callable[[], object] = (
        partial(hook.answer, "Say OK.", 1)
        if isinstance(hook, ChatHook)
        else partial(hook.embed, ["question 1"], "query")
    )

    def ask() -> str:
        try:
            impatient(hook, _THINKING, 1)
            question()
        except NemoInvalidRequestError as error:
            raise NotTold(f"it was reached, and takes no question as small as this: {error}") from None
        except NemoNotFoundError as error:
            raise CheckError(
                str(error), f"Correct the url, or the model's name, {hook.model}: one of them is not there"
            ) from None
        except NemoUnavailableError as error:
            # No connection, from here; a status such as 429 or 503 would be told to everybody.
            if not (asked_by and error.remedy):
                raise
            raise CheckError(
                str(error),
                f"{error.remedy}. In a run the {asked_by} calls it, which may reach it",
                bearable=True,
            ) from None
        return f"{hook.model} answers at {hook.wire.base_url}"

    return Check(service, READY, ask, needs)
