"""Faults that a model makes itself: they change what the script says, not how it is sent."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from .chat_request import ChatRequest
from .faults import FaultKind
from .reply import Reply, ToolCall

#: tools that change nothing, for calls beside the script's own
READING = (ToolCall("get_positions", {}), ToolCall("add", {"a": 1, "b": 2}))


def spoil(reply: Reply, kind: FaultKind | None, request: ChatRequest) -> Reply:
    """Change a reply as the kind says; other kinds and replies without a fitting tool call stay as they are."""
    if kind in _WHOLE:
        return _WHOLE[kind](reply)
    if not reply.tool_calls:
        return reply
    if kind is FaultKind.PARALLEL_CALLS:
        return replace(reply, tool_calls=reply.tool_calls + _beside(request))
    if kind is FaultKind.CUT_ARGUMENTS:
        return _cut_arguments(reply)
    if kind in _CALLS:
        return replace(reply, tool_calls=tuple(_CALLS[kind](call) for call in reply.tool_calls))
    return reply


def _beside(request: ChatRequest) -> tuple[ToolCall, ...]:
    return tuple(call for call in READING if call.name in request.tool_names) or READING[:1]


def _empty(_reply: Reply) -> Reply:
    return Reply("")


def _cut(reply: Reply) -> Reply:
    said = reply.content or "Let me look at the positions first and then"
    return Reply(said[: len(said) // 2], finish_reason="length")


def _refuse(_reply: Reply) -> Reply:
    return Reply(None, refusal="I'm sorry, but I can't help with that.")


def _cut_arguments(reply: Reply) -> Reply:
    *before, last = reply.tool_calls
    return replace(reply, tool_calls=(*before, _malformed(last)), finish_reason="length")


def _encoded_twice(call: ToolCall) -> ToolCall:
    return ToolCall(call.name, json.dumps(call.encoded))


def _numbers_as_text(call: ToolCall) -> ToolCall:
    if isinstance(call.arguments, str):
        return call
    return ToolCall(call.name, {name: _as_text(value) for name, value in call.arguments.items()})


def _as_text(value: Any) -> Any:
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _unknown(call: ToolCall) -> ToolCall:
    return ToolCall(f"{call.name}_v2", call.arguments)


def _malformed(call: ToolCall) -> ToolCall:
    return ToolCall(call.name, call.encoded[:-1])


_WHOLE: dict[FaultKind | None, Callable[[Reply], Reply]] = {
    FaultKind.EMPTY_CONTENT: _empty,
    FaultKind.CUT_CONTENT: _cut,
    FaultKind.REFUSAL: _refuse,
}
_CALLS: dict[FaultKind | None, Callable[[ToolCall], ToolCall]] = {
    FaultKind.ENCODED_TWICE: _encoded_twice,
    FaultKind.NUMBERS_AS_TEXT: _numbers_as_text,
    FaultKind.UNKNOWN_TOOL: _unknown,
    FaultKind.MALFORMED_ARGUMENTS: _malformed,
}
