import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from peewee import SqliteDatabase

from server.market.command import prices
from server.market.price_update import Lack, find_lacks, update_prices
from server.market.providers.alpha_vantage import AlphaVantage, AlphaVantageAccess
from server.market.providers.token_bucket import TokenBucket
from storage.corporate_actions import mark_adjusted
from tests.unit.server.market import vendor as vendors
from tests.unit.server.market.vendor import Vendor, series, serving, words

DAYS = ("2025-10-01", "2025-10-02", "2025-10-03", "2025-10-06")


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    with serving() as served:
        yield served


def updated(db: SqliteDatabase, vendor: Vendor, *symbols: str) -> list[str]:
    alpha = AlphaVantage(AlphaVantageAccess(key="SECRET", url=vendor.url), db, TokenBucket(6_000_000))
    report = update_prices(db, alpha, find_lacks(db, symbols, DAYS), lambda: datetime.now(UTC))
    return list(report.lines())


def dates(db: SqliteDatabase, symbol: str) -> list[str]:
    sql = "SELECT date FROM price_bars WHERE symbol = ? ORDER BY date"
    return [day for (day,) in db.execute_sql(sql, (symbol,))]


def test_what_is_missing_is_had_and_nobody_is_asked_twice(db: SqliteDatabase, vendor: Vendor) -> None:
    vendor.answers = [series(["2025-09-30", *DAYS])]

    first, second = updated(db, vendor, "A", "B"), updated(db, vendor, "A", "B")

    assert first == ["2 symbols asked for, 8 bars added, 0 changed"]
    assert second == ["0 symbols asked for, 0 bars added, 0 changed"]
    assert dates(db, "A") == [*DAYS]
    assert [asked["symbol"] for asked in vendor.asked] == ["A", "B"]


def test_symbol_that_lacks_most_comes_first(db: SqliteDatabase, vendor: Vendor) -> None:
    vendor.answers = [series(DAYS[:3])]
    updated(db, vendor, "A")

    assert find_lacks(db, ["A", "B"], DAYS) == [Lack(symbol="B", dates=DAYS), Lack(symbol="A", dates=DAYS[3:])]


def test_what_the_vendor_lacks_is_told(db: SqliteDatabase, vendor: Vendor) -> None:
    vendor.answers = [series(DAYS[1:3])]

    assert updated(db, vendor, "A")[1:] == [
        "not had A, 2 dates from 2025-10-01 to 2025-10-06: alpha-vantage has no bar"
    ]


def test_prices_that_are_adjusted_are_not_mixed_with_raw_ones(db: SqliteDatabase, vendor: Vendor) -> None:
    vendor.answers = [series(DAYS)]
    mark_adjusted(db, ["A"], "adjusted.csv", datetime.now(UTC))

    lines = updated(db, vendor, "A", "B")

    assert lines[0] == "1 symbols asked for, 4 bars added, 0 changed"
    assert lines[1].endswith("its stored prices are adjusted, and those to be had are not")


def test_one_symbol_that_fails_stops_no_other(db: SqliteDatabase, vendor: Vendor) -> None:
    vendor.answers = [words("Error Message", vendors.UNKNOWN_SYMBOL), series(DAYS)]

    lines = updated(db, vendor, "A", "B")

    assert lines[0] == "2 symbols asked for, 4 bars added, 0 changed"
    assert lines[1].startswith(
        "not had A, 4 dates from 2025-10-01 to 2025-10-06: Alpha Vantage sent no prices: Invalid"
    )


def test_once_the_day_is_spent_nobody_is_asked_and_the_rest_is_told(db: SqliteDatabase, vendor: Vendor) -> None:
    vendor.answers = [series(DAYS), words("Information", vendors.DAY_SPENT)]

    lines = updated(db, vendor, "A", "B", "C")

    assert len(vendor.asked) == 2
    assert [line.split(",")[0] for line in lines[1:]] == ["not had B", "not had C"]


def test_bar_that_came_with_others_and_differs_is_kept_as_a_revision(db: SqliteDatabase, vendor: Vendor) -> None:
    vendor.answers = [series([DAYS[0], DAYS[2]]), series(DAYS, "11")]
    updated(db, vendor, "A")

    assert updated(db, vendor, "A") == ["1 symbols asked for, 2 bars added, 1 changed"]
    assert list(db.execute_sql("SELECT date, close FROM price_revisions")) == [("2025-10-03", 10.5)]


def run(tmp_path: Path, vendor: Vendor, *arguments: str, key: str = "SECRET") -> Result:
    environment = {
        "AITRADER_DB": str(tmp_path / "cli.db"),
        "ALPHAADVANTAGE_API_KEY": key,
        "AITRADER_ALPHA_VANTAGE_URL": vendor.url,
        "AITRADER_ALPHA_VANTAGE_REQUESTS_PER_MINUTE": "100000",
    }
    return CliRunner().invoke(prices, ["update", *arguments], env=environment)


def test_update_downloads_the_trading_days_of_a_range(tmp_path: Path, vendor: Vendor) -> None:
    vendor.answers = [series([*DAYS, "2025-10-04"])]

    result = run(tmp_path, vendor, "--symbols", "a,B", "--start", "2025-10-01", "--end", "2025-10-06", "--json")

    assert result.exit_code == 0
    told = json.loads(result.stdout)
    assert (told["asked"], told["not_had"]) == (2, [])
    again = run(tmp_path, vendor)  # all symbols, up to yesterday
    assert again.stdout.startswith("2 symbols asked for, 0 bars added, 0 changed")
    assert again.exit_code == 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--symbols", "a b"], "symbol 'a b' was not 1 to 20 of"),
        ([], "there are no prices yet: name --symbols"),
        (["--symbols", "A", "--start", "2025-10-02", "--end", "2025-10-01"], "2025-10-01 is before 2025-10-02"),
        (["--symbols", "A", "--calendar", "NOPE"], "'NOPE' is not a calendar"),
    ],
)
def test_update_says_what_is_wrong(tmp_path: Path, vendor: Vendor, arguments: list[str], told: str) -> None:
    result = run(tmp_path, vendor, *arguments)

    assert result.exit_code in (1, 2)
    assert told in result.output


def test_update_needs_a_key(tmp_path: Path, vendor: Vendor) -> None:
    assert "needs ALPHAADVANTAGE_API_KEY" in run(tmp_path, vendor, key="").output


def test_update_that_had_nothing_fails(tmp_path: Path, vendor: Vendor) -> None:
    vendor.answers = [words("Error Message", vendors.BAD_KEY)]

    result = run(tmp_path, vendor, "--symbols", "A", "--start", "2025-10-01", "--end", "2025-10-06")

    assert result.exit_code == 1
    assert "refused the key" in result.output
    assert "SECRET" not in result.output
