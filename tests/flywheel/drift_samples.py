"""Windows with known contents, drawn at random."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from include.flywheel.drift.counts import count, lengths
from include.flywheel.drift.statistics import WindowStatistics
from include.flywheel.drift.vector_history import WindowVectors

START = datetime(2025, 10, 1, tzinfo=UTC)
#: Ten tools with a long tail.
MIX = {f"tool_{rank}": 1 / (rank + 1) for rank in range(10)}


def drawn(
    rng: np.random.Generator,
    day: float = 0,
    *,
    records: int = 500,
    conversation: int = 1,
    mix: dict[str, float] = MIX,
    tokens: float = 3000,
    days: float = 1,
    alike: float = 0.5,
    **fields: Any,
) -> WindowStatistics:
    """Draw a window whose conversations have so many records each.

    In a longer conversation this share of the records, `alike`, repeats the tool of the first, and all prompts are about as
    long as the first.
    """
    owners = np.arange(records) // conversation
    weights = np.array(list(mix.values()))
    codes = rng.choice(len(mix), records, p=weights / weights.sum())
    if conversation > 1:
        first = codes[owners * conversation]
        codes = np.where(rng.random(records) < alike, first, codes)
    sizes = tokens * rng.lognormal(0, 0.4, owners[-1] + 1)[owners] * rng.lognormal(0, 0.05, records)
    prompts = lengths(sizes.astype(int), owners)
    values: dict[str, Any] = {
        "client_id": "acme",
        "workload_id": "support",
        "workload_type": "tool_calling",
        "start": START + timedelta(days=day),
        "end": START + timedelta(days=day + days),
        "exported": records,
        "kept": records,
        "set_aside": {},
        "conversations": int(owners[-1]) + 1,
        "tools": count(list(mix), codes, owners),
        "prompt_tokens": prompts,
        "answer_tokens": prompts,
    }
    return WindowStatistics(**{**values, **fields})


#: Cluster centres of vectors, about what a conversation can be, in an embedding model's space; the last is for new topics.
_TOPICS = np.random.default_rng(0).standard_normal((9, 64))
_COMMON = np.random.default_rng(1).standard_normal(64)


def drawn_vectors(
    rng: np.random.Generator,
    day: float = 0,
    *,
    conversations: int = 200,
    moved: float = 0.0,
    model: str = "org/embed",
    dimension: int = 64,
) -> WindowVectors:
    """Draw a window's vectors: eight topics in unequal shares, and of the conversations the share `moved` in a new one."""
    shares = np.append(1 / np.arange(1, 9), 0)
    shares *= (1 - moved) / shares.sum()
    shares[-1] = moved
    topics = rng.choice(len(_TOPICS), conversations, p=shares)
    vectors = _COMMON + _TOPICS[topics] + rng.standard_normal((conversations, 64))
    vectors = vectors[:, :dimension] / np.linalg.norm(vectors[:, :dimension], axis=1, keepdims=True)
    start = START + timedelta(days=day)
    return WindowVectors(model, start, start + timedelta(days=1), vectors.astype(np.float32))
