"""A labelled sample of support texts, in two halves: `development`, and `held_out`, which is only measured."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from bench.privacy_sample.values import KINDS, Values

_SLOT = re.compile(r"\{([a-z0-9_]+)\}")


class Label(NamedTuple):
    """Personal data in a text: from `start` up to `end`."""

    start: int
    end: int
    kind: str


class Text(NamedTuple):
    """A text and what is personal in it."""

    text: str
    labels: list[Label]


def sample(half: str, variants: int = 12) -> Iterator[Text]:
    """Yield every template of a half `variants` times, each time with other values; the same ones in every run."""
    values = Values(half, seed=7)
    lines = (Path(__file__).parent / f"{half}.txt").read_text(encoding="utf-8").splitlines()
    for line in lines:
        if line and not line.startswith("# "):
            for _ in range(variants):
                yield _filled(line.replace("\\n", "\n"), values)


def _filled(template: str, values: Values) -> Text:
    values.new_text()
    text, labels, done = "", [], 0
    for slot in _SLOT.finditer(template):
        text += template[done : slot.start()]
        value = values.value(slot[1])
        if slot[1] in KINDS:
            labels.append(Label(len(text), len(text) + len(value), KINDS[slot[1]]))
        text, done = text + value, slot.end()
    return Text(text + template[done:], labels)
