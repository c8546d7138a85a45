"""Small logs and configurations, made by hand."""

import json
from pathlib import Path
from typing import Any

from include.flywheel.config import FlywheelConfig, parse_config
from include.flywheel.jsonl import read_lines

CLIENT, WORKLOAD = "acme", "support"
DAY_ONE = 1759276800  # 2025-10-01T00:00:00Z

TOOLS = [
    {"type": "function", "function": {"name": name, "parameters": {"type": "object", "properties": {}}}}
    for name in ("find_user", "get_order", "cancel_order")
]


def tool_record(
    conversation: str | None, turn: int, *, tool: str = "get_order", **changes: Any
) -> dict[str, Any]:
    """One tool call in turn `turn` of a conversation whose turns are prefixes of each other."""
    messages: list[dict[str, Any]] = [
        {"role": "system", "content": "Help the customer."},
        {"role": "user", "content": f"Please cancel order {conversation or 'nameless'}."},
    ]
    for earlier in range(turn):
        call = {"id": f"c{earlier}", "type": "function"}
        call["function"] = {"name": "find_user", "arguments": json.dumps({"step": earlier})}  # type: ignore[assignment]
        messages += [
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": f"c{earlier}", "content": f"result {earlier}"},
        ]
    answer = {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {
                "id": f"random-{conversation}-{turn}",
                "type": "function",
                "function": {"name": tool, "arguments": json.dumps({"order": conversation, "turn": turn})},
            }
        ],
    }
    return record(conversation, messages, answer, tools=TOOLS, timestamp=DAY_ONE + turn, **changes)


def text_record(conversation: str | None, question: str, answer: str, **changes: Any) -> dict[str, Any]:
    """One question with a text as its answer."""
    messages = [{"role": "user", "content": question}]
    return record(conversation, messages, {"role": "assistant", "content": answer}, **changes)


def record(
    conversation: str | None,
    messages: list[dict[str, Any]],
    answer: dict[str, Any],
    *,
    tools: list[Any] | None = None,
    timestamp: Any = DAY_ONE,
    finish_reason: str = "stop",
    **request: Any,
) -> dict[str, Any]:
    """One record as it is logged."""
    body: dict[str, Any] = {"model": "prod", "messages": messages, "temperature": 0.1, **request}
    if tools is not None:
        body["tools"] = tools
    if conversation is not None:
        body["metadata"] = {"conversation_id": conversation}
    choice = {"index": 0, "finish_reason": finish_reason, "message": answer}
    return {
        "timestamp": timestamp,
        "client_id": CLIENT,
        "workload_id": WORKLOAD,
        "request": body,
        "response": {"id": "r", "object": "chat.completion", "model": "prod", "choices": [choice]},
    }


def write_logs(path: Path, records: list[Any]) -> Path:
    """Write records (or raw text lines) as JSON lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join((r if isinstance(r, str) else json.dumps(r)) + "\n" for r in records))
    return path


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Read a JSON lines file."""
    return [json.loads(line) for line in read_lines(path)]


def config(**split: Any) -> FlywheelConfig:
    """One candidate; keys of `data_split_config` as given, small by default."""
    return parse_config(
        {
            "nims": [
                {"model_name": "local/student-s", "context_length": 4096, "customization_enabled": True}
            ],
            "data_split_config": {"eval_size": 10, "min_total_records": 0, **split},
            "icl_config": {"max_examples": 3, "reserved_tokens": 512},
            "llm_judge_config": {"model_name": "local/judge", "deployment_type": "local"},
        },
        source="test",
    )
