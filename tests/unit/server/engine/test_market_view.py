from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from server.engine.market_view import MarketView, NotYetKnownError
from server.engine.prices import Bar
from tests.unit.server.engine.synthetic_market import drawn_market, with_other_future, written_market

DATES = ("2025-01-02", "2025-01-03", "2025-01-06", "2025-01-07")
PRICES = written_market(
    DATES,
    {
        "AAPL": [(100, 110), (120, 130), (140, 150), (160, 170)],
        "HALT": [(50, 55), (51, 56), (0, 0), (57, 58)],
        "LATE": [(0, 0), (0, 0), (0, 70), (71, 72)],
        "OPEN": [(0, 0), (0, 0), (33.5, 0), (34, 35)],
    },
)


def test_earlier_bars_are_seen_in_full() -> None:
    view = MarketView(PRICES, "2025-01-06")

    bar = view.bar("AAPL", "2025-01-03")

    assert bar == Bar(
        symbol="AAPL",
        date="2025-01-03",
        open=Decimal(120),
        high=Decimal(130),
        low=Decimal(120),
        close=Decimal(130),
        volume=1000,
    )


def test_of_the_date_itself_the_open_alone_is_seen() -> None:
    view = MarketView(PRICES, "2025-01-06")

    price = view.open("AAPL")

    assert price == 140
    with pytest.raises(NotYetKnownError):
        view.bar("AAPL", "2025-01-06")


def test_refusal_is_the_same_for_later_trading_dates_and_other_later_dates() -> None:
    view = MarketView(PRICES, "2025-01-03")

    refusals = []
    for date in ("2025-01-06", "2025-01-04", "2031-01-01"):
        with pytest.raises(NotYetKnownError) as caught:
            view.bar("AAPL", date)
        refusals.append(str(caught.value).replace(date, "DATE"))

    assert set(refusals) == {"prices of DATE are not known at the open of 2025-01-03"}


def test_refusal_is_the_same_for_symbols_known_and_unknown() -> None:
    view = MarketView(PRICES, "2025-01-03")

    refusals = []
    for symbol in ("AAPL", "LATE", "NOPE"):
        with pytest.raises(NotYetKnownError) as caught:
            view.bar(symbol, "2025-01-06")
        refusals.append(str(caught.value))

    assert len(set(refusals)) == 1


def test_no_attribute_holds_a_later_date_or_a_later_price() -> None:
    view = MarketView(PRICES, "2025-01-03")

    attributes = [getattr(view, name) for name in ("date", "dates", "symbols")] + list(vars(view).values())

    texts: set[str] = set()
    numbers: set[int] = set()
    for value in attributes:
        _collect(value, texts, numbers)
    assert not texts & {"2025-01-06", "2025-01-07", "LATE", "OPEN"}
    assert not numbers & {round(dollars * 1_000_000) for dollars in (130, 140, 150, 160, 170, 56, 57, 58)}


def _collect(value: Any, texts: set[str], numbers: set[int]) -> None:
    if isinstance(value, str):
        texts.add(value)
    elif isinstance(value, np.ndarray):
        numbers.update(value.ravel().tolist())
    elif isinstance(value, dict | list | tuple):
        for part in value:
            _collect(part, texts, numbers)


def test_symbol_shows_from_the_first_price_that_is_known() -> None:
    views = [MarketView(PRICES, date) for date in DATES]

    symbols = [view.symbols for view in views]

    assert symbols == [("AAPL", "HALT"), ("AAPL", "HALT"), ("AAPL", "HALT", "OPEN"), ("AAPL", "HALT", "LATE", "OPEN")]
    assert [view.knows("LATE") for view in views] == [False, False, False, True]


def test_mark_is_the_open_or_else_the_latest_earlier_close() -> None:
    view = MarketView(PRICES, "2025-01-06")

    marks = [view.mark(symbol) for symbol in ("AAPL", "HALT", "OPEN", "LATE", "NOPE")]

    assert marks == [140, 56, Decimal("33.5"), None, None]


def test_opens_and_closes_are_in_the_order_of_symbols_and_nan_where_missing() -> None:
    view = MarketView(PRICES, "2025-01-06")

    opens, closes = view.opens(), view.closes(1)

    np.testing.assert_array_equal(opens, [140, np.nan, 33.5])
    np.testing.assert_array_equal(closes, [[130, 56, np.nan]])


def test_closes_gives_the_dates_there_are_when_asked_for_more() -> None:
    first, third = MarketView(PRICES, "2025-01-02"), MarketView(PRICES, "2025-01-06")

    shapes = [first.closes(10).shape, third.closes(10).shape, third.closes(0).shape]

    assert shapes == [(0, 2), (2, 3), (0, 3)]


def test_universe_limits_every_answer() -> None:
    view = MarketView(PRICES, "2025-01-07", universe=["OPEN", "AAPL", "NOPE"])

    assert view.symbols == ("AAPL", "OPEN")
    assert view.open("HALT") is None
    assert view.bar("HALT", "2025-01-02") is None
    assert view.mark("HALT") is None
    assert not view.knows("HALT")
    np.testing.assert_array_equal(view.opens(), [160, 34])
    np.testing.assert_array_equal(view.closes(2), [[130, np.nan], [150, np.nan]])


def test_universe_of_all_symbols_gives_the_same_arrays_as_none() -> None:
    prices = drawn_market(symbols=5, dates=20, seed=1, missing=0.1)

    every, limited = MarketView(prices, prices.dates[-1]), MarketView(prices, prices.dates[-1], prices.symbols)

    assert every.closes(9).tobytes() == limited.closes(9).tobytes()
    assert limited.closes(9).flags.c_contiguous


def test_date_without_prices_has_no_view() -> None:
    with pytest.raises(LookupError, match="there are no prices for 2025-01-04"):
        MarketView(PRICES, "2025-01-04")


def test_bar_of_a_date_without_one_is_none() -> None:
    view = MarketView(PRICES, "2025-01-07")

    bars = [view.bar("HALT", "2025-01-06"), view.bar("AAPL", "2025-01-05"), view.bar("AAPL", "1999-01-01")]

    assert bars == [None, None, None]


@pytest.mark.parametrize("row", range(20))
def test_changing_the_future_changes_no_answer(row: int) -> None:
    prices = drawn_market(symbols=5, dates=20, seed=2, missing=0.3)
    other = with_other_future(prices, row, seed=row)

    before, after = MarketView(prices, prices.dates[row]), MarketView(other, prices.dates[row])

    assert (before.symbols, before.dates) == (after.symbols, after.dates)
    assert before.opens().tobytes() == after.opens().tobytes()
    assert before.closes(99).tobytes() == after.closes(99).tobytes()
    assert [before.mark(name) for name in prices.symbols] == [after.mark(name) for name in prices.symbols]
    assert [before.knows(name) for name in prices.symbols] == [after.knows(name) for name in prices.symbols]
