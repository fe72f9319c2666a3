"""Where outcomes of the engine become rows of storage."""

from datetime import datetime, timedelta

from server.engine.model_day import ModelDayResult
from server.engine.orders import Rejection
from server.engine.portfolio import Portfolio, Position
from server.engine.session_record import Dropped, Observation, SessionRecord, Step, TokenUsage
from server.engine.text import storable
from server.jobs.recordings import recording_rows
from storage.day_record import DayRecord, PositionRecord, RejectedOrder
from storage.session_record import (
    DroppedRecord,
    ObservationRecord,
    SessionRows,
    StepRecord,
    ToolUseRecord,
    UsageRecord,
)

#: the contract carries counts as 32 bits; a vendor that counts beyond is not believed
MAX_COUNT = 2**31 - 1


def day_record(result: ModelDayResult, session: SessionRows | None = None) -> DayRecord:
    """Return what a completed model-day stores, with the session of its agent."""
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
        actions=tuple(effect.text for effect in result.effects),
        session=session,
    )


def session_rows(record: SessionRecord | None, started: datetime) -> SessionRows | None:
    """Return what the session of an attempt that started at some time stores; None when there was no agent.

    Whatever a model wrote can be stored: what is no text becomes question marks, what is no cost is unknown.
    """
    if record is None:
        return None
    cost = record.cost_usd
    return SessionRows(
        prompt_digest=record.prompt_digest,
        stop_reason=record.stop_reason,
        usage=_usage(record.usage),
        cost_usd=cost if cost is not None and cost.is_finite() and cost >= 0 else None,
        summary=storable(record.summary),
        steps=tuple(_step(step, started) for step in record.steps),
        tool_usage=tuple(
            ToolUseRecord(
                tool_name=storable(use.tool_name),
                call_count=_count(use.call_count),
                total_duration_seconds=use.total_duration_seconds,
            )
            for use in record.tool_usage
        ),
        observations=tuple(map(_observation, record.observations)),
        dropped=tuple(map(_dropped, record.dropped)),
        recording=None if record.recording is None else recording_rows(record.recording),
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
        commission=position.commission,
        slippage=position.slippage,
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


def _usage(usage: TokenUsage) -> UsageRecord:
    return UsageRecord(
        requests=_count(usage.requests),
        input_tokens=_count(usage.input_tokens),
        output_tokens=_count(usage.output_tokens),
        cache_read_tokens=_count(usage.cache_read_tokens),
        cache_write_tokens=_count(usage.cache_write_tokens),
        reasoning_tokens=_count(usage.reasoning_tokens),
    )


def _step(step: Step, started: datetime) -> StepRecord:
    return StepRecord(
        number=step.number,
        time=started + timedelta(seconds=step.offset_seconds),
        role=step.role,
        content=_optional(step.content),
        tool_name=_optional(step.tool_name),
        tool_call_id=_optional(step.tool_call_id),
        arguments=_optional(step.arguments),
        duration_seconds=step.duration_seconds,
    )


def _observation(seen: Observation) -> ObservationRecord:
    return ObservationRecord(
        step=seen.step,
        tool_name=storable(seen.tool_name),
        subject=storable(seen.subject),
        as_of=seen.as_of,
        source_date=storable(seen.source_date),
        opening=seen.opening,
        digest=seen.digest,
    )


def _dropped(dropped: Dropped) -> DroppedRecord:
    return DroppedRecord(
        step=dropped.step,
        tool_name=storable(dropped.tool_name),
        subject=storable(dropped.subject),
        reason=storable(dropped.reason),
    )


def _count(number: int) -> int:
    return max(0, min(number, MAX_COUNT))


def _optional(text: str | None) -> str | None:
    return None if text is None else storable(text)
