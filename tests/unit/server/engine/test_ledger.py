from dataclasses import replace
from decimal import Decimal

import pytest

from server.engine.ledger import Ledger, LedgerError
from server.engine.market_view import MarketView
from server.engine.orders import MAX_QUANTITY, Action, Fill, Order, Rejection, RejectionReason
from server.engine.portfolio import Portfolio
from server.engine.valuation import NotPricedError
from tests.unit.server.engine.synthetic_market import written_market

DATES = ("2025-01-02", "2025-01-03")
PRICES = written_market(
    DATES,
    {
        "AAPL": [(100, 110), (120, 130)],
        "HALT": [(50, 55), (0, 0)],
        "LATE": [(0, 0), (0, 77)],
        "MSFT": [(200, 200), (210.25, 190)],
    },
)


def ledger_of(cash: str = "1000", **holdings: int) -> Ledger:
    portfolio = Portfolio(cash=Decimal(cash), holdings=holdings)
    view = MarketView(PRICES, "2025-01-03")
    return Ledger(portfolio, view, initial_cash=Decimal(1000), previous_value=Decimal(1000))


def order(action: Action, symbol: str, amount: float | Decimal) -> Order:
    return Order(action=action, symbol=symbol, amount=amount)


def test_buy_fills_at_the_open_of_the_date() -> None:
    ledger = ledger_of()

    fill = ledger.submit(order(Action.BUY, "AAPL", 3))

    assert fill == Fill(action_id=1, action=Action.BUY, symbol="AAPL", amount=3, price=Decimal(120))
    assert ledger.cash == 640
    assert ledger.holdings == {"AAPL": 3}


def test_sell_of_everything_leaves_no_holding() -> None:
    ledger = ledger_of("0", AAPL=4)

    ledger.submit(order(Action.SELL, "AAPL", 4))

    assert ledger.cash == 480
    assert ledger.holdings == {}
    assert ledger.positions[-1].holdings == ()


def test_order_for_exactly_all_cash_is_booked() -> None:
    ledger = ledger_of("630.75")

    ledger.submit(order(Action.BUY, "MSFT", 3))

    assert ledger.cash == 0


@pytest.mark.parametrize("amount", [5, 5.0, Decimal(5), Decimal("5.00")])
def test_whole_amounts_of_any_number_type_are_booked_as_integers(amount: float | Decimal) -> None:
    ledger = ledger_of()

    ledger.submit(order(Action.BUY, "AAPL", amount))

    assert ledger.fills[0].amount == 5
    assert type(ledger.fills[0].amount) is int


@pytest.mark.parametrize(
    ("action", "symbol", "amount", "reason"),
    [
        (Action.BUY, "AAPL", 0, RejectionReason.QUANTITY_NOT_POSITIVE),
        (Action.BUY, "AAPL", -1, RejectionReason.QUANTITY_NOT_POSITIVE),
        (Action.SELL, "AAPL", -1, RejectionReason.QUANTITY_NOT_POSITIVE),
        (Action.SELL, "AAPL", 0.0, RejectionReason.QUANTITY_NOT_POSITIVE),
        (Action.BUY, "AAPL", Decimal("-1e40"), RejectionReason.QUANTITY_NOT_POSITIVE),
        (Action.BUY, "AAPL", 1.5, RejectionReason.QUANTITY_NOT_WHOLE),
        (Action.BUY, "AAPL", Decimal("0.1"), RejectionReason.QUANTITY_NOT_WHOLE),
        (Action.BUY, "AAPL", float("nan"), RejectionReason.QUANTITY_NOT_WHOLE),
        (Action.SELL, "AAPL", float("inf"), RejectionReason.QUANTITY_NOT_WHOLE),
        (Action.BUY, "AAPL", Decimal("nan"), RejectionReason.QUANTITY_NOT_WHOLE),
        (Action.BUY, "AAPL", Decimal("snan"), RejectionReason.QUANTITY_NOT_WHOLE),
        (Action.BUY, "AAPL", Decimal("inf"), RejectionReason.QUANTITY_NOT_WHOLE),
        (Action.BUY, "AAPL", MAX_QUANTITY + 1, RejectionReason.QUANTITY_TOO_LARGE),
        (Action.BUY, "AAPL", MAX_QUANTITY, RejectionReason.QUANTITY_TOO_LARGE),
        (Action.SELL, "AAPL", 10**30, RejectionReason.QUANTITY_TOO_LARGE),
        (Action.BUY, "AAPL", Decimal("1e40"), RejectionReason.QUANTITY_TOO_LARGE),
        (Action.BUY, "AAPL", 1e300, RejectionReason.QUANTITY_TOO_LARGE),
        (Action.BUY, "NOPE", 1, RejectionReason.UNKNOWN_SYMBOL),
        (Action.SELL, "", 1, RejectionReason.UNKNOWN_SYMBOL),
        (Action.BUY, "LATE", 1, RejectionReason.UNKNOWN_SYMBOL),
        (Action.BUY, "HALT", 1, RejectionReason.NO_PRICE),
        (Action.SELL, "HALT", 1, RejectionReason.NO_PRICE),
        (Action.BUY, "AAPL", 9, RejectionReason.INSUFFICIENT_CASH),
        (Action.SELL, "AAPL", 3, RejectionReason.INSUFFICIENT_HOLDINGS),
        (Action.SELL, "MSFT", 1, RejectionReason.INSUFFICIENT_HOLDINGS),
    ],
)
def test_refused_order_gives_its_reason_and_changes_nothing(
    action: Action, symbol: str, amount: float | Decimal, reason: RejectionReason
) -> None:
    ledger = ledger_of("1000", AAPL=2, HALT=1)
    before = ledger.cash, ledger.holdings, ledger.portfolio_value, ledger.positions, ledger.fills

    rejection = ledger.submit(order(action, symbol, amount))

    assert isinstance(rejection, Rejection)
    assert rejection.reason is reason
    assert rejection.amount == str(amount)
    assert ledger.rejections == (rejection,)
    assert (ledger.cash, ledger.holdings, ledger.portfolio_value, ledger.positions, ledger.fills) == before


