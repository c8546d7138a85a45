"""Functions, as the OpenAI API had them before tools, as tools."""

from include.flywheel.chat import Message


def modern_messages(messages: object) -> object:
    """Return messages with tool calls and messages of role `tool` where they had function calls; else the same object.

    A result answers the call before it, so both get an id from the place of the call.
    """
    if not isinstance(messages, list):
        return messages
    old = [
        isinstance(m, dict) and bool(m.get("function_call") or m.get("role") == "function") for m in messages
    ]
    if True not in old:
        return messages
    modern, call_id = [], "call_0"
    for place, message in enumerate(messages):
        if not old[place]:
            modern.append(message)
        elif message.get("role") == "function":
            modern.append({**message, "role": "tool", "tool_call_id": call_id})
        else:
            call_id = f"call_{place}"
            modern.append(modern_message(message, call_id))
    return modern


def modern_message(message: Message, call_id: str) -> Message:
    """Return a message with its function call as a tool call; one with tool calls, too, keeps only those."""
    modern = {key: value for key, value in message.items() if key != "function_call"}
    if not modern.get("tool_calls"):
        modern["tool_calls"] = [{"id": call_id, "type": "function", "function": message["function_call"]}]
    return modern


def modern_tools(functions: object) -> object:
    """Return functions as tools; what is no list stays as it is."""
    if not isinstance(functions, list):
        return functions
    return [{"type": "function", "function": function} for function in functions]


def modern_choice(choice: object) -> object:
    """Return a forced function, `{"name": "f"}` or `{"type": "function", "name": "f"}`, as a tool_choice; all else stays."""
    if isinstance(choice, dict) and "name" in choice and choice.get("type", "function") == "function":
        return {"type": "function", "function": {"name": choice["name"]}}
    return choice
