"""Upkeep that is due: prices from files as the vendor, jobs of long ago."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from peewee import SqliteDatabase

from server.jobs.errors import DrainingError
from server.market.errors import MarketError
from server.schedules.schedule import CleanupSchedule, PricesSchedule
from server.schedules.upkeep import Upkeep
from server.settings import Settings
from storage.database import open_database
from storage.prices import import_bars
from tests.service import bar

TUESDAY = datetime(2025, 10, 7, 3, 0, tzinfo=UTC)


@pytest.fixture
def db(tmp_path: Path) -> Iterator[SqliteDatabase]:
    database = open_database(tmp_path / "jobs.db")
    yield database
    database.close()


@pytest.fixture
def upkeep(db: SqliteDatabase, tmp_path: Path) -> Upkeep:
    lines = [f"A,2025-10-{day:02},10,10,10,10,100" for day in (1, 2, 3, 6, 7)]
    text = "\n".join(["symbol,date,open,high,low,close,volume", *lines])
    (tmp_path / "bars.csv").write_text(text, encoding="utf-8")
    settings = Settings(price_provider="files", price_files=tmp_path / "bars.csv")
    return Upkeep(settings, db, lambda: TUESDAY)


def schedule(*symbols: str) -> PricesSchedule:
    return PricesSchedule(name="p", kind="prices", cron="0 3 * * *", symbols=list(symbols) or None)


def test_what_is_missing_up_to_yesterday_is_had_and_the_rest_is_told(db: SqliteDatabase, upkeep: Upkeep) -> None:
    import_bars(db, "test", [bar("A", "2025-10-02", 10, 10), bar("B", "2025-10-02", 10, 10)], (), TUESDAY)

    done = upkeep.perform(schedule(), TUESDAY)

    assert done.message.startswith("2 symbols asked for, 2 bars added, 0 changed; prices of B could not be had: ")
    sql = "SELECT date FROM price_bars WHERE symbol = 'A' ORDER BY date"
    assert [day for (day,) in db.execute_sql(sql)] == ["2025-10-02", "2025-10-03", "2025-10-06"]


def test_it_fails_when_nothing_could_be_had_and_when_there_is_nothing_to_have(upkeep: Upkeep) -> None:
    with pytest.raises(MarketError, match="0 bars added, 0 changed; prices of NOPE could not be had"):
        upkeep.perform(schedule("NOPE"), TUESDAY)
    with pytest.raises(MarketError, match="there are no prices yet: name symbols"):
        upkeep.perform(schedule(), TUESDAY)


def test_once_it_is_stopped_nobody_is_asked(db: SqliteDatabase, upkeep: Upkeep) -> None:
    upkeep.stop()

    with pytest.raises(DrainingError):
        upkeep.perform(schedule("A"), TUESDAY)

    assert list(db.execute_sql("SELECT COUNT(*) FROM price_bars")) == [(0,)]


def test_jobs_that_ended_long_ago_are_removed_and_counted(db: SqliteDatabase, upkeep: Upkeep) -> None:
    for name, status, ended in (
        ("old", "completed", "2025-06-30T00:00:00.000000Z"),
        ("new", "completed", "2025-10-06T00:00:00.000000Z"),
        ("active", "running", None),
    ):
        db.execute_sql(
            "INSERT INTO jobs (job_id, config_path, status, date_range, models, created_at, completed_at)"
            " VALUES (?, '', ?, '[]', '[]', '2025-06-01T00:00:00.000000Z', ?)",
            (name, status, ended),
        )
    weekly = CleanupSchedule(name="c", kind="cleanup", cron="0 3 * * *", older_than="90d")

    done = upkeep.perform(weekly, TUESDAY)

    assert done.message == "removed 1 of 1 old jobs, 1 rows in all"
    assert [name for (name,) in db.execute_sql("SELECT job_id FROM jobs ORDER BY 1")] == ["active", "new"]
