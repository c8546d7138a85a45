"""Measure what the detection of personal data finds in the labelled sample, and what it costs.

`python -m bench.privacy [--half development] [--show KIND] [--logs FILE]`: a table of both halves, or the misses and
false finds of one kind; with logs, also the seconds for 1,000 of their records.
"""

import argparse
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import orjson

from bench.outcome import Target, finish, print_table
from bench.privacy_sample import Label, Text, sample
from include.flywheel.privacy import PrivacyConfig
from include.flywheel.privacy.redactor import Redactor

KINDS = ("email", "card", "iban", "phone", "national_id", "address", "person")
REGIONS = ("US", "GB", "DE", "FR", "ES", "IT")

#: Precision and recall wanted on the held-out half. Streets are told by the words of six languages, names by what stands around
#: them and by lists, without a model: less is asked of both. A brand such as Calvin Klein is a name to them.
TARGETS = dict.fromkeys(KINDS[:5], (0.95, 0.9)) | {"address": (0.9, 0.8), "person": (0.8, 0.8)}

#: A label counts as found when this share of its characters is replaced.
_COVERED = 0.9
_PLACEHOLDER = re.compile(r"<([A-Z]+(?:_[A-Z]+)*)_\d+>")


def spans(text: str, redactor: Redactor) -> list[Label]:
    """Return what the redactor replaces in a text, told from its output alone."""
    _, answer, _ = redactor.apply([], {"role": "assistant", "content": text})
    redacted = answer["content"]
    pattern, kinds, done = "", [], 0
    for match in _PLACEHOLDER.finditer(redacted):
        pattern += re.escape(redacted[done : match.start()]) + "(.+?)"
        kinds.append(match[1].lower())
        done = match.end()
    aligned = re.fullmatch(pattern + re.escape(redacted[done:]), text, re.DOTALL)
    if aligned is None:
        raise ValueError(f"{redacted!r} is not {text!r} with placeholders")
    return [Label(*aligned.span(group), kind) for group, kind in enumerate(kinds, start=1)]


class Result:
    """Counts over a half of the sample, and the texts where something went wrong."""

    def __init__(self, texts: Iterator[Text], redactor: Redactor) -> None:
        self.labels: Counter[str] = Counter()
        self.found: Counter[str] = Counter()
        self.right: Counter[str] = Counter()
        self.covered: Counter[str] = Counter()
        self.wrong: list[tuple[str, str, str, str]] = []
        for text in texts:
            self._take(text, spans(text.text, redactor))

    def _take(self, text: Text, found: Sequence[Label]) -> None:
        for span in found:
            self.found[span.kind] += 1
            right = any(
                label.kind == span.kind and label.start < span.end and span.start < label.end
                for label in text.labels
            )
            self.right[span.kind] += right
            if not right:
                self.wrong.append((span.kind, "false", text.text[span.start : span.end], text.text))
        for label in text.labels:
            # Blanks between the parts of a name stay; they tell nothing.
            letters = [place for place in range(label.start, label.end) if not text.text[place].isspace()]
            hidden = sum(
                any(s.kind == label.kind and s.start <= place < s.end for s in found) for place in letters
            )
            covered = hidden >= _COVERED * len(letters)
            self.labels[label.kind] += 1
            self.covered[label.kind] += covered
            if not covered:
                self.wrong.append((label.kind, "missed", text.text[label.start : label.end], text.text))

    def precision(self, kind: str) -> float:
        """Return the share of finds that are right, 1 when nothing was found."""
        return self.right[kind] / self.found[kind] if self.found[kind] else 1.0

    def recall(self, kind: str) -> float:
        """Return the share of labels that are covered, 1 when there is none."""
        return self.covered[kind] / self.labels[kind] if self.labels[kind] else 1.0


def seconds_per_thousand(logs: Path, mode: Literal["report", "replace"]) -> float:
    """Return the time for 1,000 records of a log, from parsed request to messages with placeholders."""
    redactor = Redactor(PrivacyConfig(mode=mode))
    lines = logs.read_bytes().splitlines()
    spent = 0.0
    for line in lines:
        record = orjson.loads(line)
        messages, answer = record["request"]["messages"], record["response"]["choices"][0]["message"]
        start = time.perf_counter()
        redactor.apply(messages, answer)
        spent += time.perf_counter() - start
    return 1000 * spent / len(lines)


_COLUMNS = "kind;labels;held out: precision;recall;development: precision;recall"


def main() -> int:
    """Print the table and the line for programs; return 1 when a target is missed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--half", default="development")
    parser.add_argument("--show", choices=KINDS)
    parser.add_argument("--logs", type=Path)
    options = parser.parse_args()
    redactor = Redactor(PrivacyConfig(mode="replace", regions=REGIONS))
    if options.show:
        for kind, what, value, text in Result(sample(options.half), redactor).wrong:
            if kind == options.show:
                print(f"{what:7} {value!r} in {text!r}")
        return 0
    results = {half: Result(sample(half), redactor) for half in ("development", "held_out")}
    targets: dict[str, Target] = {}
    rows = []
    for kind in KINDS:
        held, seen = results["held_out"], results["development"]
        numbers = (held.precision(kind), held.recall(kind), seen.precision(kind), seen.recall(kind))
        rows.append([kind, str(held.labels[kind]), *(f"{number:.3f}" for number in numbers)])
        least = dict(zip(("precision", "recall"), TARGETS[kind], strict=True))
        targets[f"{kind}: precision"] = Target(held.precision(kind), least["precision"], at_least=True)
        targets[f"{kind}: recall"] = Target(held.recall(kind), least["recall"], at_least=True)
    print_table("Personal data in the labelled sample", _COLUMNS.split(";"), rows)
    if options.logs:
        modes: tuple[Literal["report", "replace"], ...] = ("report", "replace")
        for mode in modes:
            print(
                f"{mode}: {seconds_per_thousand(options.logs, mode):.3f} s for 1,000 records of {options.logs.name}"
            )
    return finish("privacy", targets)


if __name__ == "__main__":
    sys.exit(main())
