import pytest

from server.agents import TraderFactory
from server.engine.model_day import ModelDayResult
from server.engine.orders import Action, RejectionReason
from tests.unit.server.agents.recorded_run import (
    DATA_DIR,
    MODELS,
    RecordedAction,
    recorded_actions,
    recorded_prices,
    require_data,
)
from tests.unit.server.engine.model_day_chain import run_chain

FIRST, LAST = "2025-10-01", "2025-10-30"


def replay(model: str) -> list[ModelDayResult]:
    require_data()
    trader = TraderFactory(DATA_DIR).create(model, f"replay/agent_data/{model}/position/position.jsonl", {})
    prices = recorded_prices()
    return run_chain(trader, prices, prices.trading_dates_between(FIRST, LAST))


def trades(model: str) -> list[RecordedAction]:
    return [row for row in recorded_actions(model) if row.action != Action.NO_TRADE and row.amount]


@pytest.mark.parametrize("model", MODELS)
def test_replay_gives_the_recorded_cash_and_holdings_on_every_row(model: str) -> None:
    results = replay(model)

    fills = [
        (result.trading_day.date, row.action, row.amount, row.cash, row.holdings)
        for result in results
        for row in result.positions[1:]
    ]
    assert len(results) == 22
    assert fills == [(row.date, row.action, row.amount, row.cash, row.holdings) for row in trades(model)]


@pytest.mark.parametrize("model", MODELS)
def test_replay_ends_each_day_with_the_recorded_portfolio(model: str) -> None:
    results = replay(model)

    last = {row.date: (row.cash, row.holdings) for row in recorded_actions(model)}
    ends = {result.trading_day.date: (result.positions[-1].cash, result.positions[-1].holdings) for result in results}
    assert {date: ends[date] for date in last} == last


@pytest.mark.parametrize("model", MODELS)
def test_recorded_amounts_of_zero_are_rejected_on_record_and_have_no_effect(model: str) -> None:
    results = replay(model)

    zeros = [row.date for row in recorded_actions(model) if row.action != Action.NO_TRADE and not row.amount]
    refused = [(result.trading_day.date, each.reason) for result in results for each in result.rejections]
    assert refused == [(date, RejectionReason.QUANTITY_NOT_POSITIVE) for date in zeros]


def test_recorded_run_has_amounts_of_zero() -> None:
    require_data()

    zeros = [row for row in recorded_actions("claude-3.7-sonnet") if row.action == Action.BUY and not row.amount]

    assert len(zeros) == 2
