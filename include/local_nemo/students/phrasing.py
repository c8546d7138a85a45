"""Wording of learned text answers: recalled, quoted from the conversation, or both, as validation rows show best."""

from collections.abc import Sequence

import numpy as np

from include.local_nemo.students.catalogue import StudentSpec
from include.local_nemo.students.conversation import Conversation
from include.local_nemo.students.lessons import TEXT, Lesson
from include.local_nemo.students.linear import Features, LinearModel, Matrix
from include.local_nemo.students.memory import NEIGHBOURS, AnswerMemory, answer_vectors
from include.local_nemo.students.templates import facts_of
from include.local_nemo.students.wording import extract_answer

STYLES = ("recall", "quote", "quote and recall", "quote and conclude")
"""`recall` a filled answer; `quote` fitting sentences; quote, then recall, or its last line alone."""
STYLE_ROWS = 100
MIN_STYLE_ROWS = 8
MARGIN = 0.02
"""Quoting must win by this much: it is no answer of one's own."""
UNKNOWN_KIND = -9.0


def phrase(
    memory: AnswerMemory,
    model: LinearModel,
    spec: StudentSpec,
    conversation: Conversation,
    example: Features,
    scores: Matrix,
) -> str:
    """Write the text answer of a trained student; `scores` are the logits of `model` for this conversation."""
    return _in_style(memory.style, memory, model, spec, conversation, example, scores)


def _in_style(
    style: str,
    memory: AnswerMemory,
    model: LinearModel,
    spec: StudentSpec,
    conversation: Conversation,
    example: Features,
    scores: Matrix,
) -> str:
    quoted = extract_answer(conversation, spec) if style != "recall" else ""
    if style == "quote":
        return quoted
    kinds = _kind_scores(memory, model, scores)
    recalled = memory.recall(example, kinds, facts_of(conversation), NEIGHBOURS[spec.richness])
    if style == "quote and conclude":
        recalled = recalled.strip().rpartition("\n")[2]
    return f"{quoted}\n{recalled}" if quoted else recalled


def _kind_scores(memory: AnswerMemory, model: LinearModel, scores: Matrix) -> Matrix:
    count = int(memory.kinds.max(initial=0)) + 1
    logits = np.full(count, UNKNOWN_KIND, np.float32)
    for place, name in enumerate(model.classes):
        if name.startswith(TEXT) and int(name.removeprefix(TEXT)) < count:
            logits[int(name.removeprefix(TEXT))] = scores[place]
    return logits - logits.max()


def choose_style(memory: AnswerMemory, model: LinearModel, spec: StudentSpec, held: Sequence[Lesson]) -> None:
    """Set the style whose answers share most words with those of held-out lessons; few of them decide nothing."""
    if len(held) < MIN_STYLE_ROWS or not memory.templates:
        return
    logged = answer_vectors([lesson.text for lesson in held])
    best = -1.0
    for style in STYLES:
        written = [
            _in_style(
                style,
                memory,
                model,
                spec,
                lesson.conversation,
                lesson.states[0],
                model.scores(lesson.states[0]),
            )
            for lesson in held
        ]
        alike = float(logged.multiply(answer_vectors(written)).sum()) / len(held)
        if style == "quote":
            alike -= MARGIN
        if alike > best:
            best, memory.style = alike, style
