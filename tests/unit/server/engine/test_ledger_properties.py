from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from server.engine.ledger import Ledger
from server.engine.market_view import MarketView
from server.engine.orders import Action, Fill, Order, Rejection
from server.engine.portfolio import Portfolio
from tests.unit.server.engine.synthetic_market import drawn_market

PRICES = drawn_market(symbols=6, dates=12, seed=7, missing=0.2)

amounts = st.one_of(
    st.integers(1, 60),
    st.integers(-5, 0),
    st.sampled_from([10**9, 10**30, -(10**30), True]),
    st.floats(),
    st.decimals(),
)
orders = st.builds(
    Order,
    action=st.sampled_from([Action.BUY, Action.SELL]),
    symbol=st.sampled_from([*PRICES.symbols, "NOPE", ""]),
    amount=amounts,
)
portfolios = st.builds(
    Portfolio,
    cash=st.decimals(0, 20_000, places=6),
    holdings=st.dictionaries(st.sampled_from(PRICES.symbols[:3]), st.integers(1, 50)),
)


def ledger_of(portfolio: Portfolio) -> Ledger:
    view = MarketView(PRICES, PRICES.dates[-1])
    return Ledger(portfolio, view, initial_cash=Decimal(10_000), previous_value=Decimal(9_000))


@settings(max_examples=100, deadline=None)
@given(portfolios, st.lists(orders, max_size=25))
def test_no_sequence_of_orders_breaks_a_rule_of_value(portfolio: Portfolio, sequence: list[Order]) -> None:
    ledger = ledger_of(portfolio)
    view = MarketView(PRICES, PRICES.dates[-1])

    for order in sequence:
        ledger.submit(order)

    ledger.check()
    assert len(ledger.fills) + len(ledger.rejections) == len(sequence)
    for row in ledger.positions:
        marks = sum((view.mark(symbol) or Decimal(0)) * held for symbol, held in row.holdings)
        assert row.cash >= 0
        assert all(held > 0 for _, held in row.holdings)
        assert row.cash + marks == row.portfolio_value == ledger.positions[0].portfolio_value
        assert row.daily_profit == row.portfolio_value - 9_000
        assert row.cumulative_profit == row.portfolio_value - 10_000


@settings(max_examples=60, deadline=None)
@given(portfolios, st.lists(orders, max_size=25))
def test_replaying_the_fills_gives_every_row(portfolio: Portfolio, sequence: list[Order]) -> None:
    first, second = ledger_of(portfolio), ledger_of(portfolio)
    for order in sequence:
        first.submit(order)

    for fill in first.fills:
        second.submit(Order(action=fill.action, symbol=fill.symbol, amount=fill.amount))

    assert second.positions == first.positions
    assert second.rejections == ()


@settings(max_examples=60, deadline=None)
@given(portfolios, st.lists(orders, max_size=25))
def test_a_rejection_changes_nothing_and_a_fill_adds_one_row(portfolio: Portfolio, sequence: list[Order]) -> None:
    ledger = ledger_of(portfolio)

    for order in sequence:
        before = ledger.cash, ledger.holdings, ledger.positions
        outcome = ledger.submit(order)
        after = ledger.cash, ledger.holdings, ledger.positions

        if isinstance(outcome, Rejection):
            assert after == before
        else:
            assert isinstance(outcome, Fill)
            assert after[2][:-1] == before[2]
            assert after[2][-1].action_id == outcome.action_id == len(before[2])
