from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from peewee import SqliteDatabase

from storage.corporate_actions import ActionRow, import_actions, mark_adjusted
from storage.database import open_database, timestamp
from storage.price_coverage import PriceJump, coverage, missing_days, price_jumps
from storage.prices import BarRow, import_bars

NOW = datetime(2025, 11, 1, 12, tzinfo=UTC)


@pytest.fixture
def db(tmp_path: Path) -> Iterator[SqliteDatabase]:
    database = open_database(tmp_path / "jobs.db")
    yield database
    database.close()


def bar(symbol: str, day: int, open_: str = "10", close: str = "10") -> BarRow:
    prices = Decimal(open_), Decimal(close)
    return BarRow(
        symbol=symbol,
        date=f"2025-10-{day:02}",
        open=prices[0],
        high=max(prices),
        low=min(prices),
        close=prices[1],
        volume=7,
    )


def stored(db: SqliteDatabase, *bars: BarRow, source: str = "a.csv") -> None:
    import_bars(db, source, bars, (), NOW)


def test_no_bars_no_coverage(db: SqliteDatabase) -> None:
    assert coverage(db) == []


def test_without_a_calendar_dates_that_others_traded_on_are_missing(db: SqliteDatabase) -> None:
    stored(db, *(bar("MSFT", day) for day in range(1, 8)), bar("AAPL", 2), bar("AAPL", 5))

    apple, microsoft = coverage(db)

    assert (apple.symbol, apple.first, apple.last, apple.bars) == ("AAPL", "2025-10-02", "2025-10-05", 2)
    assert apple.missing == ("2025-10-03", "2025-10-04")
    assert (microsoft.bars, microsoft.missing, microsoft.closed) == (7, (), ())


def test_with_a_calendar_its_days_are_missing_and_others_are_closed(db: SqliteDatabase) -> None:
    stored(db, *(bar("AAPL", day) for day in (1, 4, 6)), bar("MSFT", 2))
    trading_days = [f"2025-10-{day:02}" for day in (1, 2, 3, 6, 7)]

    apple, microsoft = coverage(db, trading_days)

    assert apple.missing == ("2025-10-02", "2025-10-03")
    assert apple.closed == ("2025-10-04",)
    assert (microsoft.missing, microsoft.closed) == ((), ())


def test_beyond_what_the_calendar_knows_dates_with_bars_count(db: SqliteDatabase) -> None:
    stored(db, *(bar("AAPL", day) for day in (1, 2, 7, 8)), bar("MSFT", 1), bar("MSFT", 8))

    missing = coverage(db, ["2025-10-02", "2025-10-03"])[1].missing

    assert missing == ("2025-10-02", "2025-10-03", "2025-10-07")


@pytest.mark.parametrize(
    ("open_", "close", "jumps"),
    [
        ("15", "15", []),
        ("15.01", "15", [(10, 15.01)]),
        ("6.67", "6.67", []),
        ("6.66", "6.66", [(10, 6.66)]),
        ("10", "15.01", [(10, 15.01)]),
        ("10", "6.6", [(10, 6.6)]),
    ],
)
def test_price_half_as_high_again_or_a_third_lower_is_a_jump(
    db: SqliteDatabase, open_: str, close: str, jumps: list[tuple[float, float]]
) -> None:
    stored(db, bar("AAPL", 1), bar("AAPL", 3, open_, close), bar("B", 1, "500", "500"))

    found = price_jumps(db, "AAPL", "B")

    assert found == [PriceJump(symbol="AAPL", date="2025-10-03", before=one, after=two) for one, two in jumps]
    assert coverage(db)[0].jumps == tuple(found)


def split(ex_day: int, numerator: int = 15) -> ActionRow:
    return ActionRow(
        symbol="AAPL",
        ex_date=f"2025-10-{ex_day:02}",
        kind="split",
        numerator=numerator,
        denominator=1,
        amount_micros=0,
    )


def test_split_that_is_known_is_no_jump(db: SqliteDatabase) -> None:
    stored(db, bar("AAPL", 1, "1348.1", "1348.1"), bar("AAPL", 5, "90", "91"), bar("B", 5, "10", "10"))
    import_actions(db, "actions.csv", [split(3)], NOW)

    assert price_jumps(db, "AAPL", "B") == []


@pytest.mark.parametrize(("numerator", "before"), [(3, 300), (30, 30)])
def test_split_that_the_prices_do_not_show_is_a_jump_from_the_price_per_new_share(
    db: SqliteDatabase, numerator: int, before: int
) -> None:
    stored(db, bar("AAPL", 1, "900", "900"), bar("AAPL", 2, "100", "100"), bar("AAPL", 3, "100", "100"))
    import_actions(db, "actions.csv", [split(2, numerator)], NOW)

    (jump,) = price_jumps(db, "AAPL", "AAPL")

    assert (jump.date, jump.before, jump.after) == ("2025-10-02", pytest.approx(before), 100)


def test_split_says_nothing_of_prices_that_are_adjusted(db: SqliteDatabase) -> None:
    stored(db, bar("AAPL", 1, "100", "100"), bar("AAPL", 2, "100", "100"))
    mark_adjusted(db, ["AAPL"], "a.csv", NOW)
    import_actions(db, "actions.csv", [split(2)], NOW)

    assert price_jumps(db, "AAPL", "AAPL") == []


def test_revisions_and_the_last_source_are_told(db: SqliteDatabase) -> None:
    stored(db, bar("AAPL", 1), bar("MSFT", 1))
    stored(db, bar("AAPL", 1, close="11"), source="b.csv")

    apple, microsoft = coverage(db)

    assert (apple.revisions, apple.source, apple.imported_at) == (1, "b.csv", timestamp(NOW))
    assert (microsoft.revisions, microsoft.source) == (0, "a.csv")


def test_coverage_can_be_read_in_pages(db: SqliteDatabase) -> None:
    stored(db, *(bar(symbol, 1) for symbol in "ABC"))

    assert [row.symbol for row in coverage(db, limit=2)] == ["A", "B"]
    assert [row.symbol for row in coverage(db, after="B", limit=2)] == ["C"]


def test_missing_days_lie_between_the_first_and_last_date() -> None:
    assert missing_days(["b", "d"], ["a", "b", "c", "d", "e"]) == ("c",)
