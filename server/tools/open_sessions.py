"""Sessions that are open to callers from outside: a token for each, which is good for as long as the session lives."""

import asyncio
import secrets
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from itertools import count
from time import monotonic

from server.agents.llm.calls import Tools
from server.agents.llm.toolbox import Toolbox
from server.engine.session_record import ToolUse
from server.tools.services import ToolService

#: bytes of randomness in a token
TOKEN_BYTES = 32


class SessionEndedError(Exception):
    """The session of a call has ended."""


class OpenSession:
    """A session whose tools are called from outside; `ended` is set when its agent calls `finish`."""

    def __init__(self, toolbox: Toolbox) -> None:
        self.ended = asyncio.Event()
        self._toolbox = toolbox
        self._tools = {
            service: Tools([tool for tool in toolbox.functions if tool.__name__ in service.tools])
            for service in ToolService
        }
        self._steps = count(1)
        self._calls: Counter[str] = Counter()
        self._seconds: Counter[str] = Counter()

    def tools(self, service: ToolService) -> Tools:
        """Return the tools that a service has in this session."""
        return self._tools[service]

    async def call(self, service: ToolService, name: str, arguments: dict[str, object] | None) -> str:
        """Call a tool and return its answer.

        Raises:
            SessionEndedError: the agent has called `finish`.
        """
        if self.ended.is_set():
            raise SessionEndedError
        self._toolbox.step = next(self._steps)
        began = monotonic()
        answer = await self._tools[service].call(name, arguments)
        if any(tool.name == name for tool in self._tools[service].definitions):
            self._calls[name] += 1
            self._seconds[name] += monotonic() - began  # type: ignore[assignment]  # a counter of fractions
        if self._toolbox.finished:
            self.ended.set()
        return answer

    @property
    def usage(self) -> tuple[ToolUse, ...]:
        """How often each tool was called."""
        return tuple(
            ToolUse(tool_name=name, call_count=calls, total_duration_seconds=float(self._seconds[name]))
            for name, calls in sorted(self._calls.items())
        )


class OpenSessions:
    """The open sessions of a process by token; of a token only its digest is kept."""

    def __init__(self) -> None:
        self._sessions: dict[str, OpenSession] = {}

    @contextmanager
    def opened(self, toolbox: Toolbox) -> Iterator[tuple[str, OpenSession]]:
        """Open a session for a block; yield its token, which is refused after the block, and the session."""
        token = secrets.token_urlsafe(TOKEN_BYTES)
        session = OpenSession(toolbox)
        self._sessions[_digest(token)] = session
        try:
            yield token, session
        finally:
            session.ended.set()
            del self._sessions[_digest(token)]

    def find(self, token: str) -> OpenSession | None:
        """Return the session of a token; None when it is wrong, or its session has ended."""
        session = self._sessions.get(_digest(token))
        return None if session is None or session.ended.is_set() else session


def _digest(token: str) -> str:
    return sha256(token.encode("utf-8", "replace")).hexdigest()
