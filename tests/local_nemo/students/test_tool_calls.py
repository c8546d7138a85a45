import json

import pytest
import support_desk
from student_training import SIZES, train_quietly

from include.local_nemo.students import Student, catalogue

EVAL = support_desk.rows(25, seed=2)


def student(size, adapters=None):
    return Student(catalogue()[f"local/student-{size}"], adapters[size] if adapters else None)


def accuracy(model, rows=EVAL):
    """Return the shares of rows with the right functions, and with the right functions and arguments."""
    answers = [model.answer(support_desk.request(row)).tool_calls for row in rows]
    wanted = [support_desk.expected(row) for row in rows]
    names = sum(
        [c["name"] for c in got] == [c["name"] for c in want]
        for got, want in zip(answers, wanted, strict=True)
    )
    return names / len(rows), sum(got == want for got, want in zip(answers, wanted, strict=True)) / len(rows)


def test_a_customized_large_student_masters_a_learnable_policy(adapters):
    names, whole = accuracy(student("l", adapters))
    assert names >= 0.97
    assert whole >= 0.9


@pytest.mark.parametrize("size", SIZES)
def test_customizing_beats_the_base_model(adapters, size):
    base, customized = accuracy(student(size)), accuracy(student(size, adapters))
    assert customized[0] > base[0] + 0.2
    assert customized[1] > base[1] + 0.2


def test_a_base_student_is_weak_but_not_hopeless():
    names, _ = accuracy(student("l"))
    assert 0.2 < names < 0.9


def test_larger_students_get_more_arguments_right(adapters):
    small, medium, large = (accuracy(student(size, adapters))[1] for size in SIZES)
    assert small < medium <= large


def test_calls_are_answered_in_parallel_where_the_log_has_parallel_calls():
    tools = [support_desk.tool("get_weather", "Weather of a city", city="")]
    cities = ["Paris", "Rome", "Oslo", "Lima", "Cairo", "Delhi", "Quito", "Turin", "Bonn", "Kyiv"]

    def row(*asked):
        calls = [support_desk.call("get_weather", {"city": city}, as_text=False) for city in asked]
        return {
            "messages": [
                {"role": "user", "content": f"How is the weather in {' and in '.join(asked)} today?"},
                {"role": "assistant", "content": None, "tool_calls": calls},
            ],
            "tools": tools,
        }

    pairs = [(one, other) for one in cities[:8] for other in cities[:8] if one != other]
    rows = [row(*pair) for pair in pairs] + [row(city) for city in cities[:8]] * 3
    model = Student(catalogue()["local/student-l"], train_quietly("l", rows))

    def asked_for(*asked):
        return [
            call["arguments"]["city"] for call in model.answer(support_desk.request(row(*asked))).tool_calls
        ]

    assert sorted(asked_for("Bonn", "Kyiv")) == ["Bonn", "Kyiv"]
    assert asked_for("Kyiv") == ["Kyiv"]


def test_nested_lists_of_objects_are_rebuilt_from_the_conversation():
    tools = [support_desk.tool("order", "Order articles", order={"type": "object"})]

    def row(*wanted):
        lines = [{"sku": f"SKU-{number}", "unit": "piece"} for number in wanted]
        arguments = {"order": {"lines": lines, "express": False}}
        return {
            "messages": [
                {
                    "role": "user",
                    "content": "Please order " + ", ".join(f"SKU-{number}" for number in wanted),
                },
                {"role": "assistant", "tool_calls": [support_desk.call("order", arguments)]},
            ],
            "tools": tools,
        }

    rows = [row(*range(start, start + 1 + start % 3)) for start in range(1000, 1090)]
    model = Student(catalogue()["local/student-l"], train_quietly("l", rows))
    asked = row(7001, 7002)
    assert model.answer(support_desk.request(asked)).tool_calls == support_desk.expected(asked)