def test_every_rejection_reason_but_that_of_costs_is_reached_by_the_test_above() -> None:
    parameters = test_refused_order_gives_its_reason_and_changes_nothing.pytestmark[0].args[1]  # type: ignore[attr-defined]

    assert {parameter[3] for parameter in parameters} == set(RejectionReason) - {RejectionReason.VOLUME_LIMIT}


def test_rejection_names_the_row_that_was_current() -> None:
    ledger = ledger_of()
    ledger.submit(order(Action.BUY, "AAPL", 1))

    rejection = ledger.submit(order(Action.BUY, "AAPL", 1000))

    assert isinstance(rejection, Rejection)
    assert rejection.after_action_id == 1
    assert rejection.message == "cannot buy 1000 AAPL at 120.000000 for 120000.000000: cash is 880.000000"


def test_opening_row_shows_the_overnight_gain() -> None:
    portfolio = Portfolio(cash=Decimal(120), holdings={"AAPL": 8})
    view = MarketView(PRICES, "2025-01-03")

    ledger = Ledger(portfolio, view, initial_cash=Decimal(900), previous_value=Decimal(1000))

    opening = ledger.positions[0]
    assert (opening.action_id, opening.action, opening.portfolio_value) == (0, Action.NO_TRADE, 1080)
    assert (opening.daily_profit, opening.daily_return_pct) == (80, 8)
    assert (opening.cumulative_profit, opening.cumulative_return_pct) == (180, 20)


def test_holding_without_an_open_is_marked_at_its_latest_earlier_close() -> None:
    ledger = ledger_of("10", HALT=2)

    value = ledger.portfolio_value

    assert value == 10 + 2 * 55


def test_holding_that_was_never_priced_is_an_error() -> None:
    with pytest.raises(NotPricedError, match="'LATE' is held and was never priced"):
        ledger_of("10", LATE=1)


def test_check_finds_a_row_that_does_not_follow() -> None:
    ledger = ledger_of()
    ledger.submit(order(Action.BUY, "AAPL", 1))
    ledger.check()
    ledger._positions[1] = ledger._positions[0]

    with pytest.raises(LedgerError, match="row 0 does not follow"):
        ledger.check()


def test_check_finds_cash_that_went_negative() -> None:
    ledger = ledger_of("200")
    ledger.submit(order(Action.BUY, "AAPL", 1))
    ledger._fills[0] = replace(ledger._fills[0], amount=2)

    with pytest.raises(LedgerError, match="action 1 left cash -40"):
        ledger.check()


def test_check_finds_a_value_that_changed_by_trading() -> None:
    ledger = ledger_of()
    ledger._cash += 1

    with pytest.raises(LedgerError, match="is not cash plus holdings at the opens"):
        ledger.check()


def test_order_that_is_no_trade_is_not_booked() -> None:
    with pytest.raises(LedgerError, match="no_trade AAPL cannot be booked"):
        ledger_of().submit(order(Action.NO_TRADE, "AAPL", 1))
