"""Messages as sentences and lines for people; tables are in `tables.py`, JSON in `document.py`."""

from collections.abc import Iterable

from aitrader.v1 import job_pb2
from aitrader.v1.control_pb2 import CancelJobResponse, RetryJobResponse
from aitrader.v1.portfolio_pb2 import DayResult, Position
from aitrader.v1.prices_pb2 import Revaluation
from aitrader.v1.simulation_pb2 import GetStatusResponse, TriggerResponse

from .text import date_span, duration, moment, money, plain, share_list
from .words import action_word, day_status_word, status_word

#: model-days whose errors a status shows
MAX_PROBLEMS = 10


def trigger_lines(response: TriggerResponse) -> list[str]:
    """Tell what became of a trigger."""
    lines = [plain(response.message)]
    if response.job_id:
        lines.append(f"job {response.job_id}: {status_word(response.status)}")
        lines.append(
            f"experiment {response.experiment}, {_count(len(response.models), 'model')}, "
            f"{date_span(list(response.date_range))}, {_count(response.total_model_days, 'model-day')}"
        )
    return [*lines, *warning_lines(response.warnings)]


def cancel_lines(response: CancelJobResponse) -> list[str]:
    """Tell what became of a cancel."""
    if response.status == job_pb2.JOB_STATUS_CANCELLED:
        return [f"job {response.job_id}: cancelled"]
    return [f"job {response.job_id}: {status_word(response.status)}, and is being cancelled"]


def retry_lines(response: RetryJobResponse) -> list[str]:
    """Tell what a retry is going to run."""
    pending = _count(response.pending_model_days, "model-day")
    return [f"job {response.job_id}: {status_word(response.status)}, {pending} to run again"]


def warning_lines(warnings: Iterable[str]) -> list[str]:
    return [f"warning: {plain(warning)}" for warning in warnings]


def status_lines(status: GetStatusResponse) -> list[str]:
    """Tell the state of a job in a few lines."""
    progress = status.progress
    counts = {
        "completed": progress.completed,
        "failed": progress.failed,
        "running": progress.running,
        "pending": progress.pending,
        "skipped": progress.skipped,
        "cancelled": progress.cancelled,
    }
    took = f" in {duration(status.total_duration_seconds)}" if status.HasField("total_duration_seconds") else ""
    told = ", ".join(f"{count} {word}" for word, count in counts.items() if count)
    lines = [
        f"job {status.job_id}: {status_word(status.status)}{took}",
        f"config {plain(status.config_path)}, experiment {status.experiment}, {date_span(list(status.date_range))}",
        f"{_count(progress.total_model_days, 'model-day')}: {told or 'none'}",
    ]
    if status.HasField("spending"):
        lines.append(_spending(status))
    lines.extend(map(_revaluation, status.revaluations))
    if status.error:
        lines.append(f"error: {plain(status.error)}")
    return [*lines, *_problem_lines(status), *warning_lines(status.warnings)]


def _revaluation(done: Revaluation) -> str:
    """Tell that values are not those of the job's own prices any more."""
    days = f"{done.changed_days} of {_count(done.trading_days, 'trading day')} changed"
    return f"values of {plain(done.model)} computed anew on later prices, {moment(done.revalued_time)}: {days}"


def _spending(status: GetStatusResponse) -> str:
    """Tell what the agents used up, beside what they may."""
    spent, limits = status.spending, status.budget.job
    tokens = f"{spent.input_tokens + spent.output_tokens:,}"
    tokens += f" of {limits.max_tokens:,}" if limits.HasField("max_tokens") else ""
    cost = f"${spent.cost_usd:,.4f}" + (f" of ${limits.max_usd:,.4f}" if limits.HasField("max_usd") else "")
    unknown = f", {_count(spent.unpriced_sessions, 'session')} of unknown cost" if spent.unpriced_sessions else ""
    return f"{_count(spent.sessions, 'session')}: {tokens} tokens, {cost}{unknown}"


def _problem_lines(status: GetStatusResponse) -> list[str]:
    shown = (job_pb2.MODEL_DAY_STATUS_FAILED, job_pb2.MODEL_DAY_STATUS_SKIPPED)
    problems = [day for day in status.progress.details if day.status in shown]
    lines = [
        f"{day.date} {plain(day.model)} {day_status_word(day.status)}: {plain(day.error) or 'no reason given'}"
        for day in problems[:MAX_PROBLEMS]
    ]
    more = len(problems) - MAX_PROBLEMS
    return [*lines, f"and {more} more"] if more > 0 else lines


def day_lines(day: DayResult) -> list[str]:
    """Tell every state of a day and every refused order."""
    lines = [f"{day.date} {plain(day.model)}"]
    lines += [f"  {position.action_id:>3}  {_position(position)}" for position in day.position_history]
    lines += [f"  refused after {refused.after_action_id}: {plain(refused.message)}" for refused in day.rejections]
    return lines


def _position(position: Position) -> str:
    action = action_word(position.action).replace("_", " ")
    order = f"{action} {position.amount} {plain(position.symbol)}" if position.symbol else "open"
    figures = f"cash {money(position.cash)}, value {money(position.portfolio_value)}"
    return f"{order}: {figures}, holds {share_list(position.holdings) or 'nothing'}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
