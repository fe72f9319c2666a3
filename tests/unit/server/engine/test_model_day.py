from decimal import Decimal

from server.engine.model_day import (
    FailureKind,
    ModelDayFailure,
    ModelDayResult,
    ModelDaySession,
    run_model_day,
)
from server.engine.orders import Fill, Rejection, RejectionReason
from server.engine.portfolio import Position
from tests.unit.server.engine.model_day_chain import Scripted, model_day_task, run_chain, run_day
from tests.unit.server.engine.synthetic_market import written_market

DATES = ("2025-01-16", "2025-01-17", "2025-01-20")
PRICES = written_market(
    DATES,
    {
        "AAPL": [(255.88, 260), (262.24, 270), (265, 250)],
        "HALT": [(50, 55), (0, 0), (0, 0)],
        "ONLY": [(20, 0), (0, 0), (0, 0)],
    },
)


def test_day_is_valued_at_the_close() -> None:
    result = run_day(PRICES, "2025-01-16", lambda session: session.buy("AAPL", 10))

    day = result.trading_day
    assert (day.cash, day.portfolio_value) == (Decimal("7441.20"), Decimal("10041.20"))
    assert (day.daily_profit, day.daily_return_pct) == (Decimal("41.20"), Decimal("0.412"))
    assert result.positions[-1].portfolio_value == 10_000


def test_next_day_opens_with_the_overnight_gain() -> None:
    trader = Scripted(script=lambda session: session.buy("AAPL", 10) if session.date == DATES[0] else None)

    first, second = run_chain(trader, PRICES, DATES[:2])

    opening = second.positions[0]
    assert opening.cash == first.trading_day.cash == Decimal("7441.20")
    assert opening.holdings == (("AAPL", 10),)
    assert opening.portfolio_value == Decimal("10063.60")
    assert opening.daily_profit == Decimal("22.40")


def test_holding_without_a_bar_keeps_its_latest_earlier_close() -> None:
    result = run_day(PRICES, "2025-01-20", lambda session: None, cash=Decimal(1), holdings={"HALT": 2})

    assert result.positions[0].portfolio_value == result.trading_day.portfolio_value == 111


def test_holding_that_never_closed_keeps_its_open() -> None:
    result = run_day(PRICES, "2025-01-16", lambda session: session.buy("ONLY", 5))

    assert result.trading_day.portfolio_value == 10_000


def test_proceeds_of_a_sale_are_usable_the_same_day() -> None:
    def swap(session: ModelDaySession) -> None:
        session.sell("HALT", 10)
        session.buy("AAPL", 1)

    result = run_day(PRICES, "2025-01-16", swap, cash=Decimal(0), holdings={"HALT": 10})

    assert result.rejections == ()
    assert result.positions[-1].cash == Decimal("244.12")


def test_each_of_several_orders_sees_the_cash_the_one_before_left() -> None:
    outcomes: list[Fill | Rejection] = []

    result = run_day(PRICES, "2025-01-16", lambda session: outcomes.extend(session.buy("AAPL", 20) for _ in range(3)))

    assert [type(outcome) for outcome in outcomes] == [Fill, Rejection, Rejection]
    assert [rejection.reason for rejection in result.rejections] == [RejectionReason.INSUFFICIENT_CASH] * 2
    assert result.trading_day.cash == Decimal("4882.40")


def test_configured_initial_cash_is_respected() -> None:
    trader = Scripted(script=lambda session: None)

    results = run_chain(trader, PRICES, DATES, cash=Decimal("2500.50"))

    assert {result.trading_day.portfolio_value for result in results} == {Decimal("2500.50")}
    assert {result.trading_day.cumulative_profit for result in results} == {Decimal(0)}


def test_orders_are_checked_against_the_cash_at_hand_and_not_the_initial_cash() -> None:
    result = run_day(PRICES, "2025-01-16", lambda session: session.buy("AAPL", 2), cash=Decimal(300))

    assert [rejection.reason for rejection in result.rejections] == [RejectionReason.INSUFFICIENT_CASH]


def test_last_row_shows_the_holdings_after_the_last_action() -> None:
    def three_orders(session: ModelDaySession) -> None:
        session.buy("AAPL", 5)
        session.buy("HALT", 3)
        session.sell("AAPL", 2)

    result = run_day(PRICES, "2025-01-16", three_orders)

    rows: list[Position] = list(result.positions)
    assert [row.action_id for row in rows] == [0, 1, 2, 3]
    assert rows[1].holdings == (("AAPL", 5),)
    assert rows[-1].holdings == (("AAPL", 3), ("HALT", 3))


def test_what_a_trader_raises_fails_its_attempt_alone() -> None:
    def fail(session: ModelDaySession) -> None:
        session.buy("AAPL", 1)
        raise RuntimeError("no luck")

    outcome = run_model_day(model_day_task("2025-01-16"), PRICES, Scripted(script=fail))

    assert outcome == ModelDayFailure(kind=FailureKind.TRADER_ERROR, message="RuntimeError: no luck")


def test_date_without_prices_is_a_failure_of_market_data() -> None:
    outcome = run_model_day(model_day_task("2025-01-18"), PRICES, Scripted(script=lambda session: None))

    assert outcome == ModelDayFailure(kind=FailureKind.MARKET_DATA, message="there are no prices for 2025-01-18")


def test_portfolio_too_large_for_the_ledger_is_a_failure_and_no_crash() -> None:
    task = model_day_task("2025-01-16", holdings={"AAPL": 10**9})

    outcome = run_model_day(task, PRICES, Scripted(script=lambda session: None))

    assert isinstance(outcome, ModelDayFailure)
    assert outcome.kind is FailureKind.MARKET_DATA


def test_portfolio_that_outgrows_the_ledger_by_the_close_is_a_failure() -> None:
    prices = written_market(("2025-01-16",), {"MOON": [(1, 900_000)]})

    outcome = run_model_day(
        model_day_task("2025-01-16"), prices, Scripted(script=lambda session: session.buy("MOON", 9999))
    )

    assert isinstance(outcome, ModelDayFailure)
    assert outcome.kind is FailureKind.LEDGER_ERROR


def test_task_run_again_gives_the_same_result() -> None:
    task = model_day_task("2025-01-16")
    trader = Scripted(script=lambda session: session.buy("AAPL", 3))

    first, second = run_model_day(task, PRICES, trader), run_model_day(task, PRICES, trader)

    assert isinstance(first, ModelDayResult)
    assert first == second


def test_holding_outside_the_universe_can_still_be_sold() -> None:
    result = run_day(
        PRICES,
        "2025-01-17",
        lambda session: (session.sell("AAPL", 1), session.buy("HALT", 1)),
        holdings={"AAPL": 1},
        universe=("ONLY",),
    )

    assert len(result.positions) == 2
    assert [rejection.reason for rejection in result.rejections] == [RejectionReason.UNKNOWN_SYMBOL]
