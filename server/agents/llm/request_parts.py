"""A model request as an exchange: the model's name, parameters, tools and messages, each with a digest of its own.

Times, run ids and whatever else the library adds to messages are left out, so that equal requests are equal.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from pydantic_ai.messages import (
    ModelMessage,
    ModelResponse,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.tools import ToolDefinition

from server.agents.llm.calls import as_json
from server.agents.llm.miss import MESSAGE
from server.agents.llm.tape import Exchange, Part

#: who is asked, as exchanges name it
MODEL = "model"
PROMPT = "prompt"

#: characters of the arguments of a call in the name of its answer
MAX_ARGUMENTS = 100


#: the last tool of each name with its part: sessions have the same ones, and all sessions begin at once
_TOOLS: dict[str, tuple[ToolDefinition, Part]] = {}


class RequestParts:
    """Makes the exchanges of one session; messages seen before are not looked at again."""

    def __init__(self, basemodel: str) -> None:
        self._head = Part.of(MODEL, basemodel)
        self._seen: list[tuple[ModelMessage, tuple[Part, ...]]] = []
        self._calls: dict[str, str] = {}

    def exchange(self, messages: Sequence[ModelMessage], parameters: ModelRequestParameters) -> Exchange:
        """Return the exchange of a request."""
        said: list[Part] = []
        for place, message in enumerate(messages):
            said += self._message(place, message, len(said))
        return Exchange(MODEL, (self._head, *map(_tool, parameters.function_tools), *said))

    def _message(self, place: int, message: ModelMessage, number: int) -> tuple[Part, ...]:
        """Return the parts of a message, numbered on from `number`."""
        if place < len(self._seen) and self._seen[place][0] is message:
            return self._seen[place][1]
        parts = tuple(self._parts(message, number))
        del self._seen[place:]
        self._seen.append((message, parts))
        return parts

    def _parts(self, message: ModelMessage, number: int) -> Iterator[Part]:
        if isinstance(message, ModelResponse):
            yield Part.of(f"{MESSAGE}{number} (of the model)", _json([*map(_said, message.parts)]), kept=False)
            for call in message.parts:
                if isinstance(call, ToolCallPart):
                    self._calls[call.tool_call_id] = as_json(call.args)[:MAX_ARGUMENTS]
            return
        for i, part in enumerate(message.parts, number):
            if isinstance(part, ToolReturnPart):
                asked = f"{part.tool_name} {self._calls.get(part.tool_call_id, '')}"
                yield Part.of(f"{MESSAGE}{i} (answer of {asked.strip()})", str(part.content))
            else:
                text = str(part.content) if isinstance(part, UserPromptPart) else _json(_said(part))
                yield Part.of(f"{MESSAGE}{i}" if i else PROMPT, text)


def _said(part: object) -> Any:  # noqa: ANN401 (any JSON)
    """Return what of a part a model reads or wrote."""
    match part:
        case ToolCallPart():
            return {"call": part.tool_name, "id": part.tool_call_id, "arguments": as_json(part.args)}
        case TextPart() | ThinkingPart():
            return {part.part_kind: part.content}
        case _:
            return {"kind": type(part).__name__, "content": repr(getattr(part, "content", ""))}


def _tool(tool: ToolDefinition) -> Part:
    """Return the definition of a tool, a fact a line, so that a miss can show the one that changed."""
    known = _TOOLS.get(tool.name)
    if known is None or known[0] != tool:
        facts = {"name": tool.name, "description": tool.description, "parameters": tool.parameters_json_schema}
        text = json.dumps(facts, sort_keys=True, ensure_ascii=False, indent=1)
        known = _TOOLS[tool.name] = tool, Part.of(f"tool '{tool.name}'", text)
    return known[1]


def _json(value: object) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, default=repr)
