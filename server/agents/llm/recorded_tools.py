"""Tools of users' servers by the tape of a session: lists and answers are recorded with the time they are judged at."""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from server.agents.llm.tape import Exchange, Part, Tape
from server.agents.llm.tool_source import OfferedTool, ToolAnswer, ToolSource, ToolSourceError
from server.engine.llm import McpServer

#: who is asked, as exchanges name it
TOOLS = "tools"


class RecordedTools:
    """A `ToolSource`; in a replay the source behind it is never asked."""

    def __init__(self, tape: Tape, source: ToolSource) -> None:
        self._tape = tape
        self._source = source

    async def offered(self, server: McpServer) -> Sequence[OfferedTool]:
        """Return the tools of a server."""

        async def ask() -> Any:  # noqa: ANN401 (JSON values)
            return [asdict(tool) for tool in await self._source.offered(server)]

        found = await self._exchange(Exchange(TOOLS, (Part.of("server", server.name),)), ask)
        return [OfferedTool(**tool) for tool in found]

    async def call(self, server: McpServer, tool: str, arguments: Mapping[str, Any]) -> ToolAnswer:
        """Call a tool of a server."""

        async def ask() -> Any:  # noqa: ANN401 (as above)
            answer = await self._source.call(server, tool, arguments)
            return {**asdict(answer), "fetched": answer.fetched.isoformat()}

        asked = (server.name, tool, json.dumps(dict(arguments), sort_keys=True))
        parts = tuple(Part.of(name, text) for name, text in zip(("server", "tool", "arguments"), asked, strict=True))
        found = await self._exchange(Exchange(TOOLS, parts), ask)
        return ToolAnswer(**{**found, "fetched": datetime.fromisoformat(found["fetched"])})

    async def _exchange(self, exchange: Exchange, ask: Callable[[], Awaitable[Any]]) -> Any:  # noqa: ANN401 (as above)
        """Return the recorded answer or, when there is none to be found, record a new one; so with what failed."""
        recorded = self._tape.find(exchange)
        if recorded is None:
            recorded = self._tape.keep(exchange, await _answered(ask))
        found = json.loads(recorded)
        if "failed" in found:
            raise ToolSourceError(found["failed"])
        return found["answer"]


async def _answered(ask: Callable[[], Awaitable[Any]]) -> bytes:
    try:
        return json.dumps({"answer": await ask()}).encode()
    except ToolSourceError as error:
        return json.dumps({"failed": str(error)}).encode()
