"""A judge without a language model: it compares words, numbers and identifiers of two answers."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from include.local_nemo.students.conversation import Call, text_of
from include.local_nemo.students.examples import calls_in
from include.local_nemo.students.values import COMMON_WORDS, as_text, words_of

SHORT_VALUE_WORDS = 4
"""Up to this many words a value is an identifier and must match exactly; beyond, its meaning counts."""
SAME_MEANING = 0.5
COMMON_WEIGHT = 0.35
BIGRAM_SHARE = 0.3
CURVE = 0.7
"""Overlap of free wording is low even for paraphrases; this exponent stretches it over the scale."""
NUMBERS_SHARE = 0.3
QUOTED_WEIGHT = 0.1
"""An answer is what it adds: words of the question count little, or quoting the question would be a good answer."""
ENDING_SHARE = 0.2
"""What an answer of several lines comes down to stands in the last one."""

_REFERENCE = re.compile(r"<reference_answer>\s*(.*?)\s*</reference_answer>", re.DOTALL)
_CANDIDATE = re.compile(r"<candidate_answer>\s*(.*?)\s*</candidate_answer>", re.DOTALL)
_QUESTION = re.compile(r"<question>\s*(.*?)\s*</question>", re.DOTALL)
_NUMBER = re.compile(r"[#A-Za-z_]*\d[\w.,]*\d|[#A-Za-z_]*\d")


def judge(messages: Sequence[Any]) -> str:
    """Answer a judge's prompt.

    The two answers stand between `<reference_answer>` and `<candidate_answer>` tags of some message; what they
    answer, if the judge is told, between `<question>` tags. If any message contains `RATING:` the answer is
    `RATING: 0` or `RATING: 1` with a line `EXPLANATION: …`, for tool calls; else it is an integer from 1 to 10,
    alone. A prompt without both answers gets the lowest rating.
    """
    texts = [text_of(message.get("content")) for message in messages if isinstance(message, Mapping)]
    prompt = "\n".join(texts)
    reference = _last(_REFERENCE, texts)
    candidate = _last(_CANDIDATE, texts)
    if "RATING:" in prompt:
        rating, reason = rate_calls(reference, candidate)
        return f"RATING: {rating}\nEXPLANATION: {reason}"
    return str(similarity(reference, candidate, _last(_QUESTION, texts)))


def _last(pattern: re.Pattern[str], texts: Sequence[str]) -> str:
    found = [match for text in texts for match in pattern.findall(text)]
    return str(found[-1]) if found else ""


def similarity(reference: str, candidate: str, question: str = "") -> int:
    """Rate how far two answers to a question say the same: 10 the same, 1 nothing in common or empty."""
    left, right = calls_in(reference), calls_in(candidate)
    if left or right:
        return 10 if rate_calls(reference, candidate)[0] else 1 + 4 * (_names(left) == _names(right))
    mine, theirs = words_of(reference), words_of(candidate)
    if not mine or not theirs:
        return 10 if not mine and not theirs and reference.strip() == candidate.strip() != "" else 1
    asked = words_of(question)
    overlap = (1 - BIGRAM_SHARE) * _f1(_weighted(mine, asked), _weighted(theirs, asked))
    overlap += BIGRAM_SHARE * _f1(_pairs(mine, asked), _pairs(theirs, asked))
    share = overlap**CURVE
    ends = _last_words(reference), _last_words(candidate)
    if max(reference.strip().count("\n"), candidate.strip().count("\n")) and all(ends):
        share = (1 - ENDING_SHARE) * share + ENDING_SHARE * _f1(*(_weighted(end, asked) for end in ends))
    given = set(_NUMBER.findall(question))
    facts, said = set(_NUMBER.findall(reference)) - given, set(_NUMBER.findall(candidate)) - given
    if facts or said:
        agreed = 2 * len(facts & said) / (len(facts) + len(said))
        share = (1 - NUMBERS_SHARE) * share + NUMBERS_SHARE * agreed
    return max(1, min(10, round(1 + 9 * share)))


def _last_words(text: str) -> tuple[str, ...]:
    return words_of(text.strip().rpartition("\n")[2])


def _weighted(words: Sequence[str], asked: Sequence[str] = ()) -> dict[str, float]:
    quoted = frozenset(asked)
    return {
        word: count * (QUOTED_WEIGHT if word in quoted else COMMON_WEIGHT if word in COMMON_WORDS else 1.0)
        for word, count in Counter(words).items()
    }


def _pairs(words: Sequence[str], asked: Sequence[str]) -> dict[str, float]:
    quoted = set(pairwise(asked))
    counts = Counter(pairwise(words))
    pairs = {" ".join(pair): n * (QUOTED_WEIGHT if pair in quoted else 1.0) for pair, n in counts.items()}
    return pairs or _weighted(words, asked)


def _f1(left: Mapping[str, float], right: Mapping[str, float]) -> float:
    shared = sum(min(weight, right[word]) for word, weight in left.items() if word in right)
    return 2 * shared / ((sum(left.values()) + sum(right.values())) or 1.0)


def rate_calls(reference: str, candidate: str) -> tuple[int, str]:
    """Rate predicted tool calls 1 (right) or 0, with the reason.

    Every call of the reference needs a predicted call of the same name with the same arguments, and no call may
    be left over. Short values must match exactly, longer texts by more than half of their words.
    """
    expected, predicted = calls_in(reference), calls_in(candidate)
    if not predicted:
        return 0, "The prediction holds no tool call."
    if _names(expected) != _names(predicted):
        return 0, "The functions called differ."
    left = list(predicted)
    for call in expected:
        match = next(
            (other for other in left if other.name == call.name and _same_arguments(call, other)), None
        )
        if match is None:
            return 0, f"An argument of {call.name} is missing or wrong."
        left.remove(match)
    return 1, "Function and arguments agree with the reference."


def _names(calls: Sequence[Call]) -> list[str]:
    return sorted(call.name for call in calls)


def _same_arguments(one: Call, other: Call) -> bool:
    return one.arguments.keys() == other.arguments.keys() and all(
        _same(value, other.arguments[key]) for key, value in one.arguments.items()
    )


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(_same(*pair) for pair in zip(one, other, strict=True))
    if isinstance(one, dict | list) or isinstance(other, dict | list):
        return False
    left, right = as_text(one).strip(), as_text(other).strip()
    if left == right:
        return True
    mine, theirs = words_of(left), words_of(right)
    if min(len(mine), len(theirs)) <= SHORT_VALUE_WORDS:
        return left.casefold() == right.casefold() and not any(char.isdigit() for char in left)
    return _f1(_weighted(mine), _weighted(theirs)) > SAME_MEANING
