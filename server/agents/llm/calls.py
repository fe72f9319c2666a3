"""Calls of tools as models make them: arguments repaired and checked, unknown tools told, each answer a text."""

import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MethodType
from typing import Any

from pydantic import ValidationError
from pydantic_ai import Tool
from pydantic_ai.tools import ToolDefinition
from pydantic_core import SchemaValidator, to_json

#: times that arguments are taken out of a JSON string that holds JSON
MAX_LAYERS = 3

#: faults of arguments told at once
MAX_TOLD = 5


class ArgumentsError(ValueError):
    """The arguments of a call are no JSON object."""


@dataclass(frozen=True, slots=True)
class CallTool:
    """A tool that can be called with arguments as a model gave them."""

    function: Callable[..., Any]
    definition: ToolDefinition
    validator: SchemaValidator


class Tools:
    """The tools of a session by name."""

    def __init__(self, functions: Sequence[Callable[..., Any]], more: Sequence[CallTool] = ()) -> None:
        self._tools = {tool.definition.name: tool for tool in (*map(_tool, functions), *more)}

    @property
    def definitions(self) -> list[ToolDefinition]:
        """What the model is told of each tool."""
        return [tool.definition for tool in self._tools.values()]

    async def call(self, name: str, arguments: str | Mapping[str, Any] | None) -> str:
        """Call a tool and return its answer as text; what is wrong with the call itself is an answer too."""
        tool = self._tools.get(name)
        if tool is None:
            return _error("unknown_tool", f"unknown tool '{name[:100]}'; the tools are: {', '.join(self._tools)}")
        try:
            checked = tool.validator.validate_python(repaired(arguments))
        except ValidationError as error:
            return _error("invalid_arguments", f"invalid arguments of '{name}': {_faults(error)}")
        except ArgumentsError as error:
            return _error("invalid_arguments", f"invalid arguments of '{name}': {error}")
        answer = tool.function(**checked)
        if inspect.isawaitable(answer):
            answer = await answer
        return answer if isinstance(answer, str) else to_json(answer).decode()


def repaired(arguments: str | Mapping[str, Any] | None) -> dict[str, Any]:
    """Return arguments as an object, also from a JSON string that holds one; nothing is an object without members.

    Raises:
        ArgumentsError: they are no JSON object.
    """
    value: object = arguments or {}
    for _ in range(MAX_LAYERS):
        if not isinstance(value, str):
            break
        value = _parsed(value)
    if not isinstance(value, Mapping):
        raise ArgumentsError("not a JSON object")
    return dict(value)


def as_json(arguments: str | Mapping[str, Any] | None) -> str:
    """Return arguments as the JSON text that is kept of them, as the model wrote it where it wrote text."""
    return arguments if isinstance(arguments, str) else json.dumps(dict(arguments or {}), ensure_ascii=False)


def _parsed(text: str) -> object:
    try:
        value: object = json.loads(text) if text.strip() else {}
    except (ValueError, RecursionError):
        raise ArgumentsError("not valid JSON") from None
    return value


def _tool(function: Callable[..., Any]) -> CallTool:
    method = getattr(function, "__func__", None)
    definition, validator = _schema(method or function, is_method=method is not None)
    return CallTool(function, definition, validator)


@lru_cache(maxsize=256)
def _schema(function: Callable[..., Any], *, is_method: bool) -> tuple[ToolDefinition, SchemaValidator]:
    """Make the schema of a tool, once for all sessions; of a method without its `self`."""
    tool: Tool[None] = Tool(MethodType(function, object()) if is_method else function)
    return tool.tool_def, tool.function_schema.validator


def _faults(error: ValidationError) -> str:
    found = error.errors(include_url=False, include_input=False, include_context=False)
    return "; ".join(f"{'.'.join(map(str, one['loc'])) or 'all'}: {one['msg']}" for one in found[:MAX_TOLD])


def _error(error: str, message: str) -> str:
    return json.dumps({"error": error, "message": message}, ensure_ascii=False)
