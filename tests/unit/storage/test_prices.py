from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from peewee import SqliteDatabase

from storage.database import open_database
from storage.errors import StorageBusyError
from storage.prices import BarRow, ImportCounts, import_bars, load_columns, version

NOW = datetime(2025, 11, 1, 12, tzinfo=UTC)


@pytest.fixture
def db(tmp_path: Path) -> Iterator[SqliteDatabase]:
    database = open_database(tmp_path / "jobs.db")
    yield database
    database.close()


def bar(symbol: str = "AAPL", date: str = "2025-10-01", close: str = "10.5") -> BarRow:
    return BarRow(
        symbol=symbol,
        date=date,
        open=Decimal("10.25"),
        high=Decimal(11),
        low=Decimal("9.000001"),
        close=Decimal(close),
        volume=7,
    )


def opening(date: str = "2025-10-01", price: str = "10.25") -> BarRow:
    return BarRow(symbol="AAPL", date=date, open=Decimal(price))


def counts(added: int = 0, changed: int = 0, unchanged: int = 0) -> ImportCounts:
    return ImportCounts(added=added, changed=changed, unchanged=unchanged)


def imports(db: SqliteDatabase) -> list[tuple[object, ...]]:
    return list(db.execute_sql("SELECT id, source, added, changed, refused FROM price_imports ORDER BY id"))


def bars(db: SqliteDatabase) -> list[tuple[object, ...]]:
    return list(db.execute_sql("SELECT symbol, date, open, high, low, close, volume FROM price_bars"))


def test_new_bars_are_added_and_the_import_is_recorded(db: SqliteDatabase) -> None:
    done = import_bars(db, "a.csv", [bar(), bar("MSFT")], ["one refusal"], NOW)

    assert done == counts(added=2)
    assert imports(db) == [(1, "a.csv", 2, 0, 1)]
    assert version(db) == 1
    assert bars(db)[0] == ("AAPL", "2025-10-01", 10.25, 11.0, 9.000001, 10.5, 7)


def test_equal_bars_again_change_nothing_and_leave_no_trace(db: SqliteDatabase) -> None:
    import_bars(db, "a.csv", [bar(), opening("2025-10-02")], (), NOW)

    done = import_bars(db, "b.csv", [bar(), opening("2025-10-02")], (), NOW)

    assert done == counts(unchanged=2)
    assert version(db) == 1


def test_a_different_bar_replaces_the_stored_one(db: SqliteDatabase) -> None:
    import_bars(db, "a.csv", [bar(), bar("MSFT")], (), NOW)

    done = import_bars(db, "b.csv", [bar(close="10.6"), bar("MSFT"), bar("TSLA")], (), NOW)

    assert done == counts(added=1, changed=1, unchanged=1)
    assert bars(db)[0][5] == 10.6
    assert imports(db)[1] == (2, "b.csv", 1, 1, 0)


def test_a_whole_bar_completes_a_bar_with_only_an_open(db: SqliteDatabase) -> None:
    import_bars(db, "a.csv", [opening()], (), NOW)

    assert import_bars(db, "b.csv", [bar()], (), NOW) == counts(changed=1)


def test_a_bar_with_only_the_same_open_does_not_wipe_out_a_whole_bar(db: SqliteDatabase) -> None:
    import_bars(db, "a.csv", [bar()], (), NOW)

    assert import_bars(db, "b.csv", [opening()], (), NOW) == counts(unchanged=1)
    assert import_bars(db, "c.csv", [opening(price="10.26")], (), NOW) == counts(changed=1)


def test_an_import_of_nothing_does_nothing(db: SqliteDatabase) -> None:
    assert import_bars(db, "empty.csv", [], (), NOW) == counts()
    assert version(db) == 0
    assert list(load_columns(db)) == []
    assert bars(db) == []


def test_an_import_that_breaks_off_leaves_nothing_behind(db: SqliteDatabase) -> None:
    def broken() -> Iterator[BarRow]:
        yield bar()
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        import_bars(db, "a.csv", broken(), (), NOW)

    assert bars(db) == []
    assert import_bars(db, "a.csv", [bar()], (), NOW) == counts(added=1)


def test_an_import_into_a_locked_database_is_refused_as_busy(db: SqliteDatabase, tmp_path: Path) -> None:
    db.execute_sql("PRAGMA busy_timeout = 0")
    other = open_database(tmp_path / "jobs.db")

    with other.atomic("IMMEDIATE"), pytest.raises(StorageBusyError, match="could not be imported"):
        import_bars(db, "a.csv", [bar()], (), NOW)

    other.close()
    assert import_bars(db, "a.csv", [bar()], (), NOW) == counts(added=1)


def test_columns_hold_micros_and_shares_and_0_for_what_is_not_there(db: SqliteDatabase) -> None:
    import_bars(db, "a.csv", [bar("MSFT"), opening("2025-10-02"), bar()], (), NOW)

    apple, microsoft = load_columns(db)

    assert (apple.symbol, microsoft.symbol) == ("AAPL", "MSFT")
    assert apple.dates == "2025-10-01,2025-10-02"
    assert (apple.open, apple.low, apple.close) == ("10250000,10250000", "9000001,0", "10500000,0")
    assert (apple.high, apple.volume) == ("11000000,0", "7,0")


@settings(deadline=None)
@given(micros=st.integers(1, 999_999_999_999))
def test_every_price_on_the_grid_comes_back_as_its_micros(micros: int) -> None:
    price = Decimal(micros).scaleb(-6)
    db = SqliteDatabase(":memory:")

    cast = db.execute_sql("SELECT CAST(? * 1e6 + 0.5 AS INTEGER)", (float(price),)).fetchone()[0]

    db.close()
    assert cast == micros


def test_bar_that_another_one_replaces_is_kept_as_a_revision(db: SqliteDatabase) -> None:
    import_bars(db, "a.csv", [bar(), bar("MSFT")], (), NOW)
    import_bars(db, "b.csv", [bar(close="10.75"), bar("MSFT")], (), NOW)
    import_bars(db, "c.csv", [bar(close="10.5")], (), NOW)

    sql = "SELECT symbol, date, open, close, volume, import_id, replaced_by FROM price_revisions"

    assert list(db.execute_sql(sql)) == [
        ("AAPL", "2025-10-01", 10.25, 10.5, 7, 1, 2),
        ("AAPL", "2025-10-01", 10.25, 10.75, 7, 2, 3),
    ]


@pytest.mark.parametrize(("price", "kept"), [("10.25", 0), ("10.24", 1)])
def test_open_that_is_completed_is_no_revision_and_one_that_changes_is(
    db: SqliteDatabase, price: str, kept: int
) -> None:
    import_bars(db, "a.csv", [opening(price=price)], (), NOW)

    import_bars(db, "b.csv", [bar()], (), NOW)

    assert db.execute_sql("SELECT count(*) FROM price_revisions").fetchone() == (kept,)
