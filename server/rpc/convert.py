"""Between rows of storage and messages of the contract; sessions and audits are in `convert_sessions.py`."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import TypeAlias

from google.protobuf.timestamp_pb2 import Timestamp

from aitrader.v1 import control_pb2, job_pb2, metrics_pb2, portfolio_pb2, prices_pb2, progress_pb2, simulation_pb2
from server.engine.model_day import FailureKind
from server.engine.orders import Action
from server.jobs.service import Retried, Triggered
from storage.acceptance import ConflictPolicy
from storage.attempts import AttemptOutcome, AttemptRow
from storage.cancelling import CancelRow
from storage.events import EventRow, EventType
from storage.jobs import JobRow
from storage.model_days import ModelDayRow, ModelDayStatus
from storage.orders import DayOrders, FillRow
from storage.portfolios import SeriesRow, StandingRow
from storage.results import DayRow, PositionRow, RejectionRow
from storage.revaluations import Revaluation

_MODEL_DAY_STATUS: Mapping[str, job_pb2.ModelDayStatus.ValueType] = {
    status: job_pb2.ModelDayStatus.Value(f"MODEL_DAY_STATUS_{status.upper()}") for status in ModelDayStatus
}
_ATTEMPT_OUTCOME = {
    outcome: job_pb2.AttemptOutcome.Value(f"ATTEMPT_OUTCOME_{outcome.upper()}") for outcome in AttemptOutcome
}
_FAILURE_KIND: Mapping[str, job_pb2.FailureKind.ValueType] = {
    kind: job_pb2.FailureKind.Value(f"FAILURE_KIND_{kind.upper()}") for kind in FailureKind
}
_EVENT_TYPE = {event: job_pb2.EventType.Value(f"EVENT_TYPE_{event.upper()}") for event in EventType}


#: position rows by what led to them
TRADES = frozenset({Action.BUY, Action.SELL})
CORPORATE_ACTIONS = frozenset({Action.SPLIT, Action.DIVIDEND})


def job_status(text: str) -> job_pb2.JobStatus.ValueType:
    """Return the status that a stored word stands for."""
    return job_pb2.JobStatus.Value(f"JOB_STATUS_{text.upper()}")


def status_text(status: job_pb2.JobStatus.ValueType) -> str:
    """Return the stored word of a status."""
    return job_pb2.JobStatus.Name(status).removeprefix("JOB_STATUS_").lower()


def conflict_policy(value: simulation_pb2.ConflictPolicy.ValueType) -> ConflictPolicy:
    """Return the policy that a value of the contract stands for; unspecified is FAIL."""
    name = simulation_pb2.ConflictPolicy.Name(value).removeprefix("CONFLICT_POLICY_").lower()
    return ConflictPolicy.FAIL if name == "unspecified" else ConflictPolicy(name)


def time(text: str | None) -> Timestamp | None:
    """Return a stored time; None when there is none."""
    if text is None:
        return None
    moment = datetime.fromisoformat(text)
    return Timestamp(seconds=int(moment.timestamp()), nanos=moment.microsecond * 1000)


def progress(counts: Mapping[str, int], current: tuple[str, str] | None = None) -> job_pb2.Progress:
    """Return counts by status, with the (date, model) that is running."""
    return job_pb2.Progress(
        total_model_days=sum(counts.values()),
        completed=counts.get("completed", 0),
        failed=counts.get("failed", 0),
        running=counts.get("running", 0),
        pending=counts.get("pending", 0),
        skipped=counts.get("skipped", 0),
        cancelled=counts.get("cancelled", 0),
        current=None if current is None else job_pb2.ModelDayKey(date=current[0], model=current[1]),
    )


#: bytes of the message of an attempt in a status
MAX_ATTEMPT_MESSAGE = 300

#: the attempts of a model-day by (date, model), ascending
Attempts: TypeAlias = Mapping[tuple[str, str], Sequence[AttemptRow]]


def model_day(row: ModelDayRow, attempts: Sequence[AttemptRow] = ()) -> job_pb2.ModelDay:
    """Return a model-day with those of its attempts that are to be shown."""
    return job_pb2.ModelDay(
        date=row.date,
        model=row.model,
        status=_MODEL_DAY_STATUS[row.status],
        attempt=row.attempt,
        duration_seconds=row.duration_seconds,
        error=row.error or "",
        started_time=time(row.started_at),
        completed_time=time(row.completed_at),
        error_kind=failure_kind(row.error_kind),
        attempts=map(attempt, attempts),
    )


def failure_kind(text: str | None) -> job_pb2.FailureKind.ValueType:
    """Return the kind of error that a stored word stands for; unspecified for none, and for a word nobody knows."""
    return _FAILURE_KIND.get(text or "", job_pb2.FAILURE_KIND_UNSPECIFIED)


def attempt(row: AttemptRow) -> job_pb2.Attempt:
    """Return an attempt."""
    message = (row.message or "").encode()[:MAX_ATTEMPT_MESSAGE]
    return job_pb2.Attempt(
        number=row.number,
        outcome=_ATTEMPT_OUTCOME[AttemptOutcome(row.outcome)],
        started_time=time(row.started_at),
        ended_time=time(row.ended_at),
        error_kind=failure_kind(row.error_kind),
        message=message.decode(errors="ignore"),
    )


def encoded_model_days(rows: Iterable[ModelDayRow], attempts: Attempts) -> bytes:
    """Return a GetStatusResponse with some model-days, as bytes that can be joined with those of others."""
    response = simulation_pb2.GetStatusResponse()
    response.progress.details.extend(model_day(row, attempts.get((row.date, row.model), ())) for row in rows)
    return response.SerializeToString()


def job(row: JobRow, counts: Mapping[str, int]) -> job_pb2.Job:
    """Return a job with its counts."""
    return job_pb2.Job(
        job_id=row.job_id,
        status=job_status(row.status),
        config_path=row.config_path,
        experiment=row.experiment,
        date_range=row.date_range,
        models=row.models,
        progress=progress(counts),
        created_time=time(row.created_at),
        started_time=time(row.started_at),
        completed_time=time(row.completed_at),
        total_duration_seconds=row.total_duration_seconds,
        error=row.error or "",
        warnings=row.warnings,
    )


def status_response(
    row: JobRow, progress: job_pb2.Progress, queue_position: int, next_page_token: str
) -> simulation_pb2.GetStatusResponse:
    """Return the state of a job."""
    return simulation_pb2.GetStatusResponse(
        job_id=row.job_id,
        status=job_status(row.status),
        config_path=row.config_path,
        experiment=row.experiment,
        date_range=row.date_range,
        models=row.models,
        progress=progress,
        created_time=time(row.created_at),
        started_time=time(row.started_at),
        updated_time=time(row.updated_at),
        completed_time=time(row.completed_at),
        total_duration_seconds=row.total_duration_seconds,
        error=row.error or "",
        warnings=row.warnings,
        last_sequence=row.last_sequence,
        next_page_token=next_page_token,
        queue_position=queue_position,
        price_digests=row.price_digests,
    )


def encoded_revaluations(rows: Sequence[Revaluation]) -> bytes:
    """Return how often a job was revalued as a part of its status, serialized."""
    told = (
        prices_pb2.Revaluation(
            model=row.model,
            revalued_time=time(row.revalued_at),
            old_digest=row.old_digest,
            new_digest=row.new_digest,
            trading_days=row.trading_days,
            changed_days=row.changed_days,
        )
        for row in rows
    )
    return simulation_pb2.GetStatusResponse(revaluations=told).SerializeToString() if rows else b""


def cancel_response(row: CancelRow) -> control_pb2.CancelJobResponse:
    """Return the cancel of a job."""
    return control_pb2.CancelJobResponse(
        job_id=row.job_id,
        status=job_status(row.status),
        cancel_requested_time=time(row.requested_at),
        reason=row.reason,
    )


def trigger_response(triggered: Triggered) -> simulation_pb2.TriggerResponse:
    """Return what became of a trigger."""
    row = triggered.job
    if row is None:
        last = triggered.last_simulation_date or ""
        return simulation_pb2.TriggerResponse(
            outcome=simulation_pb2.TRIGGER_OUTCOME_UP_TO_DATE,
            experiment=triggered.experiment,
            message=f"every model is up to date; the earliest last trading day is {last}",
            warnings=triggered.warnings,
            last_simulation_date=last,
            next_trading_day=triggered.next_trading_day or "",
            done_model_days=triggered.done,
        )
    accepted = triggered.accepted
    return simulation_pb2.TriggerResponse(
        outcome=simulation_pb2.TRIGGER_OUTCOME_ACCEPTED if accepted else simulation_pb2.TRIGGER_OUTCOME_EXISTING,
        job_id=row.job_id,
        status=job_status(row.status),
        experiment=row.experiment,
        date_range=row.date_range,
        models=row.models,
        total_model_days=row.total_model_days,
        created_time=time(row.created_at),
        message=_trigger_message(triggered, row),
        warnings=triggered.warnings,
        done_model_days=triggered.done,
        queue_position=triggered.queue_position,
    )


def _trigger_message(triggered: Triggered, row: JobRow) -> str:
    waits = f"; it waits in place {triggered.queue_position} of the queue" if triggered.queue_position else ""
    if not triggered.accepted:
        return f"the job is {row.status}{waits}"
    return f"job accepted with {row.total_model_days} model-days{waits}"


def retry_response(retried: Retried) -> control_pb2.RetryJobResponse:
    """Return a job that was reopened."""
    return control_pb2.RetryJobResponse(
        job_id=retried.job.job_id, status=job_status(retried.job.status), pending_model_days=retried.pending
    )


def event(row: EventRow) -> job_pb2.ProgressEvent:
    """Return a progress event."""
    return job_pb2.ProgressEvent(
        sequence=row.sequence,
        event_time=time(row.created_at),
        type=_EVENT_TYPE[row.event_type],
        job_id=row.job_id,
        status=job_status(row.status),
        date=row.date or "",
        model=row.model or "",
        attempt=row.attempt or 0,
        duration_seconds=row.duration_seconds,
        error=row.error or "",
        portfolio_value=row.portfolio_value,
        fills=row.fills,
        total_model_days=row.total_model_days,
        completed=row.completed,
        failed=row.failed,
    )


def encoded_event(row: EventRow) -> bytes:
    """Return a message with one event, as bytes that can be joined with those of the events after it.

    Joining protobuf messages merges them: repeated fields add up and the last `last_sequence` counts.
    """
    return simulation_pb2.StreamProgressResponse(events=[event(row)], last_sequence=row.sequence).SerializeToString()


def encoded_orders(day: DayOrders, room: int) -> bytes:
    """Return a message with the orders of a day, cut to a number of bytes, as bytes that can be joined with others."""
    orders = progress_pb2.ModelDayOrders(sequence=day.sequence, date=day.date, model=day.model)
    orders.trades.extend(map(trade, day.fills))
    orders.rejections.extend(map(rejection, day.rejections))
    while orders.ByteSize() > room:
        orders.truncated = True
        del orders.trades[len(orders.trades) // 2 :]
        del orders.rejections[len(orders.rejections) // 2 :]
    return simulation_pb2.StreamProgressResponse(orders=[orders]).SerializeToString()


def day_result(
    row: DayRow, experiment: str, holdings: Mapping[str, int], positions: Sequence[PositionRow]
) -> portfolio_pb2.DayResult:
    """Return what a model did and earned on a day."""
    return portfolio_pb2.DayResult(
        date=row.date,
        model=row.model,
        experiment=experiment,
        job_id=row.job_id,
        positions=holdings,
        cash=row.cash,
        daily_pnl=portfolio_pb2.DailyPnl(
            profit=row.daily_profit, return_pct=row.daily_return_pct, portfolio_value=row.portfolio_value
        ),
        cumulative_profit=row.cumulative_profit,
        cumulative_return_pct=row.cumulative_return_pct,
        trades=[trade(position) for position in positions if position.action_type in TRADES],
        corporate_actions=_effects(positions),
        superseded_by_job_id=row.superseded_by or "",
        superseded_time=time(row.superseded_at),
    )


def _effects(positions: Sequence[PositionRow]) -> Iterator[portfolio_pb2.CorporateActionEffect]:
    """Yield what corporate actions did; cash that came is the difference to the row before."""
    for before, row in pairwise(positions):
        if row.action_type in CORPORATE_ACTIONS:
            yield portfolio_pb2.CorporateActionEffect(
                id=row.action_id,
                action=_action(row.action_type),
                symbol=row.symbol or "",
                shares=row.amount or 0,
                price=row.price or 0.0,
                cash=round(row.cash - before.cash, 6),
            )


def trade(row: PositionRow | FillRow) -> portfolio_pb2.Trade:
    """Return the fill that led to a position."""
    price, amount = row.price or 0.0, row.amount or 0
    return portfolio_pb2.Trade(
        id=row.action_id,
        action=_action(row.action_type),
        symbol=row.symbol or "",
        amount=amount,
        price=price,
        total=round(price * amount, 6),
        commission=row.commission,
        slippage=row.slippage,
    )


def position(row: PositionRow) -> portfolio_pb2.Position:
    """Return a position."""
    return portfolio_pb2.Position(
        action_id=row.action_id,
        action=_action(row.action_type),
        symbol=row.symbol or "",
        amount=row.amount or 0,
        price=row.price,
        cash=row.cash,
        portfolio_value=row.portfolio_value,
        daily_profit=row.daily_profit,
        daily_return_pct=row.daily_return_pct,
        holdings=row.holdings,
        commission=row.commission,
        slippage=row.slippage,
    )


def rejection(row: RejectionRow) -> portfolio_pb2.Rejection:
    """Return a rejection."""
    return portfolio_pb2.Rejection(
        after_action_id=row.after_action_id,
        action=_action(row.action_type),
        symbol=row.symbol,
        amount=row.amount,
        reason=portfolio_pb2.RejectionReason.Value(f"REJECTION_REASON_{row.reason.upper()}"),
        message=row.message,
    )


def standing(
    row: StandingRow, rank: int, metrics: metrics_pb2.PortfolioMetrics | None
) -> portfolio_pb2.LeaderboardEntry:
    """Return a portfolio's place in the ranking, without its curve."""
    profit = round(row.portfolio_value - row.initial_cash, 6)
    return portfolio_pb2.LeaderboardEntry(
        rank=rank,
        model=row.model,
        portfolio_value=row.portfolio_value,
        cumulative_profit=profit,
        cumulative_return_pct=round(profit / row.initial_cash * 100, 6),
        date=row.date,
        initial_cash=row.initial_cash,
        trading_days=row.trading_days,
        metrics=metrics,
        removed_through=row.removed_through or "",
    )


def point(row: SeriesRow) -> portfolio_pb2.TimeseriesPoint:
    """Return the value of a portfolio on a day."""
    return portfolio_pb2.TimeseriesPoint(
        date=row.date,
        portfolio_value=row.portfolio_value,
        cash=row.cash,
        daily_profit=row.daily_profit,
        daily_return_pct=row.daily_return_pct,
        cumulative_profit=row.cumulative_profit,
        cumulative_return_pct=row.cumulative_return_pct,
    )


def _action(text: str) -> portfolio_pb2.TradeAction.ValueType:
    return portfolio_pb2.TradeAction.Value(f"TRADE_ACTION_{text.upper()}")
