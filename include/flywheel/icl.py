"""Examples in a prompt: which ones, how they are written, and how many fit."""

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from include.flywheel.chat import arguments_text, text_of
from include.flywheel.config_sections import IclConfig
from include.flywheel.records import digest
from include.flywheel.tokens import bytes_for, estimate_tokens

#: Examples kept in memory for each tool, and for workloads without tools.
EXAMPLES_PER_TOOL = 4
EXAMPLES_WITHOUT_TOOLS = 64

#: Below this an example says nothing: rather fewer of them, each longer.
MIN_EXAMPLE_TOKENS = 150

_INTRODUCTION = (
    "# Examples\nEach example is the end of another conversation and the answer that was right there. "
    "Answer in the same way."
)
_CUT = "[…]"


@dataclass(frozen=True)
class Example:
    """One training record as an example: its turns, one text each, and the right answer."""

    id: str
    turns: tuple[str, ...]
    answer: str

    @classmethod
    def of(cls, record_id: str, messages: Sequence[Mapping[str, Any]]) -> "Example":
        """Make an example of a training row's messages; the last one is the answer."""
        *prompt, answer = messages
        turns = [turn for message in prompt for turn in _turns(message)]
        return cls(record_id, tuple(turns), _answer(answer))

    def text(self, room: int) -> str | None:
        """Write the example in at most this many bytes, leaving out the oldest turns; None when none fits."""
        frame = f"<example>\n<conversation>\n</conversation>\n<answer>\n{self.answer}\n</answer>\n</example>"
        left = room - len(frame.encode()) - len(_CUT.encode()) - 2
        kept: list[str] = []
        for turn in reversed(self.turns):
            size = len(turn.encode()) + 1
            if size > left:
                break
            kept.append(turn)
            left -= size
        if not kept:
            return None
        if len(kept) < len(self.turns):
            kept.append(_CUT)
        return frame.replace("<conversation>\n", "<conversation>\n" + "\n".join(reversed(kept)) + "\n", 1)


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

    def for_record(self, record_id: str, offered_tools: Sequence[str], count: int) -> list[Example]:
        """Return examples for one eval record, the tools taking turns.

        Only tools that the record's request offers are shown (all, if none of them has an example);
        where the round begins depends on the record, so that over all records every tool is shown about
        equally often.
        """
        tools = [tool for tool in self._best if tool in offered_tools] or list(self._best)
        tools.sort(key=lambda tool: _place(self._seed, tool))
        start = _place(self._seed, record_id)
        tools = tools[start % len(tools) :] + tools[: start % len(tools)] if tools else []
        queues = [[name for _, name in sorted(self._best[tool], reverse=True)] for tool in tools]
        # Within a tool the examples take turns as well.
        queues = [queue[start % len(queue) :] + queue[: start % len(queue)] for queue in queues]
        depth = max((len(queue) for queue in queues), default=0)
        names = [queue[i] for i in range(depth) for queue in queues if i < len(queue)]
        return [self._examples[name] for name in names[:count]]


@dataclass
class IclPrompts:
    """Prompts with examples for one context length; `with_tools`: candidates are sent the tools."""

    context: int
    settings: IclConfig
    pool: ExamplePool
    with_tools: bool
    counts: IclCounts = field(default_factory=IclCounts)

    def with_examples(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return a copy of an eval row with as many examples in its system message as fit."""
        request = row["request"]
        offered = [tool["function"]["name"] for tool in request.get("tools") or [] if _named(tool)]
        shown = [request["messages"], request.get("tools") if self.with_tools else None]
        own = estimate_tokens(len(orjson.dumps(shown)))
        room = self.context - self.settings.reserved_tokens - own - estimate_tokens(len(_INTRODUCTION))
        wanted = min(self.settings.max_examples, max(room, 0) // MIN_EXAMPLE_TOKENS)
        texts: list[str] = []
        for example in self.pool.for_record(row["record_id"], offered, wanted):
            share = bytes_for(room) // (wanted - len(texts))
            text = example.text(share)
            if text is not None:
                texts.append(text)
                room -= estimate_tokens(len(text.encode()) + 1)
        self.counts.rows += 1
        self.counts.examples += len(texts)
        self.counts.below_min_examples += len(texts) < self.settings.min_examples
        self.counts.over_context += own + self.settings.reserved_tokens > self.context
        if not texts:
            return dict(row)
        block = "\n".join([_INTRODUCTION, *texts])
        return {**row, "request": {**request, "messages": _with_system(request["messages"], block)}}


def _with_system(messages: list[dict[str, Any]], block: str) -> list[dict[str, Any]]:
    if messages and messages[0].get("role") in ("system", "developer"):
        first = messages[0]
        return [{**first, "content": f"{text_of(first.get('content'))}\n\n{block}"}, *messages[1:]]
    return [{"role": "system", "content": block}, *messages]


def _turns(message: Mapping[str, Any]) -> list[str]:
    role = message.get("role")
    if role in ("system", "developer"):
        return []
    text = text_of(message.get("content"))
    turns = [f"{role}: {text}"] if text.strip() else []
    for call in message.get("tool_calls") or []:
        if _named(call):
            function = call["function"]
            turns.append(
                f"{role} (tool call): {function['name']} {arguments_text(function.get('arguments'))}"
            )
    return turns


def _answer(message: Mapping[str, Any]) -> str:
    calls = [call["function"] for call in message.get("tool_calls") or []]
    return orjson.dumps({"tool_calls": calls}).decode() if calls else text_of(message.get("content"))


def _named(thing: Any) -> bool:
    function = thing.get("function") if isinstance(thing, dict) else None
    return isinstance(function, dict) and isinstance(function.get("name"), str)


def _place(seed: int | None, name: str) -> int:
    return int.from_bytes(digest(f"example:{'' if seed is None else seed}:{name}".encode()), "big")
