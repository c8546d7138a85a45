"""A student at work: one chat completion request in, one answer with text or tool calls out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import orjson

from include.local_nemo.students.adapter import Adapter, load_adapter
from include.local_nemo.students.arguments import ArgumentModel
from include.local_nemo.students.catalogue import StudentSpec
from include.local_nemo.students.conversation import (
    Call,
    Conversation,
    read_conversation,
    text_of,
    with_calls,
)
from include.local_nemo.students.examples import Example, read_examples
from include.local_nemo.students.features import context_features
from include.local_nemo.students.judge import judge
from include.local_nemo.students.lessons import END, TOOL
from include.local_nemo.students.linear import LinearModel
from include.local_nemo.students.phrasing import phrase
from include.local_nemo.students.slots import learn_slots
from include.local_nemo.students.wording import extract_answer, imitate_example
from include.local_nemo.students.zero_shot import zero_shot_scores

BYTES_PER_TOKEN = 4
"""The students have no tokenizer: four bytes of UTF-8 count as one token."""
TOKENS_PER_MESSAGE = 4
MAX_PARALLEL_CALLS = 8

ToolCall: TypeAlias = dict[str, Any]


@dataclass(slots=True)
class Answer:
    """An answer: text or tool calls (`{"name", "arguments": object}`), and the tokens it took."""

    content: str | None
    tool_calls: list[ToolCall] = field(default_factory=list)
    prompt_tokens: int = 0
    completion_tokens: int = 0


def count_tokens(text: str) -> int:
    """Return the length of a text in tokens, by size."""
    return -(-len(text.encode("utf-8", "replace")) // BYTES_PER_TOKEN)


def count_prompt_tokens(request: Mapping[str, Any]) -> int:
    """Return the length of a request's messages and tools in tokens."""
    messages = request.get("messages")
    total = 0
    for message in messages if isinstance(messages, list) else []:
        total += TOKENS_PER_MESSAGE
        if isinstance(message, Mapping):
            total += count_tokens(text_of(message.get("content")))
            if message.get("tool_calls"):
                total += _size(message["tool_calls"])
    return total + (_size(request["tools"]) if request.get("tools") else 0)


def _size(value: Any) -> int:
    return -(-len(orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS)) // BYTES_PER_TOKEN)


def load_student(spec: StudentSpec, adapter_dir: Path | None = None) -> "Student":
    """Load a student, with the adapter in `adapter_dir` if there is one; raises `AdapterError` for a bad one."""
    return Student(spec, load_adapter(adapter_dir, spec) if adapter_dir is not None else None)


class Student:
    """A model of the catalogue that answers chat requests; safe to share between threads.

    Without an adapter it goes by the words of the tool definitions and by the examples in the prompt. With one
    it does what it was trained for, and leaves examples in the prompt unread.
    """

    def __init__(self, spec: StudentSpec, adapter: Adapter | None = None) -> None:
        self.spec = spec
        self.adapter = adapter

    def answer(self, request: Mapping[str, Any]) -> Answer:
        """Answer a chat completion request; odd or missing fields are taken as absent, never refused."""
        prompt_tokens = count_prompt_tokens(request)
        if self.spec.kind != "student":
            messages = request.get("messages")
            text = judge(messages if isinstance(messages, list) else [])
            return Answer(text, [], prompt_tokens, count_tokens(text))
        conversation = read_conversation(request)
        choice = _tool_choice(request.get("tool_choice"), conversation)
        if choice == "none":
            conversation.tools = {}
        examples = read_examples(conversation.system)
        if self.adapter is None:
            calls, text = self._improvise(conversation, choice, examples)
        else:
            calls, text = self._apply(self.adapter, conversation, choice, examples)
        written = [{"name": call.name, "arguments": call.arguments} for call in calls]
        tokens = _size(written) if written else count_tokens(text)
        return Answer(None if calls else text, written, prompt_tokens, tokens)

    def _improvise(
        self, conversation: Conversation, choice: str, examples: Sequence[Example]
    ) -> tuple[list[Call], str]:
        if conversation.tools:
            scores = zero_shot_scores(conversation, examples, self.spec)
            tool = choice if choice in scores else max(scores, key=lambda name: scores[name])
            if choice != "auto" or scores[tool] > 0 or not conversation.turns:
                shown = [(example.conversation, example.calls) for example in examples if example.calls]
                model = ArgumentModel(self.spec, learn_slots(shown) if shown else {})
                return [Call(tool, model.fill(conversation, tool))], ""
        return [], imitate_example(conversation, examples, self.spec) or extract_answer(
            conversation, self.spec
        )

    def _apply(
        self, adapter: Adapter, conversation: Conversation, choice: str, examples: Sequence[Example]
    ) -> tuple[list[Call], str]:
        calls: list[Call] = []
        while len(calls) < MAX_PARALLEL_CALLS:
            state = with_calls(conversation, calls)
            features = context_features(state, self.spec)
            scores = adapter.choice.scores(features)
            best = _best(adapter.choice, scores, conversation, choice, started=bool(calls))
            if best is None or not best.startswith(TOOL):
                break
            call = Call(best.removeprefix(TOOL), adapter.arguments.fill(state, best.removeprefix(TOOL)))
            if call in calls:
                break
            calls.append(call)
            if END not in adapter.choice.classes:
                break
        if calls:
            return calls, ""
        if choice not in ("auto", "none") and conversation.tools:
            return self._improvise(conversation, choice, examples)
        if not adapter.memory.templates:
            return [], imitate_example(conversation, examples, self.spec) or extract_answer(
                conversation, self.spec
            )
        return [], phrase(adapter.memory, adapter.choice, self.spec, conversation, features, scores)


def _tool_choice(raw: Any, conversation: Conversation) -> str:
    """Return `auto`, `none`, `required`, or the name of the tool that must be called."""
    if isinstance(raw, Mapping):
        function = raw.get("function")
        name = function.get("name") if isinstance(function, Mapping) else None
        return name if isinstance(name, str) and name in conversation.tools else "required"
    return raw if raw in ("none", "required") else "auto"


def _best(
    model: LinearModel, scores: Any, conversation: Conversation, choice: str, started: bool
) -> str | None:
    """Return the best class that the request allows; None where it allows none of those learned."""
    allowed = []
    for place, name in enumerate(model.classes):
        if name == END:
            fits = started
        elif name.startswith(TOOL):
            tool = name.removeprefix(TOOL)
            fits = tool in conversation.tools and choice in ("auto", "required", tool)
        else:
            fits = not started and choice in ("auto", "none")
        if fits:
            allowed.append((float(scores[place]), name))
    return max(allowed)[1] if allowed else None
