"""Tools of the user's own servers in a session: told to the model under names of their own, answers through the gate.

Nothing that such a server says is taken on trust: a part of an answer is shown when its own dates are before the
decision, and kept back otherwise. A server whose `dated` is false is vouched for by the user; its answers are shown
whole and kept as observations without a date, which the audit tells, because it proves and does not believe.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic_ai.tools import ToolDefinition
from pydantic_core import SchemaValidator, core_schema

from server.agents.llm.calls import CallTool
from server.agents.llm.dated import dates_in, parts
from server.agents.llm.dates import latest_date
from server.agents.llm.gate import DropReason, Gate
from server.agents.llm.tool_source import OfferedTool, ToolAnswer, ToolSource, ToolSourceError
from server.agents.llm.toolbox import Answer, Toolbox
from server.engine.llm import McpServer
from server.engine.text import MAX_ERROR, plain, storable

#: between the name of a server and that of its tool; no tool of ours and no server has it in its name
SEPARATOR = "__"

#: what vendors of models accept as the name of a tool
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")

#: tools of one server that a model is told of
MAX_TOOLS = 64

#: characters of what a model is shown of an answer, and told of a tool
MAX_SHOWN = 20_000
MAX_DESCRIPTION = 2_000
MAX_SCHEMA = 20_000

_ANY_ARGUMENTS = SchemaValidator(core_schema.dict_schema(core_schema.str_schema(), core_schema.any_schema()))


@dataclass(frozen=True, slots=True)
class UserTool:
    """A tool of a user's server in one session."""

    server: McpServer
    offered: OfferedTool
    toolbox: Toolbox
    source: ToolSource

    @property
    def name(self) -> str:
        """The name by which the model calls it."""
        return f"{self.server.name}{SEPARATOR}{self.offered.name}"

    @property
    def description(self) -> str:
        """What the server says of it."""
        return plain(self.offered.description, MAX_DESCRIPTION)

    @property
    def first_line(self) -> str:
        """What the prompt says of it."""
        return self.description.strip().partition("\n")[0]

    def as_call_tool(self) -> CallTool:
        """Return it as a tool that the loop can call; its server checks the arguments."""
        schema = dict(self.offered.schema)
        definition = ToolDefinition(name=self.name, description=self.description, parameters_json_schema=schema)
        return CallTool(self._call, definition, _ANY_ARGUMENTS)

    async def _call(self, **arguments: Any) -> Answer:  # noqa: ANN401 (as its server wants them)
        step, gate = self.toolbox.step, self.toolbox.gate
        try:
            answer = await self.source.call(self.server, self.offered.name, arguments)
        except ToolSourceError as error:
            return {"error": "tool_unavailable", "message": str(error)}
        judge = _Judge(gate, step, self.name, answer.fetched)
        return judge.dated(answer) if self.server.dated else judge.vouched(answer)


async def user_tools(servers: Sequence[McpServer], source: ToolSource, toolbox: Toolbox) -> list[UserTool]:
    """Return the tools of a session's servers.

    Raises:
        ToolSourceError: a server could not be asked, or lacks a tool that the config names.
    """
    return [tool for server in servers for tool in await _tools(server, source, toolbox)]


async def _tools(server: McpServer, source: ToolSource, toolbox: Toolbox) -> list[UserTool]:
    tools = [UserTool(server, offered, toolbox, source) for offered in await source.offered(server)]
    usable = {tool.offered.name: tool for tool in tools if _is_usable(tool)}
    if server.tools is None:
        return list(usable.values())[:MAX_TOOLS]
    missing = [name for name in server.tools if name not in usable]
    if missing:
        raise ToolSourceError(f"mcp server '{server.name}' has no usable tool '{missing[0]}'")
    return [usable[name] for name in server.tools]


def _is_usable(tool: UserTool) -> bool:
    return _NAME.fullmatch(tool.name) is not None and len(json.dumps(dict(tool.offered.schema))) <= MAX_SCHEMA


class _Judge:
    """Lets through the gate what an answer holds from before the decision, and counts the rest."""

    def __init__(self, gate: Gate, step: int, tool: str, fetched: datetime) -> None:
        self._gate = gate
        self._step = step
        self._tool = tool
        self._fetched = fetched

    def dated(self, answer: ToolAnswer) -> Answer:
        """Return the parts of an answer that may be shown; a failure is told without its words, which have no date."""
        if answer.failed:
            self._gate.drop(self._step, self._tool, "failure", DropReason.NO_DATE.value)
            return {"error": "tool_failed", "message": "the tool failed"}
        kept = [shown for part in parts(answer.content) if (shown := self._kept(part)) is not None]
        return self._cut(kept)

    def vouched(self, answer: ToolAnswer) -> Answer:
        """Return an answer as it is, cut to what a model can be shown."""
        text = _as_json(answer.content)
        self._gate.vouch(self._step, self._tool, self._tool, text)
        if answer.failed:
            return {"error": "tool_failed", "message": plain(text, MAX_ERROR)}
        return {"answer": json.loads(text)} if len(text) <= MAX_SHOWN else {"answer": text[:MAX_SHOWN], "cut": True}

    def _kept(self, part: Any) -> tuple[str, str] | None:  # noqa: ANN401 (whatever JSON holds)
        """Return the date and the text of a part, None for one that is dropped."""
        texts = dates_in(part)
        day = latest_date(texts, self._fetched)
        reason: DropReason | None = None
        if day is None:
            reason = DropReason.UNREADABLE_DATE if texts else DropReason.NO_DATE
        elif not self._gate.allows(day.isoformat()):
            reason = DropReason.NOT_BEFORE_DECISION
        if day is None or reason is not None:
            self._gate.drop(self._step, self._tool, _as_json(part), (reason or DropReason.NO_DATE).value)
            return None
        return day.isoformat(), _as_json(part)

    def _cut(self, kept: Sequence[tuple[str, str]]) -> Answer:
        """Show the parts there is room for, and say how many there was none for."""
        room, shown = MAX_SHOWN, []
        for date, text in kept:
            room -= len(text)
            if room < 0:
                break
            shown.append(json.loads(self._gate.show(self._step, self._tool, self._tool, date, text)))
        left = len(kept) - len(shown)
        return {"items": shown} | ({"too_long": left} if left else {})


def _as_json(content: Any) -> str:  # noqa: ANN401 (whatever JSON holds)
    return storable(json.dumps(content, ensure_ascii=False))
