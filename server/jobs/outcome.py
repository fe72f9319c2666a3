"""Where outcomes of the engine become rows of storage."""

from server.engine.model_day import ModelDayResult
from server.engine.orders import Rejection
from server.engine.portfolio import Portfolio, Position
from storage.model_days import DayRecord, PositionRecord, RejectedOrder


def day_record(result: ModelDayResult) -> DayRecord:
    """Return what a completed model-day stores."""
    day = result.trading_day
    return DayRecord(
        cash=day.cash,
        portfolio_value=day.portfolio_value,
        daily_profit=day.daily_profit,
        daily_return_pct=day.daily_return_pct,
        cumulative_profit=day.cumulative_profit,
        cumulative_return_pct=day.cumulative_return_pct,
        positions=tuple(_position(position) for position in result.positions),
        rejections=tuple(_rejection(rejection) for rejection in result.rejections),
    )


def closing_portfolio(result: ModelDayResult) -> Portfolio:
    """Return the portfolio with which the next trading day begins."""
    last = result.positions[-1]
    return Portfolio(cash=last.cash, holdings=dict(last.holdings))


def _position(position: Position) -> PositionRecord:
    return PositionRecord(
        action_id=position.action_id,
        action_type=position.action,
        symbol=position.symbol,
        amount=position.amount,
        price=position.price,
        cash=position.cash,
        portfolio_value=position.portfolio_value,
        daily_profit=position.daily_profit,
        daily_return_pct=position.daily_return_pct,
        cumulative_profit=position.cumulative_profit,
        cumulative_return_pct=position.cumulative_return_pct,
        holdings=position.holdings,
    )


def _rejection(rejection: Rejection) -> RejectedOrder:
    return RejectedOrder(
        after_action_id=rejection.after_action_id,
        action_type=rejection.action,
        symbol=rejection.symbol,
        amount=rejection.amount,
        reason=rejection.reason,
        message=rejection.message,
    )
