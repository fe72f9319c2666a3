"""A trade, and what a split or dividend did, as a phrase for people."""

from aitrader.v1.portfolio_pb2 import TRADE_ACTION_SPLIT, CorporateActionEffect, Trade

from .text import money, plain
from .words import action_word


def trade_text(trade: Trade) -> str:
    """Tell a trade, and its commission where there was one; slippage is in the price."""
    commission = f" (commission {money(trade.commission)})" if trade.commission else ""
    return f"{action_word(trade.action)} {trade.amount} {plain(trade.symbol)} at {money(trade.price)}{commission}"


def effect_text(effect: CorporateActionEffect) -> str:
    """Tell the shares that a split brought or took, and what a fraction of one was paid; or a dividend."""
    if effect.action != TRADE_ACTION_SPLIT:
        return f"dividend {effect.price:g} on {effect.shares} {plain(effect.symbol)}: {money(effect.cash)}"
    fraction = f" and {money(effect.cash)} in cash" if effect.cash else ""
    return f"split {effect.shares:+} {plain(effect.symbol)}{fraction}"
