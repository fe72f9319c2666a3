"""The download of what a job lacks, in a thread of its own, since vendors are waited for."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from datetime import UTC, datetime
from threading import Event, Thread

import structlog
from peewee import SqliteDatabase

from server.jobs.request import ResolvedRequest
from server.market.price_update import Lack, NotHad, UpdateReport, find_lacks, update_prices
from server.market.providers.choice import make_provider
from server.market.providers.provider import ProviderClosedError
from server.settings import Settings
from storage.errors import StorageBusyError
from storage.jobs import JobRow
from storage.portfolios import held_symbols
from storage.price_coverage import stored_symbols

#: events that tell how far a download is, more or less
STEPS = 20

#: seconds until what could not be stored is tried again
BUSY_WAIT = 1.0

logger = structlog.get_logger(__name__)


class PriceDownload:
    """Downloads the bars that a job lacks on its dates; symbols that are held come first among equals."""

    def __init__(self, settings: Settings, db: SqliteDatabase, job: JobRow, request: ResolvedRequest) -> None:
        self._settings = settings
        self._db = db
        self._job = job
        self._request = request
        self._stopped = Event()
        self._reason = ""

    def stop(self, reason: str = "it was stopped") -> None:
        """Ask the vendor for nothing more; a request under way comes to its end."""
        self._reason = self._reason or reason
        self._stopped.set()

    async def run(self, tell: Callable[[str], None]) -> UpdateReport:
        """Download within the time limit and return what came; `tell` is called with how far it is."""
        loop, limit = asyncio.get_running_loop(), self._settings.price_update_timeout
        alarm = loop.call_later(limit, self.stop, f"the {limit:g} seconds for downloads of a job are over")
        try:
            return await asyncio.wrap_future(_in_thread(lambda: self._work(loop, tell)))
        finally:
            alarm.cancel()

    def _work(self, loop: asyncio.AbstractEventLoop, tell: Callable[[str], None]) -> UpdateReport:
        def say(text: str) -> None:
            if not self._stopped.is_set():  # then there may be no loop any more
                loop.call_soon_threadsafe(tell, text)

        lacks: Sequence[Lack] = ()
        try:
            while True:
                try:
                    lacks = find_lacks(self._db, self._symbols(), self._job.date_range)
                    say(f"{len(lacks):,} symbols lack prices of the job's dates")
                    return self._update(lacks, say)
                except StorageBusyError as error:  # another process imports, or there is no space: as jobs wait for it
                    logger.warning("price_download_waits", job_id=self._job.job_id, error=str(error))
                    self._wait(BUSY_WAIT)
        except ProviderClosedError as error:
            return UpdateReport(not_had=[_not_had(lack, error) for lack in lacks])
        finally:
            self._db.close()  # the connection of this thread

    def _update(self, lacks: Sequence[Lack], say: Callable[[str], None]) -> UpdateReport:
        told = range(0, len(lacks), max(1, len(lacks) // STEPS))

        def done(report: UpdateReport) -> None:
            if report.asked in told[1:]:
                say(f"{report.counts}; {len(lacks) - report.asked:,} to go")

        provider = make_provider(self._settings, self._db, self._wait)
        return update_prices(self._db, provider, lacks, lambda: datetime.now(UTC), done, self._wait)

    def _symbols(self) -> Sequence[str]:
        spec = self._request.spec
        held = held_symbols(self._db, self._request.experiment, [model.signature for model in spec.models])
        return (*held, *(spec.universe or stored_symbols(self._db)))

    def _wait(self, seconds: float) -> None:
        if self._stopped.wait(seconds):
            raise ProviderClosedError(self._reason)


def _not_had(lack: Lack, error: ProviderClosedError) -> NotHad:
    return NotHad(symbol=lack.symbol, dates=lack.dates, reason=str(error))


def _in_thread(work: Callable[[], UpdateReport]) -> "Future[UpdateReport]":
    """Run in a thread that no end of the process waits for."""
    future: Future[UpdateReport] = Future()
    future.set_running_or_notify_cancel()

    def run() -> None:
        try:
            future.set_result(work())
        except Exception as error:  # it belongs to whoever waits
            future.set_exception(error)

    Thread(target=run, name="price-download", daemon=True).start()
    return future
