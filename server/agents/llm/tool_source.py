"""Where the tools of a user's own servers come from: what is offered, and what a call is answered with.

Whoever keeps and repeats what sessions were told wraps a `ToolSource`; everything that crosses it is plain values.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from server.engine.llm import McpServer


class ToolSourceError(Exception):
    """A server did not answer, or not in a way that can be used; no text of it holds an address or a key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferedTool:
    """A tool as its server describes it; `schema` is the JSON schema of its arguments."""

    name: str
    description: str
    schema: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolAnswer:
    """What a tool answered: JSON values, or its text where it is none; `failed` when the tool says so.

    `fetched` is the time that dates such as "2 days ago" count from.
    """

    content: Any
    fetched: datetime
    failed: bool = False


class ToolSource(Protocol):
    """Servers that offer tools."""

    async def offered(self, server: McpServer) -> Sequence[OfferedTool]:
        """Return the tools of a server.

        Raises:
            ToolSourceError: it could not be asked.
        """
        ...

    async def call(self, server: McpServer, tool: str, arguments: Mapping[str, Any]) -> ToolAnswer:
        """Call a tool of a server.

        Raises:
            ToolSourceError: it could not be asked.
        """
        ...