def test_examples_in_the_prompt_teach_a_base_student():
    tools = [
        support_desk.tool("aa", "First thing", code=""),
        support_desk.tool("bb", "Second thing", code=""),
    ]
    example = (
        "<example>\n<conversation>\nuser: Send the shipment {} please\n</conversation>\n<answer>\n"
        '{{"tool_calls": [{{"name": "bb", "arguments": {{"code": "{}"}}}}]}}\n</answer>\n</example>'
    )
    block = "\n".join(
        ["# Examples", example.format("XK-1234", "XK-1234"), example.format("XK-4567", "XK-4567")]
    )
    question = {"role": "user", "content": "Send the shipment XK-9876 please"}
    model = student("l")
    shown = model.answer({"messages": [{"role": "system", "content": block}, question], "tools": tools})
    assert shown.tool_calls == [{"name": "bb", "arguments": {"code": "XK-9876"}}]
    assert model.answer({"messages": [question], "tools": tools}).tool_calls != shown.tool_calls


@pytest.mark.parametrize("trained", [False, True])
def test_tool_choice_is_obeyed(adapters, trained):
    model = student("l", adapters if trained else None)
    request = support_desk.request(EVAL[0])
    named = {"type": "function", "function": {"name": "ping"}}
    assert model.answer({**request, "tool_choice": "none"}).tool_calls == []
    assert model.answer({**request, "tool_choice": "none"}).content
    assert len(model.answer({**request, "tool_choice": "required"}).tool_calls) == 1
    assert model.answer({**request, "tool_choice": named}).tool_calls == [{"name": "ping", "arguments": {}}]


def test_a_customized_student_calls_only_tools_on_offer(adapters):
    request = {**support_desk.request(EVAL[0]), "tools": support_desk.TOOLS[3:], "tool_choice": "required"}
    offered = {entry["function"]["name"] for entry in support_desk.TOOLS[3:]}
    assert {call["name"] for call in student("l", adapters).answer(request).tool_calls} <= offered


def test_arguments_may_be_logged_as_objects_or_as_strings():
    as_text = support_desk.rows(10, seed=5)
    as_objects = json.loads(json.dumps(as_text))
    for row in as_objects:
        for message in row["messages"]:
            for made in message.get("tool_calls", ()):
                made["function"]["arguments"] = json.loads(made["function"]["arguments"])
    assert train_quietly("m", as_text).files() == train_quietly("m", as_objects).files()


ODD_REQUESTS = {
    "nothing": {},
    "no_list": {"messages": "hello"},
    "empty": {"messages": []},
    "odd_messages": {"messages": [None, 3, {"role": None, "content": None}, {"content": 5}]},
    "parts": {
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}, {"type": "image_url"}, 4]}]
    },
    "no_system": {
        "messages": [{"role": "user", "content": "ünïcödé 🙂 \ud83d"}],
        "tools": support_desk.TOOLS,
    },
    "odd_tools": {
        "messages": [{"role": "user", "content": "go"}],
        "tools": [
            None,
            {},
            {"function": {"name": "f"}},
            {"function": {"name": "g", "parameters": {"properties": []}}},
        ],
    },
    "odd_schema": {
        "messages": [{"role": "user", "content": "go 5"}],
        "tools": [
            support_desk.tool(
                "h", "", a={"enum": [1, None, {}]}, b={"type": ["string"]}, c={"items": 3, "type": "array"}
            )
        ],
        "tool_choice": "required",
    },
    "odd_calls": {
        "messages": [
            {
                "role": "assistant",
                "tool_calls": [{"function": {"name": "f", "arguments": "{broken"}}, {"id": 1}],
            },
            {"role": "tool", "content": '{"a": [[1, [2]], {}], "": null, "é": "ü"}'},
            {"role": "tool", "content": ""},
        ],
        "tools": support_desk.TOOLS,
    },
    "broken_examples": {
        "messages": [
            {"role": "system", "content": "<example><answer>{</answer></example><example></example>"}
        ],
        "tools": support_desk.TOOLS,
    },
}


@pytest.mark.parametrize("trained", [False, True])
@pytest.mark.parametrize("name", ODD_REQUESTS)
def test_odd_requests_get_an_answer(adapters, name, trained):
    for size in SIZES:
        answer = student(size, adapters if trained else None).answer(ODD_REQUESTS[name])
        assert answer.tool_calls or isinstance(answer.content, str)
        assert answer.prompt_tokens >= 0
