import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.engine.model_day import ModelDayResult
from server.engine.portfolio import Position
from tests.unit.server.agents.strategy_run import BUSY, run_strategy
from tests.unit.server.engine.synthetic_market import drawn_market, with_other_future

SYMBOLS, DATES = 12, 60

MARKET = drawn_market(symbols=SYMBOLS, dates=DATES, seed=11, missing=0.05)


def rows_of(results: list[ModelDayResult]) -> list[tuple[Position, ...]]:
    return [result.positions for result in results]


@pytest.mark.parametrize("basemodel", BUSY)
def test_changing_the_future_of_any_date_changes_nothing_up_to_and_on_it(basemodel: str) -> None:
    before = rows_of(run_strategy(basemodel, MARKET, BUSY[basemodel]))

    for row in range(DATES):
        other = with_other_future(MARKET, row, seed=row)
        after = rows_of(run_strategy(basemodel, other, BUSY[basemodel], days=row + 1))

        assert after == before[: row + 1], f"the future of {MARKET.dates[row]} was seen"


@pytest.mark.parametrize("basemodel", [kind for kind in BUSY if kind != "rule/hold-cash"])
def test_the_change_would_be_noticed_by_a_strategy_that_looked(basemodel: str) -> None:
    row = 30
    before = rows_of(run_strategy(basemodel, MARKET, BUSY[basemodel], days=row + 2))

    other = with_other_future(MARKET, row, seed=1)

    assert rows_of(run_strategy(basemodel, other, BUSY[basemodel], days=row + 2))[row + 1] != before[row + 1]


@settings(max_examples=25, deadline=None)
@given(
    basemodel=st.sampled_from(sorted(BUSY)),
    market=st.integers(0, 2**32),
    future=st.integers(0, 2**32),
    symbols=st.integers(1, SYMBOLS),
    row=st.integers(0, 29),
)
def test_no_market_and_no_future_of_it_shows_through(
    basemodel: str, market: int, future: int, symbols: int, row: int
) -> None:
    prices = drawn_market(symbols=symbols, dates=30, seed=market)
    other = with_other_future(prices, row, seed=future)

    before = run_strategy(basemodel, prices, BUSY[basemodel], days=row + 1)
    after = run_strategy(basemodel, other, BUSY[basemodel], days=row + 1)

    assert rows_of(after) == rows_of(before)
    assert [day.rejections for day in after] == [day.rejections for day in before]
