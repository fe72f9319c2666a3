"""Costs of orders and the volume limit, in the ledger."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.engine.costs import Commission, Costs, OnVolumeLimit, Slippage
from server.engine.ledger import Ledger, LedgerError
from server.engine.market_view import MarketView
from server.engine.orders import Action, Fill, Order, Rejection, RejectionReason
from server.engine.portfolio import Portfolio
from tests.unit.server.engine.synthetic_market import drawn_market, with_other_future, written_market

DATES = ("2025-01-02", "2025-01-03", "2025-01-06")
PRICES = written_market(DATES, {"AAPL": [(100, 110)] * 3, "NEW": [(0, 0), (0, 0), (10, 10)]})

STEEP = Costs(
    commission=Commission(per_order=Decimal(1), per_share=Decimal("0.005"), basis_points=Decimal(2)),
    slippage=Slippage(basis_points=Decimal(5)),
)


def ledger_of(costs: Costs, cash: str = "10000", **holdings: int) -> Ledger:
    portfolio = Portfolio(cash=Decimal(cash), holdings=holdings)
    view = MarketView(PRICES, DATES[2])
    return Ledger(portfolio, view, initial_cash=Decimal(10_000), previous_value=Decimal(10_000), costs=costs)


def buy(amount: int, symbol: str = "AAPL") -> Order:
    return Order(action=Action.BUY, symbol=symbol, amount=amount)


def sell(amount: int, symbol: str = "AAPL") -> Order:
    return Order(action=Action.SELL, symbol=symbol, amount=amount)


def limit(share: str, on_limit: OnVolumeLimit = OnVolumeLimit.PARTIAL) -> Costs:
    return Costs(max_volume_share=Decimal(share), on_volume_limit=on_limit)


def test_purchase_pays_slippage_in_its_price_and_commission_on_top() -> None:
    ledger = ledger_of(STEEP)

    fill = ledger.submit(buy(10))

    assert isinstance(fill, Fill)
    assert (fill.price, fill.slippage) == (Decimal("100.05"), Decimal("0.5"))
    assert fill.commission == Decimal("1.2501")  # 1 + 10 x 0.005 + 1000.50 x 0.0002
    assert ledger.cash == Decimal(10_000) - Decimal("1000.5") - Decimal("1.2501")
    assert ledger.portfolio_value == Decimal(10_000) - Decimal("0.5") - Decimal("1.2501")


def test_sale_gets_less_than_the_open() -> None:
    ledger = ledger_of(STEEP, cash="0", AAPL=10)

    fill = ledger.submit(sell(10))

    assert isinstance(fill, Fill)
    assert (fill.price, fill.commission) == (Decimal("99.95"), Decimal("1.2499"))
    assert ledger.cash == Decimal("999.5") - Decimal("1.2499")


@pytest.mark.parametrize(
    ("commission", "dollars"),
    [
        (Commission(per_share=Decimal("0.001"), minimum=Decimal(1)), "1"),
        (Commission(basis_points=Decimal(100), maximum=Decimal(3)), "3"),
        (Commission(per_order=Decimal("0.3333333")), "0.333333"),
        (Commission(minimum=Decimal(2)), "2"),
    ],
)
def test_commission_keeps_its_bounds_and_the_grid(commission: Commission, dollars: str) -> None:
    assert commission.of(10, Decimal(100)) == Decimal(dollars)


def test_slippage_grows_with_the_square_of_the_part_of_the_volume() -> None:
    ledger = ledger_of(Costs(slippage=Slippage(volume_share=Decimal("0.1"))), cash="100000")

    first, second = ledger.submit(buy(100)), ledger.submit(buy(100))  # 1000 shares are traded a day

    assert isinstance(first, Fill)
    assert isinstance(second, Fill)
    assert (first.price, second.price) == (Decimal("100.1"), Decimal("100.4"))


def test_sale_never_brings_less_than_nothing_by_slippage() -> None:
    ledger = ledger_of(Costs(slippage=Slippage(volume_share=Decimal(1000))), AAPL=500)

    fill = ledger.submit(sell(500))

    assert isinstance(fill, Fill)
    assert (fill.price, ledger.cash) == (0, 10_000)


def test_purchase_that_the_commission_makes_too_dear_is_refused_with_the_figures() -> None:
    ledger = ledger_of(STEEP, cash="1000.6")

    refused = ledger.submit(buy(10))

    assert isinstance(refused, Rejection)
    assert refused.reason is RejectionReason.INSUFFICIENT_CASH
    assert refused.message == (
        "cannot buy 10 AAPL at 100.050000 for 1000.500000 with a commission of 1.250100: cash is 1000.600000"
    )


def test_sale_whose_commission_nobody_can_pay_is_refused() -> None:
    ledger = ledger_of(Costs(commission=Commission(per_order=Decimal(500))), cash="0", AAPL=4)

    refused = ledger.submit(sell(4))

    assert isinstance(refused, Rejection)
    assert refused.reason is RejectionReason.INSUFFICIENT_CASH
    assert ledger.holdings == {"AAPL": 4}


def test_order_over_the_volume_limit_is_filled_in_part_and_the_rest_refused() -> None:
    ledger = ledger_of(limit("0.01"))

    fill = ledger.submit(buy(25))
    again = ledger.submit(buy(1))

    assert isinstance(fill, Fill)
    assert (fill.amount, fill.unfilled) == (10, 15)
    assert isinstance(again, Rejection)
    assert [(one.amount, one.reason, one.after_action_id) for one in ledger.rejections] == [
        ("15", RejectionReason.VOLUME_LIMIT, 1),
        ("1", RejectionReason.VOLUME_LIMIT, 1),
    ]
    assert again.message == (
        "cannot buy 1 AAPL: the limit is 0.01 of the 1000 shares traded on a day before, 10 of which are used up"
    )


def test_order_over_the_volume_limit_is_refused_where_the_config_says_so() -> None:
    ledger = ledger_of(limit("0.01", OnVolumeLimit.REJECT))

    refused, booked = ledger.submit(buy(11)), ledger.submit(buy(10))

    assert isinstance(refused, Rejection)
    assert refused.reason is RejectionReason.VOLUME_LIMIT
    assert isinstance(booked, Fill)


def test_symbol_without_an_earlier_volume_has_no_room_under_a_limit() -> None:
    refused = ledger_of(limit("1")).submit(buy(1, "NEW"))

    assert isinstance(refused, Rejection)
    assert refused.reason is RejectionReason.VOLUME_LIMIT


def test_volume_limit_does_not_know_the_volume_of_the_day_or_later() -> None:
    prices = drawn_market(symbols=2, dates=8, seed=3)
    views = [MarketView(table, prices.dates[5]) for table in (prices, with_other_future(prices, 5, seed=4))]

    assert len({view.average_volume(prices.symbols[0], 20) for view in views}) == 1


def test_affordable_is_the_largest_order_that_is_filled_whole() -> None:
    most = ledger_of(STEEP).affordable("AAPL", Decimal(10_000))

    assert isinstance(ledger_of(STEEP).submit(buy(most)), Fill)
    assert isinstance(ledger_of(STEEP).submit(buy(most + 1)), Rejection)


def test_affordable_keeps_to_the_volume_limit_and_to_the_cash() -> None:
    assert ledger_of(limit("0.02")).affordable("AAPL", Decimal(10_000)) == 20
    assert ledger_of(STEEP, cash="50").affordable("AAPL", Decimal(10_000)) == 0
    assert ledger_of(STEEP).affordable("NOPE", Decimal(10_000)) == 0


def test_check_finds_a_cost_that_was_not_paid() -> None:
    ledger = ledger_of(STEEP)
    ledger.submit(buy(1))
    ledger._cash += Decimal("0.05")

    with pytest.raises(LedgerError):
        ledger.check()


money = st.decimals(0, 50, places=4)
costs = st.builds(
    Costs,
    commission=st.builds(
        Commission,
        per_share=st.decimals(0, 2, places=6),
        per_order=money,
        basis_points=st.decimals(0, 500, places=2),
        minimum=money,
        maximum=st.one_of(st.none(), st.decimals(50, 100, places=2)),
    ),
    slippage=st.builds(
        Slippage, basis_points=st.decimals(0, 10_000, places=2), volume_share=st.decimals(0, 5, places=3)
    ),
    max_volume_share=st.one_of(st.none(), st.decimals("0.001", 1, places=3)),
    on_volume_limit=st.sampled_from(OnVolumeLimit),
)
MARKET = drawn_market(symbols=4, dates=12, seed=7, missing=0.2)
orders = st.builds(
    Order,
    action=st.sampled_from([Action.BUY, Action.SELL]),
    symbol=st.sampled_from(MARKET.symbols),
    amount=st.integers(1, 200),
)


@settings(max_examples=150, deadline=None)
@given(costs, st.decimals(0, 20_000, places=6), st.lists(orders, max_size=20))
def test_cash_is_never_negative_and_the_stored_costs_give_every_row(
    costs: Costs, cash: Decimal, sequence: list[Order]
) -> None:
    view = MarketView(MARKET, MARKET.dates[-1])
    portfolio = Portfolio(cash=cash, holdings=dict.fromkeys(MARKET.symbols, 30))
    ledger = Ledger(portfolio, view, initial_cash=Decimal(10_000), previous_value=Decimal(9_000), costs=costs)

    for order in sequence:
        ledger.submit(order)

    ledger.check()
    left = cash
    for row in ledger.positions[1:]:
        assert row.price is not None
        assert row.amount is not None
        left += (-row.price if row.action is Action.BUY else row.price) * row.amount - row.commission
        marks = sum((view.mark(symbol) or Decimal(0)) * held for symbol, held in row.holdings)
        assert row.cash == left >= 0
        assert row.portfolio_value == row.cash + marks
        assert row.slippage >= 0


@settings(max_examples=100, deadline=None)
@given(costs, st.decimals(0, 20_000, places=6), st.sampled_from(MARKET.symbols))
def test_what_is_affordable_is_never_refused(costs: Costs, cash: Decimal, symbol: str) -> None:
    view = MarketView(MARKET, MARKET.dates[-1])
    portfolio = Portfolio(cash=cash, holdings={})
    ledger = Ledger(portfolio, view, initial_cash=Decimal(10_000), previous_value=Decimal(9_000), costs=costs)

    most = ledger.affordable(symbol, cash)

    if most:
        assert isinstance(ledger.submit(buy(most, symbol)), Fill)
        assert ledger.fills[0].amount == most
