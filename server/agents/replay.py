"""`replay/<path>`: does again what a recorded model did."""

from dataclasses import dataclass

from server.agents.recording import Recording
from server.engine.model_day import ModelDaySession
from server.engine.orders import Action, Fill, Order, Rejection


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """Submits the orders recorded for the date, in their order."""

    recording: Recording

    def trade(self, session: ModelDaySession) -> None:
        """Submit them all: one that the recorded run refused (an amount of 0) is refused again, on record."""
        for order in self.recording.get(session.date, ()):
            submit(session, order)


def submit(session: ModelDaySession, order: Order) -> Fill | Rejection:
    """Submit a recorded order as its model did."""
    trade = session.sell if order.action is Action.SELL else session.buy
    return trade(order.symbol, order.amount)
