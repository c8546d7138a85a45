"""How many tokens a text will be: by a model's own tokenizer file, or by an estimate that needs none."""

import math
from functools import lru_cache
from pathlib import Path
from typing import Protocol

from include.flywheel.errors import ConfigError

#: English text and JSON are about four bytes a token with the vocabularies of current models.
BYTES_PER_TOKEN = 4

#: Tool outputs and identifiers are denser than prose; without a margin a prompt estimated to fit would not.
MARGIN = 1.2

#: Texts whose size is remembered: turns of examples are measured for many prompts.
_REMEMBERED = 1024


def estimate_tokens(size: int) -> int:
    """Return the estimated tokens of a text of this many UTF-8 bytes, rounded up."""
    return math.ceil(size / BYTES_PER_TOKEN * MARGIN)


def bytes_for(tokens: int) -> int:
    """Return how many bytes of text fit into this many tokens by the same estimate."""
    return int(tokens * BYTES_PER_TOKEN / MARGIN)


class TokenCounter(Protocol):
    """Measures texts in a unit of its own, in which sizes add up, and turns sums into tokens."""

    def size(self, text: str) -> int:
        """Return the size of a text in the counter's unit."""

    def tokens(self, size: int) -> int:
        """Return how many tokens texts of together this size are."""

    def room(self, tokens: int) -> int:
        """Return the size of the texts that fit into this many tokens."""


class ByteEstimate:
    """Measures in UTF-8 bytes and estimates: the same on every machine, whatever the model."""

    def size(self, text: str) -> int:
        """Return the bytes of a text."""
        return len(text.encode())

    def tokens(self, size: int) -> int:
        """Return the estimated tokens of so many bytes, rounded up."""
        return estimate_tokens(size)

    def room(self, tokens: int) -> int:
        """Return the bytes that are estimated to fit."""
        return bytes_for(tokens)


class TokenizerFile:
    """Measures in the tokens of a `tokenizer.json`, read once, from no network.

    Raises ConfigError naming the key and the remedy when the file cannot be read or is no tokenizer.
    """

    def __init__(self, path: Path):
        from tokenizers import Tokenizer

        key = "icl_config.tokenizer"
        remedy = "Give the path of a model's tokenizer.json, or leave the key out to estimate tokens"
        try:
            tokenizer = Tokenizer.from_buffer(path.read_bytes())
        except OSError as error:
            problem = f"{key}: {path} cannot be read: {error.strerror or error}. {remedy}"
            raise ConfigError("the configuration", [problem]) from error
        except ValueError as error:
            problem = f"{key}: {path} is no tokenizer of the library tokenizers. {remedy}"
            raise ConfigError("the configuration", [problem]) from error
        # A file may say that texts are cut or filled up to the model's length: then no text would be too long.
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self.size = lru_cache(_REMEMBERED)(
            lambda text: len(tokenizer.encode(text, add_special_tokens=False).ids)
        )

    def tokens(self, size: int) -> int:
        """Return the size: it is in tokens."""
        return size

    def room(self, tokens: int) -> int:
        """Return the tokens: they are the size."""
        return tokens
