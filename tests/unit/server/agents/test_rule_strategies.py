import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.engine.model_day import Parameter
from server.engine.orders import Action
from tests.unit.server.agents.recorded_run import recorded_prices, require_data
from tests.unit.server.agents.strategy_run import BUSY, exported, run_strategy
from tests.unit.server.engine.synthetic_market import drawn_market, trading_dates, written_market

MARKET = drawn_market(symbols=12, dates=60, seed=11, missing=0.05)


@pytest.mark.parametrize("basemodel", BUSY)
def test_two_runs_are_the_same_to_the_byte(basemodel: str) -> None:
    first, second = (exported(run_strategy(basemodel, MARKET, BUSY[basemodel])) for _ in range(2))

    assert first == second


@pytest.mark.parametrize("basemodel", BUSY)
def test_universe_of_all_symbols_is_the_same_as_none(basemodel: str) -> None:
    every = exported(run_strategy(basemodel, MARKET, BUSY[basemodel]))

    assert exported(run_strategy(basemodel, MARKET, BUSY[basemodel], universe=MARKET.symbols)) == every


@pytest.mark.parametrize("basemodel", [kind for kind in BUSY if kind != "rule/hold-cash"])
def test_busy_strategies_trade(basemodel: str) -> None:
    results = run_strategy(basemodel, MARKET, BUSY[basemodel])

    assert any(len(result.positions) > 1 for result in results)


@settings(max_examples=40, deadline=None)
@given(
    basemodel=st.sampled_from(sorted(BUSY)),
    seed=st.integers(0, 2**32),
    symbols=st.integers(1, 8),
    missing=st.sampled_from([0.0, 0.3, 0.8]),
)
def test_no_order_is_rejected_and_sales_come_first(basemodel: str, seed: int, symbols: int, missing: float) -> None:
    prices = drawn_market(symbols=symbols, dates=25, seed=seed, missing=missing)

    results = run_strategy(basemodel, prices, BUSY[basemodel])

    for result in results:
        actions = [row.action for row in result.positions[1:]]
        assert result.rejections == ()
        assert actions == sorted(actions, reverse=True)
    assert Action.SELL > Action.BUY


@pytest.mark.parametrize("basemodel", BUSY)
def test_real_prices_with_default_parameters_give_no_rejection(basemodel: str) -> None:
    require_data()

    results = run_strategy(basemodel, recorded_prices(), {})

    assert len(results) == 106
    assert not any(result.rejections for result in results)


def test_hold_cash_never_trades() -> None:
    results = run_strategy("rule/hold-cash", MARKET, {})

    assert {result.trading_day.portfolio_value for result in results} == {10_000}


THREE = written_market(
    trading_dates(6),
    {
        "DOWN": [(100, 100), (100, 90), (90, 80), (80, 70), (70, 60), (60, 50)],
        "FLAT": [(100, 100)] * 6,
        "RISE": [(100, 100), (100, 110), (110, 120), (120, 130), (130, 140), (140, 150)],
    },
)


def fills(
    basemodel: str, parameters: dict[str, Parameter], **of_run: tuple[str, ...]
) -> list[list[tuple[str, str | None, int | None]]]:
    results = run_strategy(basemodel, THREE, parameters, **of_run)  # type: ignore[arg-type]
    return [[(row.action.value, row.symbol, row.amount) for row in result.positions[1:]] for result in results]


def test_buy_and_hold_buys_equal_parts_once() -> None:
    assert fills("rule/buy-and-hold", {}) == [
        [("buy", "DOWN", 33), ("buy", "FLAT", 33), ("buy", "RISE", 33)],
        *[[]] * 5,
    ]


def test_buy_and_hold_buys_the_chosen_symbols_alone() -> None:
    assert fills("rule/buy-and-hold", {"symbols": "RISE,NOPE"})[0] == [("buy", "RISE", 100)]


def test_buy_and_hold_waits_for_a_symbol_that_has_no_open() -> None:
    prices = written_market(trading_dates(2), {"HALT": [(0, 0), (50, 50)], "FLAT": [(1, 1), (1, 1)]})

    results = run_strategy("rule/buy-and-hold", prices, {"symbols": "HALT"})

    assert [len(result.positions) for result in results] == [1, 2]


