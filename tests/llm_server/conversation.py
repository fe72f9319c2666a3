"""The rules of a conversation that OpenAI enforces with a 400."""

from typing import Any

from .chat_request import ChatRequest

ROLES = frozenset({"system", "developer", "user", "assistant", "tool"})


def broken_rule(request: ChatRequest) -> str | None:
    """Say the first rule that the messages break: known roles, and each tool call answered at once and only once."""
    if not request.messages:
        return "Invalid 'messages': empty array."
    open_calls: set[str] = set()
    for message in request.messages:
        if message.get("role") not in ROLES:
            return f"Invalid value: {message.get('role')!r}."
        if message["role"] == "tool":
            if message.get("tool_call_id") not in open_calls:
                return "messages with role 'tool' must be a response to a preceding message with 'tool_calls'."
            open_calls.remove(message["tool_call_id"])
        elif open_calls:
            return _unanswered(open_calls)
        else:
            open_calls = _calls(message)
    return _unanswered(open_calls) if open_calls else None


def _calls(message: dict[str, Any]) -> set[str]:
    return {call["id"] for call in message.get("tool_calls") or ()}


def _unanswered(calls: set[str]) -> str:
    return (
        "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. "
        f"The following tool_call_ids did not have response messages: {', '.join(sorted(calls))}"
    )
