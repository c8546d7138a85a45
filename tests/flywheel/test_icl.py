import copy
from typing import Any

from include.flywheel.config_sections import IclConfig
from include.flywheel.examples import Example
from include.flywheel.icl import ExamplePool, IclPrompts
from include.flywheel.tokens import ByteEstimate, estimate_tokens

TOOLS = [{"type": "function", "function": {"name": name}} for name in ("a", "b", "c")]


def call(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    function = {"name": name, "arguments": arguments}
    return {"role": "assistant", "content": "", "tool_calls": [{"type": "function", "function": function}]}


def example(record_id: str, tool: str, turns: int = 2) -> Example:
    talk = [{"role": "user", "content": f"turn {i} of {record_id}: " + "word " * 40} for i in range(turns)]
    return Example.of(
        record_id, [{"role": "system", "content": "rules"}, *talk, call(tool, {"id": record_id})]
    )


def pool(*examples: tuple[str, str], turns: int = 2) -> ExamplePool:
    made = ExamplePool(seed=None)
    for record_id, tool in examples:
        made.offer(record_id, [tool] if tool else [])
    for record_id, tool in examples:
        if record_id in made.chosen():
            made.add(example(record_id, tool or "a", turns))
    return made


def eval_row(record_id: str = "e", *, system: bool = True, size: int = 10) -> dict[str, Any]:
    messages = [{"role": "system", "content": "The policy."}] if system else []
    messages.append({"role": "user", "content": "x" * size})
    return {
        "record_id": record_id,
        "request": {"messages": messages, "tools": TOOLS},
        "response": {"choices": []},
    }


def prompts(made: ExamplePool, context: int = 8192, **icl: Any) -> IclPrompts:
    settings = IclConfig.model_validate({"reserved_tokens": 100, "max_examples": 3, **icl})
    return IclPrompts(context, settings, made, with_tools=True)


def shown_tools(row: dict[str, Any]) -> list[str]:
    lines = row["request"]["messages"][0]["content"].splitlines()
    return [line.split('"name":"')[1][0] for line in lines if line.startswith('{"tool_calls"')]


def test_an_example_shows_the_end_of_a_conversation_and_its_answer() -> None:
    made = Example.of(
        "r",
        [
            {"role": "system", "content": "secret policy"},
            {"role": "user", "content": [{"type": "text", "text": "where is it?"}]},
            call("find", {"q": "it"}),
            {"role": "tool", "content": "there"},
            call("get", {"id": 7}),
        ],
    )
    assert made.text(10_000, ByteEstimate()) == (
        '<example>\n<conversation>\nuser: where is it?\nassistant (tool call): find {"q":"it"}\ntool: there\n'
        "</conversation>\n<answer>\n"
        '{"tool_calls":[{"name":"get","arguments":{"id":7}}]}\n'
        "</answer>\n</example>"
    )


def test_a_long_example_loses_its_oldest_turns_first() -> None:
    made = example("r", "a", turns=6)
    text = made.text(900, ByteEstimate())
    assert text is not None
    assert len(text.encode()) <= 900
    assert "[…]\nuser: turn 3" in text
    assert "turn 5 of r" in text
    assert made.text(100, ByteEstimate()) is None


def test_a_text_answer_is_shown_as_it_is() -> None:
    made = Example.of("r", [{"role": "user", "content": "2+2?"}, {"role": "assistant", "content": "4"}])
    assert "<answer>\n4\n</answer>" in (made.text(500, ByteEstimate()) or "")


def test_examples_come_after_the_policy_in_the_system_message() -> None:
    row = prompts(pool(("1", "a"))).with_examples(eval_row())
    system = row["request"]["messages"][0]
    assert system["content"].startswith("The policy.\n\n# Examples\n")
    assert [m["role"] for m in row["request"]["messages"]] == ["system", "user"]


def test_a_prompt_without_system_message_gets_one() -> None:
    row = prompts(pool(("1", "a"))).with_examples(eval_row(system=False))
    assert [m["role"] for m in row["request"]["messages"]] == ["system", "user"]


def test_the_eval_row_itself_is_not_changed() -> None:
    row = eval_row()
    before = copy.deepcopy(row)
    prompts(pool(("1", "a"))).with_examples(row)
    assert row == before


def test_tools_take_turns_whatever_their_frequency() -> None:
    many = [(f"a{i}", "a") for i in range(50)]
    made = pool(*many, ("b1", "b"), ("c1", "c"))
    seen = [tool for i in range(60) for tool in shown_tools(prompts(made).with_examples(eval_row(f"e{i}")))]
    assert {tool: seen.count(tool) for tool in "abc"} == {"a": 60, "b": 60, "c": 60}


def test_only_tools_that_the_request_offers_are_shown() -> None:
    made = pool(("1", "a"), ("2", "gone"))
    assert shown_tools(prompts(made).with_examples(eval_row())) == ["a"]


def test_the_same_record_gets_the_same_examples_again() -> None:
    examples = [(f"{tool}{i}", tool) for tool in "abc" for i in range(9)]
    first = prompts(pool(*examples)).with_examples(eval_row())
    again = prompts(pool(*reversed(examples))).with_examples(eval_row())
    assert first == again


def test_prompts_stay_within_their_context_by_estimate() -> None:
    made = pool(*[(f"{tool}{i}", tool) for tool in "abc" for i in range(4)], turns=40)
    for context in (600, 1200, 2500, 5000):
        row = prompts(made, context).with_examples(eval_row())
        size = sum(len(m["content"].encode()) for m in row["request"]["messages"])
        assert estimate_tokens(size) <= context - 100


def test_examples_longer_than_their_share_take_what_the_others_leave() -> None:
    made = ExamplePool(None)
    for record_id, size in (("1", 2000), ("2", 2000), ("3", 100)):
        made.offer(record_id, [f"{'abc'[int(record_id) - 1]}"])
        made.chosen()
        made.add(Example(record_id, ("x" * size,), "{}"))
    row = prompts(made, 1200).with_examples(eval_row())
    shown = row["request"]["messages"][0]["content"]
    assert shown.count("<example>") == 2
    assert "x" * 2000 in shown
    assert estimate_tokens(len(shown.encode())) <= 1100


class Meeting(ByteEstimate):
    """A tokenizer to which two examples are much longer together than each alone."""

    def size(self, text: str) -> int:
        return super().size(text) + 400 * text.count("</example>\n<example>")


def test_a_prompt_is_within_its_context_also_where_texts_meet() -> None:
    made = pool(*[(f"{tool}{i}", tool) for tool in "abc" for i in range(4)])
    counted = IclPrompts(1600, prompts(made, max_examples=9).settings, made, True, Meeting())
    [system, user] = counted.with_examples(eval_row())["request"]["messages"]
    assert "<example>" in system["content"]
    assert estimate_tokens(sum(Meeting().size(m["content"]) for m in (system, user))) <= 1500


def test_prompts_that_take_too_few_examples_are_counted() -> None:
    tight = prompts(pool(("1", "a"), ("2", "b")), 1000, min_examples=1)
    tight.with_examples(eval_row(size=10))
    tight.with_examples(eval_row(size=2700))
    tight.with_examples(eval_row(size=9000))
    assert (tight.counts.rows, tight.counts.below_min_examples, tight.counts.over_context) == (3, 2, 1)


def test_a_pool_without_examples_leaves_prompts_as_they_are() -> None:
    assert prompts(ExamplePool(None)).with_examples(eval_row()) == eval_row()