def test_equal_weight_puts_right_what_strayed_when_due() -> None:
    assert fills("rule/equal-weight", {"rebalance_days": 3, "drift_pct": 10}) == [
        [("buy", "DOWN", 33), ("buy", "FLAT", 33), ("buy", "RISE", 33)],
        [],
        [],
        [("sell", "RISE", 6), ("buy", "DOWN", 8)],
        [],
        [],
    ]


def test_equal_weight_leaves_alone_what_stays_within_the_band() -> None:
    assert fills("rule/equal-weight", {"rebalance_days": 3, "drift_pct": 50})[3] == []


def test_momentum_holds_what_rose_after_its_lookback() -> None:
    assert fills("rule/momentum", {"lookback": 2, "top": 2, "rebalance_days": 1}) == [
        [],
        [],
        [],
        [("buy", "RISE", 83)],
        [],
        [],
    ]


def test_momentum_sells_what_no_longer_leads() -> None:
    quotes = {"AAAA": [(10, 10), (10, 12), (12, 6), (6, 6)], "BBBB": [(10, 10), (10, 10), (10, 11), (11, 11)]}
    prices = written_market(trading_dates(4), quotes)

    results = run_strategy("rule/momentum", prices, {"lookback": 1, "top": 1, "rebalance_days": 1})

    assert [[(row.action, row.symbol) for row in result.positions[1:]] for result in results] == [
        [],
        [],
        [("buy", "AAAA")],
        [("sell", "AAAA"), ("buy", "BBBB")],
    ]


def test_momentum_breaks_ties_by_symbol() -> None:
    quotes = {name: [(10, 10), (10, 11), (11, 11)] for name in ("CCCC", "AAAA", "BBBB")}
    prices = written_market(trading_dates(3), quotes)

    results = run_strategy("rule/momentum", prices, {"lookback": 1, "top": 2, "rebalance_days": 1})

    assert [symbol for symbol, _ in results[2].positions[-1].holdings] == ["AAAA", "BBBB"]


def test_mean_reversion_buys_below_the_mean_and_sells_at_it() -> None:
    quotes = {"DIPS": [(100, 100), (100, 100), (90, 90), (92, 95), (98, 98), (50, 50)], "FLAT": [(10, 10)] * 6}
    prices = written_market(trading_dates(6), quotes)

    results = run_strategy("rule/mean-reversion", prices, {"lookback": 2, "threshold_pct": 10, "top": 2})

    assert [[(row.action, row.symbol, row.amount) for row in result.positions[1:]] for result in results] == [
        [],
        [],
        [("buy", "DIPS", 55)],
        [],
        [("sell", "DIPS", 55)],
        [("buy", "DIPS", 104)],
    ]


def test_mean_reversion_holds_no_more_than_its_places() -> None:
    prices = drawn_market(symbols=12, dates=40, seed=3)

    results = run_strategy("rule/mean-reversion", prices, {"lookback": 3, "threshold_pct": 0.1, "top": 2})

    assert max(len(row.holdings) for result in results for row in result.positions) == 2


def test_position_without_an_open_is_left_as_it_is() -> None:
    quotes = {"AAAA": [(10, 10), (0, 0), (10, 10)], "BBBB": [(10, 10), (10, 10), (10, 10)]}
    prices = written_market(trading_dates(3), quotes)

    results = run_strategy("rule/equal-weight", prices, {"rebalance_days": 1})

    assert [len(result.positions) - 1 for result in results] == [2, 0, 0]


def test_random_differs_by_seed_and_by_model() -> None:
    runs = [
        exported(run_strategy("rule/random", MARKET, {"seed": seed}, model=model))
        for seed, model in ((1, "a"), (2, "a"), (1, "b"))
    ]

    assert len(set(runs)) == 3


def test_random_trades_are_the_ones_they_always_were() -> None:
    trades = fills("rule/random", {"seed": 1, "orders_per_day": 3})

    assert hashlib.sha256(repr(trades).encode()).hexdigest()[:16] == "5ec9637d097cc7f4"


def test_random_gives_at_most_the_orders_asked_for() -> None:
    results = run_strategy("rule/random", MARKET, {"orders_per_day": 3})

    assert max(len(result.positions) - 1 for result in results) == 3
