"""What was recorded of a day, done again: corporate actions compared, orders submitted, the portfolio compared."""

from collections import deque
from collections.abc import Mapping, Sequence
from decimal import Decimal

from server.agents.errors import quoted
from server.agents.replay import submit
from server.engine.corporate_action import ActionEffect
from server.engine.model_day import ModelDaySession
from server.engine.orders import Fill, Rejection
from server.engine.portfolio import Position
from server.history.record import Record


class RecordedTrader:
    """Submits the orders of a recorded day and compares the portfolio after each; stops at the first `difference`.

    What corporate actions did comes first: the ledger did it by itself when it opened the day.
    """

    def __init__(self, records: Sequence[Record]) -> None:
        self._records = records
        self.difference: tuple[int, str] | None = None

    def trade(self, session: ModelDaySession) -> None:
        """Submit them in their order; one that the recorded run refused is refused again, on record."""
        effects = deque(zip(session.effects, session.positions[1:], strict=True))
        for record in self._records:
            told = _compare_effect(record, effects) if effects or record.is_effect else _submit(record, session)
            if told is not None:
                self.difference = record.line, told
                return
        if effects:
            self.difference = self._records[-1].line, _not_recorded(effects[0][0])


def _compare_effect(record: Record, effects: deque[tuple[ActionEffect, Position]]) -> str | None:
    """Return how what the next corporate action did differs from what is recorded; None when it does not."""
    if not effects:
        return f"{_told(record)}, and by the corporate actions that are stored nothing happened then to what was held"
    effect, row = effects.popleft()
    told = record.action
    if told is None or not record.is_effect:
        return _not_recorded(effect)
    same = (told.action, told.symbol, told.amount) == (row.action, row.symbol, row.amount)
    if not same or record.price not in (None, row.price):
        return f"{_told(record)}, and by the corporate actions that are stored {effect.text}"
    return _difference(record, row.cash, dict(row.holdings))


def _not_recorded(effect: ActionEffect) -> str:
    return f"there is no record that {effect.text}, which the corporate actions that are stored say"


def _submit(record: Record, session: ModelDaySession) -> str | None:
    """Submit an order and return how what is left differs from what is recorded; None when it does not."""
    order = record.order
    outcome = None if order is None else submit(session, order)
    if isinstance(outcome, Fill) and record.price not in (None, outcome.price):
        return f"'price' was {record.price}, and {outcome.symbol} fills at {outcome.price} on {record.date}"
    return _difference(record, session.cash, session.holdings, outcome)


def _difference(
    record: Record, cash: Decimal, held: Mapping[str, int], outcome: Fill | Rejection | None = None
) -> str | None:
    if record.cash != cash:
        state = f"cash was {record.cash}, and by the rules it is {cash} (a difference of {record.cash - cash})"
    elif record.holdings != held:
        symbol = min(one for one in {*held, *record.holdings} if held.get(one) != record.holdings.get(one))
        recorded, followed = record.holdings.get(symbol, 0), held.get(symbol, 0)
        state = f"shares of {quoted(symbol)} were {recorded}, and by the rules {followed}"
    else:
        return None
    return f"{state} after {_told(record, outcome)}"


def _told(record: Record, outcome: Fill | Rejection | None = None) -> str:
    if record.action is None:
        return "no trade"
    price = f" at {record.price}" if record.is_effect and record.price is not None else ""
    told = f"{record.action.action} {record.action.amount} {quoted(record.action.symbol)}{price}"
    if isinstance(outcome, Fill):
        return f"{told} at {outcome.price}"
    return f"{told}, which is refused: {outcome.message}" if outcome is not None else told
