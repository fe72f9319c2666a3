"""Retention: events of jobs that ended long ago are deleted, in the background and a few at a time."""

import asyncio
from datetime import timedelta
from functools import partial

import structlog

from server.jobs.journal import Journal
from server.jobs.model_day_runner import Clock
from storage.errors import StorageError
from storage.retention import compact_events

#: seconds between two looks
INTERVAL = 3600.0

#: events deleted in one write; some ten milliseconds for which other writes wait
PORTION = 2000

logger = structlog.get_logger(__name__)


class Retention:
    """Keeps the events of ended jobs for `days` days; 0 keeps them for ever."""

    def __init__(self, journal: Journal, clock: Clock, days: int) -> None:
        self._journal = journal
        self._clock = clock
        self._days = days

    async def run(self) -> None:
        """Compact now and then, for ever."""
        while self._days:
            try:
                await self.compact()
            except StorageError as error:  # another process holds the database; there is no hurry
                logger.warning("compaction_failed", error=str(error))
            await asyncio.sleep(INTERVAL)

    async def compact(self) -> int:
        """Delete what is too old and return how many events there were."""
        before = self._clock() - timedelta(days=self._days)
        total = 0
        while deleted := await self._journal.write(partial(compact_events, ended_before=before, limit=PORTION)):
            total += deleted
        if total:
            logger.info("events_compacted", events=total, ended_before=before.isoformat())
        return total
