"""Patterns of the user's own, matched by RE2: in time linear in the text, whatever the pattern."""

from collections.abc import Iterator, Sequence
from typing import Any

from include.flywheel.privacy.spans import Span

#: Among its positions are an end, a beginning, and borders between letters, digits and blanks: what can match nothing does here.
_PROBE = "a 1-b"


def compiled(pattern: str) -> Any:
    """Return the compiled pattern; raise ValueError, worded for the configuration, when it cannot be used."""
    import re2

    options = re2.Options()
    options.log_errors = False
    try:
        expression = re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0].decode() if isinstance(error.args[0], bytes) else error
        raise ValueError(f"is no pattern that RE2 takes: {reason}") from None
    if any(match.start() == match.end() for text in ("", _PROBE) for match in expression.finditer(text)):
        raise ValueError("matches nothing at all, too. Make it match at least one character everywhere")
    return expression


class CustomFinder:
    """Find the matches of one pattern."""

    def __init__(self, pattern: str) -> None:
        self._expression = compiled(pattern)

    def __call__(self, text: str) -> Sequence[Span]:
        """Return the matches in the order of the text."""
        return list(self._matches(text))

    def _matches(self, text: str) -> Iterator[Span]:
        for match in self._expression.finditer(text):
            if match.end() > match.start():
                yield Span(match.start(), match.end(), match.group())
