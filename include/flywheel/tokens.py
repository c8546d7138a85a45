"""How many tokens a text will be, without a tokenizer: the same on every machine, online or not."""

import math

#: English text and JSON are about four bytes a token with the vocabularies of current models.
BYTES_PER_TOKEN = 4

#: Tool outputs and identifiers are denser than prose; without a margin a prompt estimated to fit would not.
MARGIN = 1.2


def estimate_tokens(size: int) -> int:
    """Return the estimated tokens of a text of this many UTF-8 bytes, rounded up."""
    return math.ceil(size / BYTES_PER_TOKEN * MARGIN)


def bytes_for(tokens: int) -> int:
    """Return how many bytes of text fit into this many tokens by the same estimate."""
    return int(tokens * BYTES_PER_TOKEN / MARGIN)
