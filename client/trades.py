"""A trade as a phrase for people."""

from aitrader.v1.portfolio_pb2 import Trade

from .text import money, plain
from .words import action_word


def trade_text(trade: Trade) -> str:
    """Tell a trade, and its commission where there was one; slippage is in the price."""
    commission = f" (commission {money(trade.commission)})" if trade.commission else ""
    return f"{action_word(trade.action)} {trade.amount} {plain(trade.symbol)} at {money(trade.price)}{commission}"
