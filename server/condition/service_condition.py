"""How the service is: looked at whenever somebody asks, and never guessed."""

import asyncio
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version as version_of
from pathlib import Path

from peewee import PeeweeException, SqliteDatabase

from server.condition.component import Component, ComponentStatus
from server.settings import Settings
from server.tools.probe import Probe, probe
from server.tools.services import ToolService, tool_ports
from storage.prices import PriceRange, price_range, version

MEBIBYTE = 1024 * 1024

#: alive and all worker processes
CountWorkers = Callable[[], tuple[int, int]]

NO_PRICES = PriceRange(symbols=0, first="", last="")


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """The service at a moment; `uptime` in seconds, `free_disk` in bytes."""

    version: str
    started: datetime
    uptime: float
    prices: PriceRange
    free_disk: int
    components: tuple[Component, ...]

    @property
    def healthy(self) -> bool:
        """Whether every part that jobs need is."""
        return not any(part.needed and part.status is ComponentStatus.UNHEALTHY for part in self.components)


class ServiceCondition:
    """Looks at the parts of the service."""

    def __init__(
        self, settings: Settings, db: SqliteDatabase, workers: CountWorkers, clock: Callable[[], datetime]
    ) -> None:
        self._settings = settings
        self._db = db
        self._workers = workers
        self._clock = clock
        self._started = clock()
        self._prices: tuple[int, PriceRange] | None = None

    async def look(self) -> Condition:
        """Return how the service is now."""
        database, prices, free = await asyncio.to_thread(self._stored)
        tools = await asyncio.gather(*(self.tool(service) for service in ToolService))
        return Condition(
            version=version_of("aitrader-service"),
            started=self._started,
            uptime=(self._clock() - self._started).total_seconds(),
            prices=prices,
            free_disk=free,
            components=(database, _market(prices), self._disk(free), self._pool(), *tools),
        )

    async def tool(self, service: ToolService) -> Component:
        """Return how a tool service is: agents have it in process, others on its port where it is served."""
        host, port = self._settings.tools_host, tool_ports(self._settings)[service]
        found = await probe(service, host, port) if port else Probe.NOBODY
        status, words = {
            Probe.ANSWERS: (ComponentStatus.HEALTHY, f"served over MCP at {host}:{port}"),
            Probe.NOBODY: (ComponentStatus.OFF, "not served over MCP"),
            Probe.STRANGER: (ComponentStatus.UNHEALTHY, f"what is at {host}:{port} does not answer as it"),
        }[found]
        message = f"{self._in_process(service)}; {words}"
        return Component(name=service.value, status=status, message=message, needed=False)

    def _in_process(self, service: ToolService) -> str:
        if service is ToolService.SEARCH and self._settings.jina_api_key is None:
            return "no key: agents have no search"
        return "agents have it in process"

    def _stored(self) -> tuple[Component, PriceRange, int]:
        free = shutil.disk_usage(_folder(self._settings.db)).free
        try:
            imported = version(self._db)
            if self._prices is None or self._prices[0] != imported:
                self._prices = imported, price_range(self._db)
        except PeeweeException as error:
            message = f"the database did not answer a read: {type(error).__name__}"
            broken = Component(name="database", status=ComponentStatus.UNHEALTHY, message=message)
            return broken, NO_PRICES, free
        answered = Component(name="database", status=ComponentStatus.HEALTHY, message="answers reads")
        return answered, self._prices[1], free

    def _disk(self, free: int) -> Component:
        wanted = self._settings.min_free_disk_mb
        status = ComponentStatus.HEALTHY if free >= wanted * MEBIBYTE else ComponentStatus.UNHEALTHY
        return Component(name="disk", status=status, message=f"{free // MEBIBYTE} MiB free, at least {wanted} wanted")

    def _pool(self) -> Component:
        alive, size = self._workers()
        status = ComponentStatus.HEALTHY if alive else ComponentStatus.UNHEALTHY
        return Component(name="worker_pool", status=status, message=f"{alive} of {size} worker processes are alive")


def _market(prices: PriceRange) -> Component:
    if not prices.symbols:
        message = "there are no prices; import some with: ai-trader-server prices import"
        return Component(name="market_data", status=ComponentStatus.UNHEALTHY, message=message)
    message = f"{prices.symbols} symbols, {prices.first} to {prices.last}"
    return Component(name="market_data", status=ComponentStatus.HEALTHY, message=message)


def _folder(db: Path) -> Path:
    return db.absolute().parent
