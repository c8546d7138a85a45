"""Text answers of a student that has learned none: sentences of the conversation that fit, or an example's words."""

import re
from collections.abc import Sequence

from include.local_nemo.students.catalogue import StudentSpec
from include.local_nemo.students.conversation import Conversation
from include.local_nemo.students.examples import Example
from include.local_nemo.students.features import context_features
from include.local_nemo.students.templates import facts_of, fill_template, make_template
from include.local_nemo.students.zero_shot import cosine, stems_of

MAX_SENTENCES = 400
MAX_SENTENCE_LENGTH = 600

_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")


def extract_answer(conversation: Conversation, spec: StudentSpec) -> str:
    """Answer with the sentences of the conversation that share most with the last turns, one per size of student."""
    if not conversation.turns:
        return "How can I help?"
    asked: set[str] = set()
    for turn in conversation.turns[-spec.richness :]:
        asked.update(stems_of(turn.text[:4000]))
    texts = [turn.text for turn in conversation.turns[-spec.history :] if turn.role != "tool"]
    sentences = [
        sentence.strip()[:MAX_SENTENCE_LENGTH]
        for text in [conversation.system, *texts]
        for sentence in _SENTENCE.split(text)
        if sentence.strip()
    ][-MAX_SENTENCES:]
    ranked = []
    for place, sentence in enumerate(dict.fromkeys(sentences)):
        stems = set(stems_of(sentence))
        ranked.append((len(stems & asked) / (4 + len(stems)), place, sentence))
    best = sorted(ranked, reverse=True)[: spec.richness]
    chosen = " ".join(sentence for _, _, sentence in sorted(best, key=lambda entry: entry[1]))
    return chosen or conversation.turns[-1].text[:MAX_SENTENCE_LENGTH] or "How can I help?"


def imitate_example(conversation: Conversation, examples: Sequence[Example], spec: StudentSpec) -> str:
    """Answer as the most similar example did, with this conversation's facts; empty without a text example."""
    here = context_features(conversation, spec)
    best, words = -1.0, ""
    for example in examples:
        if not example.calls:
            alike = cosine(here, context_features(example.conversation, spec))
            if alike > best:
                template = make_template(example.text, facts_of(example.conversation))
                best, words = alike, fill_template(template, facts_of(conversation))[0]
    return words
