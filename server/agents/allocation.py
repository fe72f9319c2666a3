"""Moving a portfolio to equal parts: the orders that get it there, none of which the ledger would refuse.

Counts of shares come from exact decimals: a share more or less would show in every later row.
"""

from collections.abc import Sequence
from decimal import Decimal

from server.engine.market_view import MarketView
from server.engine.model_day import ModelDaySession


def tradeable(view: MarketView) -> list[str]:
    """Return the symbols that have an open on the date, ascending."""
    opens = view.opens().tolist()
    return [symbol for symbol, price in zip(view.symbols, opens, strict=True) if price == price]


def rebalance_due(session: ModelDaySession, every: int) -> bool:
    """Tell whether to rebalance: on each `every`-th known date, and whenever nothing is held.

    The count of known dates stands in for a memory that traders do not have.
    """
    return len(session.view.dates) % every == 0 or not session.holdings


def hold_equal_parts(session: ModelDaySession, symbols: Sequence[str], *, drift_pct: Decimal) -> None:
    """Hold `symbols`, each at its equal part of the portfolio's value, and nothing else that can be sold today.

    A position stays as it is while it is within `drift_pct` percent of its part. When cash runs short, earlier
    symbols come first.
    """
    wanted = _wanted_shares(session, symbols, drift_pct)
    held = session.holdings
    for symbol, shares in held.items():
        surplus = shares - wanted.get(symbol, 0)
        if surplus > 0 and session.view.open(symbol) is not None:
            session.sell(symbol, surplus)
    for symbol, shares in wanted.items():
        buy_for(session, symbol, session.cash, at_most=shares - held.get(symbol, 0))


def buy_for(session: ModelDaySession, symbol: str, dollars: Decimal, *, at_most: int | None = None) -> None:
    """Buy as many whole shares as `dollars`, cash, costs and `at_most` allow; none of a symbol without an open."""
    shares = session.affordable(symbol, dollars)
    if at_most is not None:
        shares = min(shares, at_most)
    if shares > 0:
        session.buy(symbol, shares)


def _wanted_shares(session: ModelDaySession, symbols: Sequence[str], drift_pct: Decimal) -> dict[str, int]:
    """Return the shares to hold by symbol, for those that can be traded, in the order given."""
    value, held, count = session.portfolio_value, session.holdings, len(symbols)
    wanted = {}
    for symbol in symbols:
        price = session.view.open(symbol)
        if price is None:
            continue
        shares, now = int(value // (price * count)), held.get(symbol, 0)
        # both sides times count x 100, so that no division rounds
        strays = abs(shares - now) * price * count * 100 > value * drift_pct
        wanted[symbol] = shares if strays else now
    return wanted
