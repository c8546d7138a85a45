"""A small support desk with a rule behind every tool call, as training rows and as requests."""

import json
import random
from typing import Any

FIRST = ["Ada", "Ben", "Cleo", "Dora", "Emil", "Fred", "Gita", "Hugo", "Ines", "Jo"]
LAST = ["Archer", "Brandt", "Costa", "Duran", "Egger", "Fuchs", "Garcia", "Hansen"]
ITEMS = ["lamp", "kettle", "chair", "rug", "mirror", "clock"]


def tool(name: str, description: str, **properties: Any) -> dict[str, Any]:
    """Return a tool in OpenAI's shape; all properties are required strings unless given as schemas."""
    schemas = {
        key: value if isinstance(value, dict) else {"type": "string"} for key, value in properties.items()
    }
    parameters = {"type": "object", "properties": schemas, "required": list(schemas)}
    return {
        "type": "function",
        "function": {"name": name, "description": description, "parameters": parameters},
    }


TOOLS = [
    tool("find_customer", "Find a customer by e-mail address", email=""),
    tool("list_tickets", "List the tickets of a customer", customer_id=""),
    tool("read_ticket", "Read one ticket", ticket_id=""),
    tool(
        "close_ticket",
        "Close a ticket",
        ticket_id="",
        reason={"type": "string", "enum": ["solved", "duplicate"]},
    ),
    tool("refund", "Refund an item", ticket_id="", item={"type": "object"}, notify={"type": "boolean"}),
    tool("ping", "Check that the desk is there"),
]


def call(name: str, arguments: dict[str, Any], as_text: bool = True) -> dict[str, Any]:
    """Return a tool call in OpenAI's shape."""
    written = json.dumps(arguments) if as_text else arguments
    return {"id": f"call-{name}", "type": "function", "function": {"name": name, "arguments": written}}


def conversations(count: int, seed: int = 0) -> list[list[dict[str, Any]]]:
    """Return conversations of five tool calls each; the policy is learnable, the values are new each time."""
    draw = random.Random(seed)
    return [_conversation(draw) for _ in range(count)]


def _conversation(draw: random.Random) -> list[dict[str, Any]]:
    first, last = draw.choice(FIRST), draw.choice(LAST)
    email = f"{first}.{last}{draw.randint(10, 99)}@example.com".lower()
    customer = f"C-{draw.randint(10000, 99999)}"
    tickets = [f"T-{draw.randint(100000, 999999)}" for _ in range(draw.randint(2, 3))]
    items = draw.sample(ITEMS, len(tickets))
    wish = draw.randrange(len(tickets))
    messages: list[dict[str, Any]] = [
        {"role": "system", "content": "You run a support desk."},
        {
            "role": "user",
            "content": f"Hello, I am {first}. My address is {email}. It is about my {items[wish]}.",
        },
    ]

    def step(name: str, arguments: dict[str, Any], output: Any) -> None:
        made = call(name, arguments)
        messages.append({"role": "assistant", "content": None, "tool_calls": [made]})
        messages.append({"role": "tool", "tool_call_id": made["id"], "content": json.dumps(output)})

    step("find_customer", {"email": email}, {"customer_id": customer, "name": f"{first} {last}"})
    listed = [{"ticket_id": ticket, "item": item} for ticket, item in zip(tickets, items, strict=True)]
    step("list_tickets", {"customer_id": customer}, {"tickets": listed})
    state = draw.choice(["solved", "open"])
    step(
        "read_ticket", {"ticket_id": tickets[wish]}, {"ticket_id": tickets[wish], "state": state, "price": 20}
    )
    messages.append({"role": "assistant", "content": f"I found ticket {tickets[wish]}. What shall I do?"})
    if draw.random() < 0.5:
        reason = draw.choice(["solved", "duplicate"])
        wording = {
            "solved": "Please close it, the matter is solved.",
            "duplicate": "Close it, I wrote twice.",
        }
        messages.append({"role": "user", "content": wording[reason]})
        step("close_ticket", {"ticket_id": tickets[wish], "reason": reason}, {"ok": True})
    else:
        notify = draw.random() < 0.5
        messages.append(
            {"role": "user", "content": f"I want my money back{', and a mail' if notify else ''}."}
        )
        item = {"name": items[wish], "count": 1}
        step("refund", {"ticket_id": tickets[wish], "item": item, "notify": notify}, {"ok": True})
    return messages


def rows(count: int, seed: int = 0) -> list[dict[str, Any]]:
    """Return training rows: one for each tool call of `count` conversations."""
    return [
        {"messages": messages[: place + 1], "tools": TOOLS}
        for messages in conversations(count, seed)
        for place, message in enumerate(messages)
        if message.get("tool_calls")
    ]


def text_rows(count: int, seed: int = 0) -> list[dict[str, Any]]:
    """Return training rows with text answers that repeat facts of the conversation."""
    return [
        {"messages": messages[: place + 1]}
        for messages in conversations(count, seed)
        for place, message in enumerate(messages)
        if message["role"] == "assistant" and message.get("content")
    ]


def expected(row: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the calls that answer a row, as a student gives them."""
    calls = row["messages"][-1]["tool_calls"]
    return [
        {"name": one["function"]["name"], "arguments": json.loads(one["function"]["arguments"])}
        for one in calls
    ]


def request(row: dict[str, Any]) -> dict[str, Any]:
    """Return the request that a row answers."""
    return {**row, "messages": row["messages"][:-1]}
