"""A summary of two or three sentences; what it says of orders and holdings is from the ledger, never from the model."""

from collections.abc import Sequence

from server.agents.llm.prompt import dollars
from server.engine.model_day import ModelDaySession
from server.engine.orders import Action, Fill, Rejection
from server.engine.text import plain

#: things named before the rest is only counted
MAX_NAMED = 10

#: characters kept of what a model says of its day
MAX_SAID = 1000

#: what a model is asked when the config wants its own summary
REQUEST = "The day is over. Say in two or three sentences what you did today and why. Call no tools."


def summary(session: ModelDaySession, said: str = "") -> str:
    """Return the summary of a day; what the model said of it comes first, the holdings always from the ledger."""
    first = _ended(plain(said.strip(), MAX_SAID)) if said.strip() else _orders(session)
    return f"{first} {_holdings(session)}"


def _ended(text: str) -> str:
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."


def _orders(session: ModelDaySession) -> str:
    fills = [
        part
        for action, word in ((Action.BUY, "bought"), (Action.SELL, "sold"))
        if (part := _done(word, [fill for fill in session.fills if fill.action is action]))
    ]
    done = " and ".join(fills) or "no order was filled"
    return f"{done[0].upper()}{done[1:]}{_refused(session.rejections)}."


def _done(word: str, fills: Sequence[Fill]) -> str:
    return f"{word} {_listed([f'{f.amount} {f.symbol} at {dollars(f.price)}' for f in fills])}" if fills else ""


def _refused(rejections: Sequence[Rejection]) -> str:
    if not rejections:
        return ""
    reasons = ", ".join(sorted({rejection.reason.value for rejection in rejections}))
    return f"; {len(rejections)} {'order was' if len(rejections) == 1 else 'orders were'} refused ({reasons})"


def _holdings(session: ModelDaySession) -> str:
    held = _listed([f"{amount} {symbol}" for symbol, amount in session.holdings.items()]) or "no shares"
    cash, value = dollars(session.cash), dollars(session.portfolio_value)
    return f"Holds {held} and {cash} dollars in cash, worth {value} dollars at the opening prices."


def _listed(names: Sequence[str]) -> str:
    rest = len(names) - MAX_NAMED
    return ", ".join(names[:MAX_NAMED]) + (f" and {rest} more" if rest > 0 else "")
