"""Training rows as lessons: the features of the conversation and what the logged answer did."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from include.local_nemo.students.catalogue import StudentSpec
from include.local_nemo.students.conversation import (
    Call,
    Conversation,
    read_calls,
    read_conversation,
    text_of,
    with_calls,
)
from include.local_nemo.students.features import context_features
from include.local_nemo.students.linear import Features
from include.local_nemo.students.memory import answer_vectors, kinds_of
from include.local_nemo.students.ranker import Choice
from include.local_nemo.students.templates import facts_of, make_template

TOOL, TEXT, END = "tool:", "text:", "end"
"""What a student chooses among: a tool by name, a kind of text answer by number, no further parallel call."""

HELD_OUT = 10
"""Without validation rows every tenth training row is held out, as the Customizer does."""


@dataclass(slots=True)
class Lesson:
    """One training row: each decision of its answer as features and label, in order."""

    conversation: Conversation
    calls: tuple[Call, ...]
    text: str
    states: list[Features]
    labels: list[str]
    template: str = ""
    choices: list[Choice] = field(default_factory=list)
    """What the arguments of the calls teach; filled when all slots are known."""


def read_lesson(row: Mapping[str, Any], spec: StudentSpec) -> Lesson | None:
    """Read a row whose last message is the answer; None where that message holds no answer."""
    messages = row.get("messages")
    if not isinstance(messages, list) or not messages or not isinstance(messages[-1], Mapping):
        return None
    answer = messages[-1]
    if answer.get("role") != "assistant":
        return None
    calls, text = read_calls(answer), text_of(answer.get("content"))
    if not calls and not text.strip():
        return None
    conversation = read_conversation({**row, "messages": messages[:-1]})
    if not calls:
        features = context_features(conversation, spec)
        return Lesson(conversation, (), text, [features], [TEXT], make_template(text, facts_of(conversation)))
    states = [context_features(with_calls(conversation, calls[:done]), spec) for done in range(len(calls))]
    return Lesson(conversation, calls, "", states, [TOOL + call.name for call in calls])


def add_endings(lessons: Iterable[Lesson], spec: StudentSpec) -> None:
    """Add to each lesson with calls that no call follows; of use only where some lesson has several."""
    for lesson in lessons:
        if lesson.calls:
            lesson.states.append(context_features(with_calls(lesson.conversation, lesson.calls), spec))
            lesson.labels.append(END)


def hold_out(lessons: list[Lesson]) -> tuple[list[Lesson], list[Lesson]]:
    """Set every tenth lesson aside for validation."""
    kept = [lesson for number, lesson in enumerate(lessons) if (number + 1) % HELD_OUT]
    return kept, lessons[HELD_OUT - 1 :: HELD_OUT]


def name_kinds(known: Iterable[Lesson], held: Iterable[Lesson], seed: int) -> list[int]:
    """Sort the text answers into kinds by their words, and label both sets with them.

    Returns:
        The kind of each text answer of `known`, in order.
    """
    texts = [lesson for lesson in known if not lesson.calls]
    kinds, clusters = kinds_of([lesson.text for lesson in texts], seed)
    for lesson, kind in zip(texts, kinds.tolist(), strict=True):
        lesson.labels = [f"{TEXT}{kind}"]
    others = [lesson for lesson in held if not lesson.calls]
    found = (
        clusters.predict(answer_vectors([lesson.text for lesson in others])) if clusters and others else []
    )
    for number, lesson in enumerate(others):
        lesson.labels = [f"{TEXT}{int(found[number]) if len(found) else 0}"]
    return [int(kind) for kind in kinds.tolist()]
