"""A parsed request, with what scripts ask about it."""

import hashlib
import json
import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from .tokens import count_tokens

_DATE = re.compile(r"(?<!\d)\d{4}-\d{2}-\d{2}(?!\d)")


@dataclass(frozen=True, slots=True)
class ToolResult:
    """The answer to a call; name and arguments are those the conversation shows for the call's id."""

    call_id: str
    name: str
    arguments: str
    content: str


@dataclass(frozen=True)
class ChatRequest:
    """A body of POST /v1/chat/completions."""

    body: dict[str, Any]

    @property
    def model(self) -> str:
        return str(self.body.get("model", ""))

    @property
    def messages(self) -> list[dict[str, Any]]:
        return list(self.body.get("messages", ()))

    @property
    def tools(self) -> list[dict[str, Any]]:
        return list(self.body.get("tools") or ())

    @cached_property
    def tool_names(self) -> frozenset[str]:
        return frozenset(tool["function"]["name"] for tool in self.tools)

    @property
    def stream(self) -> bool:
        return bool(self.body.get("stream"))

    @property
    def include_usage(self) -> bool:
        return bool((self.body.get("stream_options") or {}).get("include_usage"))

    @property
    def step(self) -> int:
        """How many assistant messages the conversation has so far."""
        return sum(message["role"] == "assistant" for message in self.messages)

    @cached_property
    def date(self) -> str | None:
        """The first YYYY-MM-DD in what the system and the user say."""
        for message in self.messages:
            if message["role"] in {"system", "developer", "user"} and (found := _DATE.search(text_of(message))):
                return found.group()
        return None

    @cached_property
    def tool_results(self) -> tuple[ToolResult, ...]:
        """The answers of tools, in order."""
        calls: dict[str, dict[str, Any]] = {}
        results = []
        for message in self.messages:
            calls |= {call["id"]: call["function"] for call in message.get("tool_calls") or ()}
            if message["role"] == "tool":
                results.append(_result(message, calls.get(message["tool_call_id"], {})))
        return tuple(results)

    @cached_property
    def prompt_tokens(self) -> int:
        return count_tokens(json.dumps([self.messages, self.tools], sort_keys=True))

    @cached_property
    def digest(self) -> str:
        """The same for the same model, messages and tools."""
        text = json.dumps([self.model, self.messages, self.tools], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def text_of(message: dict[str, Any]) -> str:
    """Join the text of a message, given as a string or as parts."""
    content = message.get("content") or ""
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


def _result(message: dict[str, Any], call: dict[str, Any]) -> ToolResult:
    return ToolResult(
        call_id=message["tool_call_id"],
        name=call.get("name", ""),
        arguments=call.get("arguments", ""),
        content=text_of(message),
    )
