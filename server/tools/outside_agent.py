"""An agent from outside: whoever holds the token trades the model-day, by calling tools over MCP."""

import asyncio
from collections.abc import Callable

from server.agents.llm.search import Search
from server.agents.llm.summary import summary
from server.agents.llm.toolbox import Toolbox
from server.engine.model_day import ModelDaySession
from server.engine.session_record import SessionRecord, StopReason
from server.tools.open_sessions import OpenSessions


class OutsideAgent:
    """Trades by calls from outside (`server.engine.model_day.SessionTrader`).

    A session ends when its agent calls `finish`, when `stop` is set, or after `ttl` seconds; its orders count in each
    case. `announce` is told the token.
    """

    def __init__(
        self,
        sessions: OpenSessions,
        *,
        announce: Callable[[str], None],
        ttl: float,
        stop: asyncio.Event,
        search: Search | None = None,
    ) -> None:
        self._sessions = sessions
        self._announce = announce
        self._ttl = ttl
        self._stop = stop
        self._search = search

    async def trade(self, session: ModelDaySession) -> SessionRecord:
        """Let the holder of the token trade, and return what was shown to it."""
        toolbox = Toolbox(session, search=self._search)
        with self._sessions.opened(toolbox) as (token, opened):
            self._announce(token)
            await self._end(opened.ended)
        return SessionRecord(
            prompt_digest="",
            tool_usage=opened.usage,
            stop_reason=StopReason.FINISH_TOOL if toolbox.finished else None,
            observations=tuple(toolbox.gate.observations),
            dropped=tuple(toolbox.gate.dropped),
            summary=summary(session, toolbox.summary),
        )

    async def _end(self, finished: asyncio.Event) -> None:
        ends = [asyncio.create_task(event.wait()) for event in (finished, self._stop)]
        await asyncio.wait(ends, timeout=self._ttl, return_when=asyncio.FIRST_COMPLETED)
        for end in ends:
            end.cancel()
