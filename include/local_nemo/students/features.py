"""What a student notices in a conversation when it decides which tool to call or which answer to give."""

from collections.abc import Iterable
from itertools import pairwise
from zlib import crc32

import numpy as np

from include.local_nemo.students.catalogue import StudentSpec
from include.local_nemo.students.conversation import Conversation, Turn
from include.local_nemo.students.linear import Features
from include.local_nemo.students.shapes import is_identifier, shape_of

WORD_WEIGHT = 0.5
CROSS_WEIGHT = 0.4
OLD_WEIGHT = 0.25
MANY = 3
"""Counts above this are one bucket."""
MAX_WORDS = 120


def hash_features(named: dict[str, float], bits: int) -> Features:
    """Fold named features into `bits` bits; names that meet in one bucket share it."""
    mask = (1 << bits) - 1
    folded: dict[int, float] = {}
    for name, value in named.items():
        bucket = crc32(name.encode()) & mask
        folded[bucket] = max(value, folded.get(bucket, 0.0))
    ids = np.fromiter(folded, np.int32, len(folded))
    values = np.fromiter(folded.values(), np.float32, len(folded))
    order = np.argsort(ids)
    return ids[order], values[order]


def context_features(conversation: Conversation, spec: StudentSpec) -> Features:
    """Return the hashed features of a conversation as far as a student of this size can see it."""
    return hash_features(named_features(conversation, spec), spec.hash_bits)


def named_features(conversation: Conversation, spec: StudentSpec) -> dict[str, float]:
    """Return the features by readable name; later groups only for richer students."""
    turns = conversation.turns[-spec.history :]
    found: dict[str, float] = {}
    last = turns[-1] if turns else Turn("none", "")
    user = _last(turns, "user")
    called = [call.name for turn in turns for call in turn.calls] + [
        call.name for call in conversation.pending
    ]
    last_tool = called[-1] if called else "-"
    found[f"role={last.role}"] = 1.0
    found[f"tool={last_tool}"] = 1.0
    found[f"role+tool={last.role},{last_tool}"] = 1.0
    _add_words(found, "u", user.words, WORD_WEIGHT, spec.max_ngram)
    if conversation.pending:
        found["writing"] = 1.0
        found[f"writing={last_tool}x{min(len(conversation.pending), MANY)}"] = 1.0
    if spec.richness >= 2:
        _add_recent_past(found, conversation, turns, called)
        _add_words(found, "a", _last(turns, "assistant", spoken=True).words, WORD_WEIGHT, spec.max_ngram)
    if spec.richness >= 3:
        _add_open_work(found, conversation, turns, last_tool)
        _add_crosses(found, turns, user, last, last_tool)
    return found


def _last(turns: list[Turn], role: str, spoken: bool = False) -> Turn:
    for turn in reversed(turns):
        if turn.role == role and (turn.text or not spoken):
            return turn
    return Turn(role, "")


def _add_words(found: dict[str, float], group: str, words: Iterable[str], weight: float, ngram: int) -> None:
    kept = [word if word.isalpha() else shape_of(word) for word in list(words)[:MAX_WORDS]]
    for word in kept:
        found[f"{group}:{word}"] = weight
    if ngram > 1:
        for first, second in pairwise(kept):
            found[f"{group}:{first} {second}"] = weight


def _add_recent_past(
    found: dict[str, float], conversation: Conversation, turns: list[Turn], called: list[str]
) -> None:
    recent = [call.name for call in conversation.pending]
    for turn in reversed(turns):
        if turn.role == "user":
            break
        recent[:0] = [call.name for call in turn.calls]
    found[f"since={min(len(recent), MANY)}"] = 1.0
    found[f"recent={'>'.join(recent[-2:])}"] = 1.0
    found[f"recent3={'>'.join(recent[-3:])}"] = 1.0
    found[f"last2={'>'.join(called[-2:])}"] = 1.0
    for name in set(called):
        found[f"called={name}"] = 1.0
        found[f"called={name}x{min(called.count(name), MANY)}"] = 0.5
    last = turns[-1] if turns else None
    if last is not None and last.role == "tool":
        failed = "error" in last.text[:60].lower()
        found[f"output={last.source},{'failed' if failed else 'ok'}"] = 1.0
        found[f"output.empty={not last.text.strip()}"] = 0.5
        for key in last.keys:
            found[f"output.key={key}"] = 0.5
        _add_words(found, "o", last.words[:20], WORD_WEIGHT, 1)


def _add_open_work(
    found: dict[str, float], conversation: Conversation, turns: list[Turn], last_tool: str
) -> None:
    """Notice identifiers that an output brought up and that no call has used yet: work that is left to do."""
    used = {leaf.value for turn in turns for leaf in turn.leaves if turn.role == "assistant"}
    for call in conversation.pending:
        used.update(str(value) for value in call.arguments.values())
    said: set[str] = set()
    for turn in turns[-4:]:
        if turn.role == "user":
            said.update(span.value for span in turn.spans)
    newest: dict[str, Turn] = {turn.source: turn for turn in turns if turn.role == "tool"}
    for turn in newest.values():
        open_ids: dict[str, int] = {}
        wanted: dict[str, int] = {}
        for leaf in turn.leaves:
            if leaf.identifier:
                fresh = leaf.value not in used
                open_ids[leaf.path] = open_ids.get(leaf.path, 0) + fresh
                if leaf.value in said:
                    wanted[leaf.path] = wanted.get(leaf.path, 0) + fresh
        for path, count in open_ids.items():
            found[f"open={path}:{min(count, MANY)}"] = 1.0
            found[f"open={path}:{count > 0}&{last_tool}"] = 1.0
        for path, count in wanted.items():
            found[f"wanted={path}:{min(count, 2)}"] = 1.0
        fields: dict[str, int] = {}
        for leaf in turn.leaves:
            for sibling in leaf.siblings:
                fields[sibling] = 1
        for sibling in list(fields)[:30]:
            found[f"field={turn.source}.{sibling}"] = 0.3


def _add_crosses(found: dict[str, float], turns: list[Turn], user: Turn, last: Turn, last_tool: str) -> None:
    state = last_tool if last.role == "tool" else f"user,{last_tool}"
    for word in user.words[:60]:
        if word.isalpha():
            found[f"{state}&u:{word}"] = CROSS_WEIGHT
    asked = _last(turns, "assistant", spoken=True)
    for word in asked.words[-40:]:
        if word.isalpha():
            found[f"{state}&a:{word}"] = CROSS_WEIGHT
    for span in user.spans:
        if is_identifier(span.value, span.shape):
            found[f"u.shape={span.shape}"] = 1.0
    for turn in turns:
        if turn.role == "user":
            for word in turn.words[:60]:
                if word.isalpha():
                    found.setdefault(f"h:{word}", OLD_WEIGHT)
    found[f"length={min(len(turns) // 4, 6)}"] = 0.5
    found[f"users={min(sum(turn.role == 'user' for turn in turns), 8)}"] = 0.5
    tail = [turn.role[0] + (turn.calls[0].name if turn.calls else "") for turn in turns[-4:]]
    found[f"tail={'>'.join(tail)}"] = 1.0
    if last.role == "tool":
        found[f"u.short={len(user.words) < 6}&{last_tool}"] = 0.5
        found[f"out.words={'+'.join(last.words[:4]) if len(last.words) < 12 else ''}&{last_tool}"] = 0.5
