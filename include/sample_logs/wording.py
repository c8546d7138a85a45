"""How callers put things: a small grammar, and voices that write it carefully or carelessly.

A pattern offers alternatives in brackets, which may nest: `[Hi|Hello][| there], my bill is [wrong|off]`.
Slots in braces are filled last, so an id, a date or an e-mail address is never mistyped.
"""

import random
import re
from dataclasses import dataclass

_CHOICE = re.compile(r"\[([^\[\]]*)\]")
_WORD = re.compile(r"[A-Za-z]{5,}")


def expand(rng: random.Random, pattern: str, **slots: object) -> str:
    """Draw one wording of `pattern` and fill its slots.

    Raises `KeyError` for a slot without a value.
    """
    return _draw(rng, pattern).format(**slots)


def _draw(rng: random.Random, pattern: str) -> str:
    text, found = pattern, 1
    while found:
        text, found = _CHOICE.subn(lambda match: rng.choice(match[1].split("|")), text)
    return re.sub(r" {2,}", " ", text).strip()


@dataclass(frozen=True)
class Voice:
    """One caller's way of writing: typing errors per hundred longer words, case and full stops."""

    rng: random.Random
    typos: int
    lower: bool
    bare: bool

    @classmethod
    def draw(cls, rng: random.Random) -> "Voice":
        """Pick a voice: most callers type well, one in five does not."""
        return cls(
            rng,
            typos=rng.choice([0, 0, 0, 2, 2, 4, 4, 12]),
            lower=rng.random() < 0.2,
            bare=rng.random() < 0.2,
        )

    def say(self, pattern: str, **slots: object) -> str:
        """Draw one wording of `pattern` in this voice; slots stay as given."""
        text = _draw(self.rng, pattern)
        pieces = re.split(r"(\{\w+\})", text)
        text = "".join(piece if piece.startswith("{") else self._style(piece) for piece in pieces)
        if self.bare:
            text = text.rstrip(".!")
        elif text and text[-1] not in ".!?":
            text += "."
        return text.format(**slots)

    def _style(self, piece: str) -> str:
        piece = _WORD.sub(self._mistype, piece)
        return piece.lower() if self.lower else piece

    def _mistype(self, match: re.Match[str]) -> str:
        word = match[0]
        if self.rng.randrange(100) >= self.typos:
            return word
        at = self.rng.randrange(1, len(word) - 2)
        slip = self.rng.randrange(3)
        if slip == 0:
            return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
        if slip == 1:
            return word[:at] + word[at + 1 :]
        return word[:at] + word[at] + word[at:]
