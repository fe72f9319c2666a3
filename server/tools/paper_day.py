"""A model-day of its own, outside every experiment: stored prices, some cash, and an agent from outside."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from server.agents.llm.search import Search
from server.engine.model_day import ModelDayOutcome, ModelDayTask, run_session_day
from server.engine.portfolio import Portfolio
from server.engine.prices import PriceTable
from server.tools.open_sessions import OpenSessions
from server.tools.outside_agent import OutsideAgent
from server.tools.services import ToolService
from server.tools.tool_servers import ToolServers

#: told the token and the address of each service
Announce = Callable[[str, Mapping[ToolService, str]], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperDay:
    """What is traded: `cash` in dollars, `symbols` None for all, open for at most `ttl` seconds."""

    date: str
    cash: Decimal
    symbols: tuple[str, ...] | None
    ttl: float

    @property
    def task(self) -> ModelDayTask:
        """The model-day as a task."""
        return ModelDayTask(
            job_id="",
            model="outside",
            date=self.date,
            attempt=1,
            basemodel="outside",
            parameters={},
            portfolio=Portfolio(cash=self.cash, holdings={}),
            initial_cash=self.cash,
            previous_value=self.cash,
            universe=self.symbols,
        )


async def run_paper_day(
    day: PaperDay,
    prices: PriceTable,
    *,
    host: str,
    ports: Mapping[ToolService, int],
    announce: Announce,
    stop: asyncio.Event,
    search: Search | None = None,
) -> ModelDayOutcome:
    """Serve the tools until the agent finishes, `stop` is set or time is up, and return the day valued at its close.

    Raises:
        OSError: a port cannot be opened.
    """
    sessions = OpenSessions()
    async with ToolServers(sessions, host, ports) as servers:
        agent = OutsideAgent(
            sessions,
            announce=lambda token: announce(token, servers.addresses),
            ttl=day.ttl,
            stop=stop,
            search=search,
        )
        return await run_session_day(day.task, prices, agent)
