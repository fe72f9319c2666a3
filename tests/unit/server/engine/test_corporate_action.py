"""Splits and dividends in the ledger and the market view."""

from dataclasses import replace
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from server.engine.corporate_action import ActionKind, CorporateAction
from server.engine.ledger import Ledger
from server.engine.market_view import MarketView
from server.engine.orders import Action, Order
from server.engine.portfolio import Portfolio
from tests.unit.server.engine.model_day_chain import run_day
from tests.unit.server.engine.synthetic_market import drawn_market, written_market

DATES = ("2025-01-02", "2025-01-03", "2025-01-06")


def split(symbol: str, date: str, new: int, old: int = 1) -> CorporateAction:
    return CorporateAction(symbol=symbol, ex_date=date, kind=ActionKind.SPLIT, numerator=new, denominator=old)


def dividend(symbol: str, date: str, amount: str) -> CorporateAction:
    return CorporateAction(symbol=symbol, ex_date=date, kind=ActionKind.DIVIDEND, amount=Decimal(amount))


MARKET = replace(
    written_market(DATES, {"A": [(90, 90), (90, 90), (30, 31)], "B": [(10, 10)] * 3}),
    actions=(dividend("A", DATES[2], "0.1"), split("A", DATES[2], 3), split("B", "2025-01-07", 2)),
)


def test_view_shows_actions_from_their_ex_date_on() -> None:
    assert MarketView(MARKET, DATES[1]).actions() == ()
    assert [action.kind for action in MarketView(MARKET, DATES[2]).actions()] == ["split", "dividend"]
    assert MarketView(MARKET, DATES[2]).actions({"B"}) == ()
    assert MarketView(MARKET, DATES[2]).actions(None, DATES[2]) == ()


def test_average_volume_is_in_shares_of_the_date() -> None:
    assert MarketView(MARKET, DATES[1]).average_volume("A", 20) == 1000
    assert MarketView(MARKET, DATES[2]).average_volume("A", 20) == 3000


def test_dividend_of_the_date_of_a_split_is_paid_per_new_share() -> None:
    result = run_day(
        MARKET,
        DATES[2],
        lambda session: None,
        cash=Decimal(5),
        holdings={"A": 10},
        previous_value=Decimal(905),
        previous_day=DATES[1],
    )

    assert [row.action for row in result.positions] == [Action.NO_TRADE, Action.SPLIT, Action.DIVIDEND]
    assert result.positions[-1].cash == 8
    assert {row.portfolio_value for row in result.positions} == {Decimal(908)}
    assert result.trading_day.portfolio_value == 8 + 30 * 31


def test_portfolio_without_an_earlier_day_gets_nothing() -> None:
    result = run_day(MARKET, DATES[2], lambda session: None, cash=Decimal(5), holdings={"A": 10})

    assert len(result.positions) == 1


PRICES = drawn_market(symbols=4, dates=12, seed=5)
DAY = PRICES.dates[-1]
actions = st.lists(
    st.one_of(
        st.builds(split, st.sampled_from(PRICES.symbols), st.just(DAY), st.integers(1, 40), st.integers(1, 40)),
        st.builds(dividend, st.sampled_from(PRICES.symbols), st.just(DAY), st.decimals("0.000001", 50, places=6)),
    ),
    max_size=5,
)
orders = st.builds(
    Order,
    action=st.sampled_from([Action.BUY, Action.SELL]),
    symbol=st.sampled_from(PRICES.symbols),
    amount=st.integers(1, 60),
)


@settings(max_examples=100, deadline=None)
@given(actions, st.dictionaries(st.sampled_from(PRICES.symbols), st.integers(1, 500)), st.lists(orders, max_size=8))
def test_rows_follow_from_one_another_whatever_happens(
    happened: list[CorporateAction], holdings: dict[str, int], sequence: list[Order]
) -> None:
    portfolio = Portfolio(cash=Decimal(1000), holdings=holdings)
    ledger = Ledger(
        portfolio,
        MarketView(PRICES, DAY),
        initial_cash=Decimal(1000),
        previous_value=Decimal(1000),
        actions=sorted(happened, key=lambda action: action.order),
    )

    for order in sequence:
        ledger.submit(order)

    ledger.check()
    assert dict(ledger.positions[0].holdings) == holdings
    assert len({row.portfolio_value for row in ledger.positions}) == 1
    assert [row.action_id for row in ledger.positions] == list(range(len(ledger.positions)))
    assert [fill.action_id for fill in ledger.fills] == [
        row.action_id for row in ledger.positions if row.action in {Action.BUY, Action.SELL}
    ]
