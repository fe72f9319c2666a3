"""Upkeep that is due: copies of the database, its size, its prices, its old jobs. It blocks, and can be done again."""

import re
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from threading import Event

from peewee import SqliteDatabase

from server.jobs.errors import DrainingError
from server.market.calendar import load_calendar
from server.market.errors import MarketError
from server.market.price_update import find_lacks, update_prices, usual_range
from server.market.providers.choice import make_provider
from server.market.providers.provider import ProviderClosedError
from server.schedules.outcome import Done, NotNowError
from server.schedules.schedule import BackupSchedule, CleanupSchedule, PricesSchedule, UpkeepSchedule, VacuumSchedule
from server.settings import Settings
from server.upkeep.age import moment_before
from server.upkeep.cleanup import cleanup
from storage.backup import backups_of, write_backup
from storage.database import open_existing
from storage.jobs import active_jobs
from storage.price_coverage import stored_symbols
from storage.restore import compact_file


class Upkeep:
    """Does one thing at a time, until it is stopped."""

    def __init__(self, settings: Settings, db: SqliteDatabase, clock: Callable[[], datetime]) -> None:
        self._settings = settings
        self._db = db
        self._clock = clock
        self._stopped = Event()

    def stop(self) -> None:
        """Ask vendors for nothing more; what takes no vendor comes to its end."""
        self._stopped.set()

    def perform(self, schedule: UpkeepSchedule, due: datetime) -> Done:
        """Do what a schedule says for a time that was due.

        Raises:
            NotNowError: it would overlap.
            DrainingError: it was stopped.
            MarketError, StorageError, OSError: it could not be done.
        """
        match schedule:
            case BackupSchedule():
                return self._back_up(schedule, due)
            case VacuumSchedule():
                return self._vacuum()
            case PricesSchedule():
                return self._update_prices(schedule)
            case CleanupSchedule():
                return self._clean_up(schedule)

    def _back_up(self, schedule: BackupSchedule, due: datetime) -> Done:
        """Copy the database, and remove the oldest copies that the same schedule made; others are left alone."""
        database = Path(self._db.database)
        folder = schedule.folder or backups_of(database)
        target = folder / f"{schedule.name}-{due.astimezone(UTC):%Y%m%dT%H%M%SZ}.db"
        size = write_backup(database, target)
        own = rf"{re.escape(schedule.name)}-\d{{8}}T\d{{6}}Z\.db"
        oldest = sorted(path for path in folder.iterdir() if re.fullmatch(own, path.name))[: -schedule.keep]
        cut_off = [path for path in folder.iterdir() if re.fullmatch(rf"\.{own}\.\d+\.tmp", path.name)]
        for path in (*oldest, *cut_off):
            path.unlink()
        removed = f"; {len(oldest)} older removed" if oldest else ""
        return Done(message=f"{target}: {size:,} bytes, sound{removed}")

    def _vacuum(self) -> Done:
        if active_jobs(self._db):
            raise NotNowError("jobs run, and would wait for it")
        before, after = compact_file(Path(self._db.database))
        return Done(message=f"{before:,} bytes before, {after:,} after")

    def _clean_up(self, schedule: CleanupSchedule) -> Done:
        now = self._clock()
        ended_before = moment_before(schedule.older_than, now)
        with closing(open_existing(Path(self._db.database), writable=True)) as own:
            report = cleanup(own, ended_before, now=now, sleep=self._pause)
        removed, rows = report.rows["jobs"], sum(report.rows.values())
        return Done(message=f"removed {removed:,} of {removed + len(report.kept):,} old jobs, {rows:,} rows in all")

    def _pause(self, seconds: float) -> None:
        if self._stopped.wait(seconds):
            raise DrainingError

    def _update_prices(self, schedule: PricesSchedule) -> Done:
        """Download what is missing; what could not be had is told, and it fails when nothing could."""
        symbols = schedule.symbols or stored_symbols(self._db)
        if not symbols:
            raise MarketError("there are no prices yet: name symbols")
        today = self._clock().date()
        days = load_calendar(schedule.calendar, today).between(*usual_range(self._db, today))
        provider = make_provider(self._settings, self._db, self._wait)
        lacks = find_lacks(self._db, symbols, days)
        report = update_prices(self._db, provider, lacks, self._clock, wait=self._wait)
        if self._stopped.is_set():
            raise DrainingError
        told = "; ".join((report.counts, *report.warnings()))
        if report.not_had and not report.added + report.changed:
            raise MarketError(told)
        return Done(message=told)

    def _wait(self, seconds: float) -> None:
        if self._stopped.wait(seconds):
            raise ProviderClosedError("the service stops")
