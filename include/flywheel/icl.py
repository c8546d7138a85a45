"""Examples in a prompt: which ones, how they are written, and how many fit."""

import heapq
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import orjson

from include.flywheel.chat import text_of
from include.flywheel.config_sections import IclConfig
from include.flywheel.examples import Example, is_function
from include.flywheel.records import digest
from include.flywheel.tokens import ByteEstimate, TokenCounter

#: Examples kept in memory for each tool, and for workloads without tools.
EXAMPLES_PER_TOOL = 4
EXAMPLES_WITHOUT_TOOLS = 64

#: Below this an example says nothing: rather fewer of them, each longer.
MIN_EXAMPLE_TOKENS = 150

_INTRODUCTION = (
    "# Examples\nEach example is the end of another conversation and the answer that was right there. "
    "Answer in the same way."
)


@dataclass
class IclCounts:
    """How the prompts of one context length turned out, in eval records.

    `examples` counts them all together; `below_min_examples` are the prompts with fewer than `min_examples`;
    `over_context` are those that are estimated not to fit even without any.
    """

    rows: int = 0
    examples: int = 0
    below_min_examples: int = 0
    over_context: int = 0


class ExamplePool:
    """The training records that may become examples: for each tool the first few in hash order.

    First every candidate's id is offered, then the chosen ones are added with their text.
    """

    def __init__(self, seed: int | None):
        self._seed = seed
        self._best: dict[str, list[tuple[int, str]]] = {}
        self._examples: dict[str, Example] = {}

    def offer(self, record_id: str, tools: Sequence[str]) -> None:
        """Propose a training record, known by the first tool it calls."""
        tool = tools[0] if tools else ""
        room = EXAMPLES_PER_TOOL if tool else EXAMPLES_WITHOUT_TOOLS
        best = self._best.setdefault(tool, [])
        # Negated, so that the heap's smallest entry is the worst of the best.
        entry = (-_place(self._seed, record_id), record_id)
        if len(best) < room:
            heapq.heappush(best, entry)
        else:
            heapq.heappushpop(best, entry)

    def chosen(self) -> set[str]:
        """Return the ids of the records that became examples."""
        return {record_id for best in self._best.values() for _, record_id in best}

    def add(self, example: Example) -> None:
        """Add the text of a chosen record."""
        self._examples[example.id] = example

    def for_record(
        self, record_id: str, offered_tools: Sequence[str], count: int, covered: Collection[str] = ()
    ) -> list[Example]:
        """Return examples for one eval record, the tools taking turns.

        Only tools that the record's request offers are shown (all, if none of them has an example), and of these none
        that are `covered` already; where the round begins depends on the record, so that over all records every tool is
        shown about equally often.
        """
        tools = shown_tools(self._best, offered_tools)
        tools = [tool for tool in tools if tool not in covered]
        tools.sort(key=lambda tool: _place(self._seed, tool))
        start = _place(self._seed, record_id)
        tools = tools[start % len(tools) :] + tools[: start % len(tools)] if tools else []
        queues = [[name for _, name in sorted(self._best[tool], reverse=True)] for tool in tools]
        # Within a tool the examples take turns as well.
        queues = [queue[start % len(queue) :] + queue[: start % len(queue)] for queue in queues]
        depth = max((len(queue) for queue in queues), default=0)
        names = [queue[i] for i in range(depth) for queue in queues if i < len(queue)]
        return [self._examples[name] for name in names[:count]]


def shown_tools(known: Iterable[str], offered: Collection[str]) -> list[str]:
    """Return the tools with examples that a request offers; all of them if it offers none of these."""
    known = list(known)
    return [tool for tool in known if tool in offered] or known


def offered_tools(request: Mapping[str, Any]) -> list[str]:
    """Return the names of the tools that a request offers."""
    return [tool["function"]["name"] for tool in request.get("tools") or [] if is_function(tool)]


class Selection(Protocol):
    """Chooses examples; `ExamplePool` uniformly."""

    def for_record(self, record_id: str, offered_tools: Sequence[str], count: int) -> list[Example]:
        """Return at most `count` examples for an eval record, the most useful first."""


@dataclass
class IclPrompts:
    """Prompts with examples for one context length; `with_tools`: candidates are sent the tools."""

    context: int
    settings: IclConfig
    selection: Selection
    with_tools: bool
    counter: TokenCounter = field(default_factory=ByteEstimate)
    counts: IclCounts = field(default_factory=IclCounts)

    def with_examples(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return a copy of an eval row with as many examples in its system message as fit."""
        request, counter = row["request"], self.counter
        shown = [request["messages"], request.get("tools") if self.with_tools else None]
        own = counter.tokens(counter.size(orjson.dumps(shown).decode()))
        left = self.context - self.settings.reserved_tokens - own
        room = left - counter.tokens(counter.size(_INTRODUCTION))
        wanted = min(self.settings.max_examples, max(room, 0) // MIN_EXAMPLE_TOKENS)
        texts: list[str] = []
        too_long = []
        for example in self.selection.for_record(row["record_id"], offered_tools(request), wanted):
            text = example.text(counter.room(room) // (wanted - len(texts)), counter)
            if text is None:
                too_long.append(example)
            else:
                texts.append(text)
                room -= counter.tokens(counter.size(text) + 1)
        # What the others have left is enough for some that are longer than their share.
        for example in too_long:
            text = example.text(counter.room(room), counter)
            if text is not None:
                texts.append(text)
                room -= counter.tokens(counter.size(text) + 1)
        # Where two texts meet a tokenizer may see another token than in each alone.
        while texts and counter.tokens(counter.size(_block(texts))) > left:
            texts.pop()
        self.counts.rows += 1
        self.counts.examples += len(texts)
        self.counts.below_min_examples += len(texts) < self.settings.min_examples
        self.counts.over_context += own + self.settings.reserved_tokens > self.context
        if not texts:
            return dict(row)
        return {**row, "request": {**request, "messages": _with_system(request["messages"], _block(texts))}}


def _block(texts: Sequence[str]) -> str:
    return "\n".join([_INTRODUCTION, *texts])


def _with_system(messages: list[dict[str, Any]], block: str) -> list[dict[str, Any]]:
    if messages and messages[0].get("role") in ("system", "developer"):
        first = messages[0]
        return [{**first, "content": f"{text_of(first.get('content'))}\n\n{block}"}, *messages[1:]]
    return [{"role": "system", "content": block}, *messages]


def _place(seed: int | None, name: str) -> int:
    return int.from_bytes(digest(f"example:{'' if seed is None else seed}:{name}".encode()), "big")
