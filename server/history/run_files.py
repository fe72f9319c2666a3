"""A portfolio as the files of earlier versions: what the import reads."""

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any

from server.history.errors import NotExpressibleError
from server.history.record import CASH
from storage.exports import ActionRow, ExportedPortfolio, MessageRow


class PositionLines:
    """Makes the lines of one portfolio's position file, the opening line first.

    A line lists what was traded so far, with 0 for what is no longer held; `id` is that of the last line.
    """

    def __init__(self, portfolio: ExportedPortfolio) -> None:
        self._portfolio = portfolio
        self._traded: set[str] = set()
        self.id = 0

    def opening(self) -> bytes:
        """Return the line with which the file begins; what trading costs stands there, if it costs anything."""
        costs = json.loads(self._portfolio.definition).get("costs")
        more = {} if costs is None else {"costs": _numbers(costs)}
        return _line({"date": self._portfolio.first_day, "id": 0, **more}, {CASH: self._portfolio.initial_cash})

    def go_on(self, line: bytes) -> None:
        """Go on after a line that was written before.

        Raises:
            ValueError, KeyError, TypeError: it is none.
        """
        record = json.loads(line)
        self.id = int(record["id"])
        self._traded = set(record["positions"]).difference([CASH])

    def lines(self, rows: Iterable[ActionRow]) -> Iterator[bytes]:
        """Give the lines of whole trading days; one without a trade says so, but for the first.

        Raises:
            NotExpressibleError: a row cannot be told in such a file.
        """
        for date, of_date in groupby(rows, key=lambda row: row.date):
            opening, *trades = of_date
            for row in trades:
                yield self._action(row, {"action": row.action_type, "symbol": row.symbol, "amount": row.amount})
            if not trades and date != self._portfolio.first_day:
                yield self._action(opening, {"action": "no_trade", "symbol": "", "amount": 0})

    def _action(self, row: ActionRow, action: dict[str, Any]) -> bytes:
        if row.symbol == CASH or CASH in row.holdings:
            raise NotExpressibleError(self._portfolio.model, f"symbol '{CASH}' on {row.date} is the name of the cash")
        self._traded.update(row.holdings, [row.symbol] if row.symbol else [])
        self.id += 1
        price = {} if row.price is None else {"price": row.price}
        held = {symbol: row.holdings.get(symbol, 0) for symbol in sorted(self._traded)}
        return _line({"date": row.date, "id": self.id, "this_action": action | price}, held | {CASH: row.cash})


def log_line(model: str, row: MessageRow) -> bytes:
    """Return the line of a message in a log."""
    message = {"role": row.role, "content": row.content, "timestamp": row.timestamp}
    facts = {"tool_name": row.tool_name, "tool_call_id": row.tool_call_id, "arguments": row.arguments}
    message |= {name: value for name, value in facts.items() if value is not None}
    return json.dumps({"signature": model, "new_messages": [message]}).encode() + b"\n"


def _line(record: Mapping[str, Any], positions: Mapping[str, float]) -> bytes:
    return json.dumps({**record, "positions": positions}).encode() + b"\n"


def _numbers(costs: Mapping[str, Any]) -> dict[str, Any]:
    """Return costs as a config has them: with numbers, and without what is not set."""
    named = {name: _numbers(value) if isinstance(value, dict) else _number(value) for name, value in costs.items()}
    return {name: value for name, value in named.items() if value is not None}


def _number(value: str | None) -> float | str | None:
    try:
        return None if value is None else float(value)
    except ValueError:
        return value
