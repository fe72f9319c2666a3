"""`replay/<path>`: does again what a recorded model did."""

from dataclasses import dataclass

from server.agents.recording import Recording
from server.engine.model_day import ModelDaySession
from server.engine.orders import Action


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """Submits the orders recorded for the date, in their order."""

    recording: Recording

    def trade(self, session: ModelDaySession) -> None:
        """Submit them all: one that the recorded run refused (an amount of 0) is refused again, on record."""
        for order in self.recording.get(session.date, ()):
            if order.action is Action.SELL:
                session.sell(order.symbol, order.amount)
            else:
                session.buy(order.symbol, order.amount)
