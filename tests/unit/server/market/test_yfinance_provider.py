"""What becomes of the tables that yfinance documents: real tables of pandas, and a package that is not there."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal

import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from peewee import SqliteDatabase

from server.market.found import PlacedBar, Refusal
from server.market.price_update import UpdateReport, find_lacks, update_prices
from server.market.providers.provider import Daily, ProviderClosedError, ProviderError
from server.market.providers.token_bucket import TokenBucket
from server.market.providers.yfinance import YFinance

DAYS = ("2025-06-06", "2025-06-09", "2025-06-10", "2025-06-11")

#: what Yahoo shows today of a share that cost 1350, was split 15:1 on the third day and costs 90
CLOSES = (89.8666687, 89.8733368, 90.5, 91.25)


def table(
    closes: Sequence[float] = CLOSES,
    *,
    opens: Sequence[float] | None = None,
    splits: Mapping[str, float] | None = None,
    dividends: Mapping[str, float] | None = None,
) -> pd.DataFrame:
    """Return a table as `Ticker.history(auto_adjust=False, actions=True)` documents it."""
    opens = closes if opens is None else opens
    return pd.DataFrame(
        {
            "Open": opens,
            "High": [max(pair) for pair in zip(opens, closes, strict=True)],
            "Low": [min(pair) for pair in zip(opens, closes, strict=True)],
            "Close": closes,
            "Adj Close": [close * 0.9 for close in closes],
            "Volume": [3000] * len(closes),
            "Dividends": [(dividends or {}).get(day, 0.0) for day in DAYS],
            "Stock Splits": [(splits or {}).get(day, 0.0) for day in DAYS],
        },
        index=pd.DatetimeIndex(DAYS, tz="America/New_York", name="Date"),
    )


def daily(frame: pd.DataFrame) -> Daily:
    return YFinance(TokenBucket(6_000_000), lambda _symbol, _first: frame).daily("ORLY", DAYS[0])


def closes(found: Daily) -> dict[str, Decimal | None]:
    return {one.bar.date: one.bar.close for one in found.found if isinstance(one, PlacedBar)}


def test_prices_without_a_split_are_taken_as_they_are_to_seven_digits() -> None:
    found = daily(table((229.8699951171875, 100.0, 100.0, 0.1234567)))

    assert list(closes(found).values()) == [Decimal(text) for text in ("0.123457", "100", "100", "229.87")]
    assert not found.actions


def test_prices_dividends_and_volumes_before_a_split_are_what_they_were() -> None:
    found = daily(table(splits={DAYS[2]: 15.0}, dividends={DAYS[1]: 0.01733333, DAYS[3]: 0.25}))

    assert closes(found) == {
        DAYS[0]: Decimal(1348),
        DAYS[1]: Decimal("1348.1"),
        DAYS[2]: Decimal("90.5"),
        DAYS[3]: Decimal("91.25"),
    }
    volumes = {one.bar.date: one.bar.volume for one in found.found if isinstance(one, PlacedBar)}
    assert volumes == {DAYS[0]: 200, DAYS[1]: 200, DAYS[2]: 3000, DAYS[3]: 3000}
    terms = {(row.ex_date, row.kind): (row.numerator, row.denominator, row.amount_micros) for row in found.actions}
    assert terms == {
        (DAYS[1], "dividend"): (1, 1, 260_000),
        (DAYS[2], "split"): (15, 1, 0),
        (DAYS[3], "dividend"): (1, 1, 250_000),
    }


def test_splits_multiply_and_a_reverse_one_divides() -> None:
    found = daily(table((2.0, 2.0, 2.0, 2.0), splits={DAYS[1]: 0.1, DAYS[3]: 4.0}))

    assert list(closes(found).values()) == [Decimal(text) for text in ("2", "8", "8", "0.8")]


def test_prices_that_a_split_was_not_taken_out_of_are_refused() -> None:
    frame = table((1348.0, 1348.1, 90.5, 91.25), splits={DAYS[2]: 15.0})

    found = daily(frame)

    (refused,) = [one for one in found.found if isinstance(one, Refusal)]
    assert (refused.date, "what was paid cannot be told" in refused.reason) == (DAYS[2], True)
    assert list(closes(found)) == [DAYS[3], DAYS[2]]


def test_figure_that_is_not_there_refuses_its_date_alone() -> None:
    found = daily(table((90.0, float("nan"), 90.0, 90.0)))

    assert len(closes(found)) == 3
    assert [one.date for one in found.found if isinstance(one, Refusal)] == [DAYS[1]]


def test_changed_columns_are_told() -> None:
    with pytest.raises(ProviderError, match="the table of yfinance lacked Close, Stock Splits"):
        daily(table().drop(columns=["Close", "Stock Splits"]))


def test_whatever_the_package_raises_costs_its_symbol_and_refused_requests_end_the_download() -> None:
    def fail(_symbol: str, _first: str) -> pd.DataFrame:
        raise KeyError("chart")

    def refuse(_symbol: str, _first: str) -> pd.DataFrame:
        raise ProviderClosedError("Yahoo refuses more requests")

    with pytest.raises(ProviderError, match="yfinance had nothing of 'A': KeyError: 'chart'") as caught:
        YFinance(TokenBucket(6_000_000), fail).daily("A", DAYS[0])
    assert not isinstance(caught.value, ProviderClosedError)
    with pytest.raises(ProviderClosedError):
        YFinance(TokenBucket(6_000_000), refuse).daily("A", DAYS[0])


#: what may stand in a column of figures
FIGURES = st.one_of(
    st.sampled_from([0.0, -1.0, 15.0, 1 / 15, 1e-300, 1e300, float("nan"), float("inf"), -float("inf"), 10**400]),
    st.sampled_from([None, "x", True, pd.NaT, [1.0]]),
    st.floats(),
)


@settings(max_examples=60)
@given(column=st.sampled_from(list(table().columns)), row=st.integers(0, 3), figure=FIGURES)
@example(column="Volume", row=1, figure=float("inf"))
@example(column="Stock Splits", row=1, figure=float("inf"))
def test_any_figure_in_any_place_costs_its_date_or_the_symbol(column: str, row: int, figure: object) -> None:
    frame = table(splits={DAYS[2]: 15.0}).astype(object)
    frame[column] = pd.Series([*frame[column][:row], figure, *frame[column][row + 1 :]], frame.index, object)

    try:
        found = daily(frame).found
    except ProviderError as error:
        told = str(error)
    else:
        assert all(isinstance(one, PlacedBar) or one.date in DAYS for one in found)
        return

    assert "'ORLY'" in told
    assert told.isprintable()


def test_infinite_volume_costs_its_date_and_bad_action_is_told_with_its_date() -> None:
    frame = table()
    frame["Volume"] = [3000.0, float("inf"), 3000.0, 3000.0]

    assert [one.date for one in daily(frame).found if isinstance(one, Refusal)] == [DAYS[1]]
    for wrong in ({"splits": {DAYS[2]: float("inf")}}, {"dividends": {DAYS[2]: 1e16}}):
        with pytest.raises(ProviderError, match="the table of 'ORLY' could not be read: 2025-06-10: "):
            daily(table(**wrong))


@pytest.mark.parametrize("dates", [(*DAYS[1:], DAYS[0]), (DAYS[0], *DAYS[:3])])
def test_table_whose_dates_are_not_in_order_is_refused(dates: Sequence[str]) -> None:
    frame = table(splits={DAYS[2]: 15.0}).set_index(pd.DatetimeIndex(dates, tz="America/New_York"))

    with pytest.raises(ProviderError, match="were not in order, each once"):
        daily(frame)


def updated(db: SqliteDatabase, frame: pd.DataFrame, days: Sequence[str] = DAYS) -> UpdateReport:
    provider = YFinance(TokenBucket(6_000_000), lambda _symbol, _first: frame)
    return update_prices(db, provider, find_lacks(db, ["ORLY"], days), lambda: datetime.now(UTC))


def stored_actions(db: SqliteDatabase) -> list[tuple[str, str]]:
    return list(db.execute_sql("SELECT ex_date, kind FROM corporate_actions ORDER BY ex_date"))


def test_update_stores_bars_and_actions_of_its_dates_together(db: SqliteDatabase) -> None:
    frame = table(splits={DAYS[2]: 15.0}, dividends={DAYS[3]: 0.25})

    report = updated(db, frame, DAYS[:3])

    assert report.counts == "1 symbols asked for, 3 bars added, 0 changed, 1 corporate actions"
    assert stored_actions(db) == [(DAYS[2], "split")]
    assert updated(db, frame).counts.endswith("1 bars added, 0 changed, 1 corporate actions")
    assert stored_actions(db) == [(DAYS[2], "split"), (DAYS[3], "dividend")]


def test_dividend_that_contradicts_a_stored_one_is_told_and_a_split_keeps_the_bars_out(db: SqliteDatabase) -> None:
    updated(db, table(splits={DAYS[2]: 15.0}, dividends={DAYS[1]: 0.02}))
    db.execute_sql("DELETE FROM price_bars")

    other = updated(db, table(splits={DAYS[2]: 15.0}, dividends={DAYS[1]: 0.03}))
    db.execute_sql("DELETE FROM price_bars")
    another = updated(db, table(splits={DAYS[2]: 14.0}))

    (refused,) = other.refused
    assert (refused.date, refused.reason) == (DAYS[1], "dividend contradicts the one that is stored, which stays")
    assert other.added == len(DAYS)
    assert another.not_had[0].reason == "the split 14:1 of 2025-06-10 contradicts a stored one"
    assert list(db.execute_sql("SELECT count(*) FROM price_bars")) == [(0,)]
    assert stored_actions(db) == [(DAYS[1], "dividend"), (DAYS[2], "split")]
