from dataclasses import replace

import numpy as np
import pytest

from tests.unit.server.engine.synthetic_market import written_market

DATES = ("2025-01-02", "2025-01-03", "2025-01-06")
PRICES = written_market(
    DATES,
    {"AAPL": [(1, 2), (3, 4), (5, 0)], "LATE": [(0, 0), (0, 6), (0, 0)], "NONE": [(0, 0), (0, 0), (0, 0)]},
)


def test_trading_dates_are_those_that_can_be_valued() -> None:
    assert PRICES.trading_dates == ("2025-01-02", "2025-01-03")


def test_trading_dates_between_includes_both_ends() -> None:
    assert PRICES.trading_dates_between("2025-01-02", "2025-01-03") == ("2025-01-02", "2025-01-03")
    assert PRICES.trading_dates_between("2025-01-03", "2025-12-31") == ("2025-01-03",)
    assert PRICES.trading_dates_between("2025-02-01", "2025-01-01") == ()


def test_latest_close_goes_back_to_the_last_one_there_is() -> None:
    closes = [PRICES.latest_close("AAPL", date) for date in ("2025-01-01", "2025-01-02", "2025-01-04", "2025-01-06")]

    assert closes == [None, 2, 4, 4]
    assert PRICES.latest_close("NOPE", "2025-01-06") is None


def test_open_is_known_on_its_date_and_close_from_the_next_one() -> None:
    np.testing.assert_array_equal(PRICES.known_from[:2], [0, 2])
    assert PRICES.known_from[2] > len(DATES)


def test_columns_cannot_be_written_to() -> None:
    with pytest.raises(ValueError, match="read-only"):
        PRICES.close[0, 0] = 1


def test_column_of_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match="shape"):
        replace(PRICES, volume=np.zeros((1, 1), dtype=np.int64))
