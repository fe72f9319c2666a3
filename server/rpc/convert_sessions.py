"""Between rows of sessions and audits in storage and messages of the contract; the rest is in `convert.py`."""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum

from google.protobuf.timestamp_pb2 import Timestamp

from aitrader.v1 import job_pb2, portfolio_pb2, progress_pb2, simulation_pb2
from server.engine.model_day import ModelDayTask
from server.engine.session_record import Role, Step, StopReason
from server.engine.text import storable
from server.jobs.spec import BudgetSpec, Limits
from server.rpc.convert import time
from storage.audit import AuditCounts, DroppedCount, ViolationRow
from storage.sessions import SessionRow, Spent, StepRow, ToolUseRow

#: characters of a name or subject that a vendor or model chose; none that means anything is longer
MAX_WORD = 300

#: characters of a summary, which is to be two or three sentences
MAX_SUMMARY = 20_000

#: tools told of a session; models may call what does not exist
MAX_TOOLS = 200

#: bytes of a step's text and arguments: together they fit into a message with everything else
MAX_CONTENT = 2_000_000
MAX_ARGUMENTS = 1_000_000

#: characters of the same in a live stream, which is to keep up; GetReasoning tells the rest
MAX_LIVE_CONTENT = 8000
MAX_LIVE_ARGUMENTS = 4000

_ROLE: Mapping[str, job_pb2.ReasoningRole.ValueType] = {
    role: job_pb2.ReasoningRole.Value(f"REASONING_ROLE_{role.upper()}") for role in Role
}
_STOP_REASON: Mapping[str, job_pb2.StopReason.ValueType] = {
    reason: job_pb2.StopReason.Value(f"STOP_REASON_{reason.upper()}") for reason in StopReason
}
_SELF_ENDED: frozenset[StrEnum] = frozenset({StopReason.FINISH_SIGNAL, StopReason.FINISH_TOOL})


def session(row: SessionRow, tools: Sequence[ToolUseRow]) -> job_pb2.Session:
    """Return a session without its steps."""
    usage = row.usage
    return job_pb2.Session(
        attempt=row.attempt,
        outcome=job_pb2.SessionOutcome.Value(f"SESSION_OUTCOME_{row.outcome.upper()}"),
        stop_reason=_STOP_REASON.get(row.stop_reason or "", job_pb2.STOP_REASON_UNSPECIFIED),
        total_steps=row.steps,
        usage=job_pb2.TokenUsage(
            requests=usage.requests,
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            cache_read_tokens=usage.cache_read_tokens,
            cache_write_tokens=usage.cache_write_tokens,
            reasoning_tokens=usage.reasoning_tokens,
        ),
        cost_usd=_cost(row),
        prompt_digest=row.prompt_digest,
        summary=row.summary[:MAX_SUMMARY],
        tool_usage=_tools(tools),
    )


def encoded_spending(parts: Iterable[Spent]) -> bytes:
    """Return a GetStatusResponse with the sum of what sessions used up, as bytes; none when there are no sessions."""
    spent = sum(parts, Spent())
    if not spent.sessions:
        return b""
    spending = job_pb2.Spending(
        sessions=spent.sessions,
        requests=spent.requests,
        input_tokens=spent.input_tokens,
        output_tokens=spent.output_tokens,
        cost_usd=float(spent.cost_usd),
        unpriced_sessions=spent.unpriced,
    )
    return simulation_pb2.GetStatusResponse(spending=spending).SerializeToString()


def encoded_budget(text: str | None) -> bytes:
    """Return a GetStatusResponse with the budget of a job's spec, as bytes; none when it limits nothing."""
    budget = BudgetSpec.from_json(text)
    if budget == BudgetSpec():
        return b""
    told = job_pb2.Budget(job=_limits(budget.job), model=_limits(budget.model))
    return simulation_pb2.GetStatusResponse(budget=told).SerializeToString()


def _limits(limits: Limits) -> job_pb2.BudgetLimits:
    dollars = None if limits.max_usd is None else float(limits.max_usd)
    return job_pb2.BudgetLimits(max_tokens=limits.max_tokens, max_usd=dollars)


def ai_reasoning(row: SessionRow, tools: Sequence[ToolUseRow]) -> portfolio_pb2.AiReasoning:
    """Return a session as a day's result tells it."""
    return portfolio_pb2.AiReasoning(
        total_steps=row.steps,
        stop_signal_received=row.stop_reason in _SELF_ENDED,
        reasoning_summary=row.summary[:MAX_SUMMARY],
        tool_usage=_tools(tools),
        input_tokens=row.usage.input_tokens,
        output_tokens=row.usage.output_tokens,
        cost_usd=_cost(row),
    )


def step(row: StepRow) -> job_pb2.ReasoningStep:
    """Return a step, cut to what fits into a message."""
    content, arguments = row.content or "", row.arguments or ""
    told, called = _cut(content, MAX_CONTENT), _cut(arguments, MAX_ARGUMENTS)
    return job_pb2.ReasoningStep(
        step_number=row.number,
        role=_ROLE[row.role],
        content=told,
        tool_name=(row.tool_name or "")[:MAX_WORD],
        tool_call_id=(row.tool_call_id or "")[:MAX_WORD],
        arguments=called,
        time=time(row.time),
        duration_seconds=row.duration_seconds,
        truncated=(len(told), len(called)) != (len(content), len(arguments)),
    )


def encoded_live_step(task: ModelDayTask, step: Step) -> bytes:
    """Return a message with a step that was taken now, as bytes that can be joined with those of others."""
    content, arguments = storable(step.content or ""), storable(step.arguments or "")
    told = job_pb2.ReasoningStep(
        step_number=step.number,
        role=_ROLE[step.role],
        content=content[:MAX_LIVE_CONTENT],
        tool_name=storable(step.tool_name or "")[:MAX_WORD],
        tool_call_id=storable(step.tool_call_id or "")[:MAX_WORD],
        arguments=arguments[:MAX_LIVE_ARGUMENTS],
        time=_now(),
        duration_seconds=step.duration_seconds,
        truncated=len(content) > MAX_LIVE_CONTENT or len(arguments) > MAX_LIVE_ARGUMENTS,
    )
    live = progress_pb2.LiveStep(date=task.date, model=task.model, attempt=task.attempt, step=told)
    return simulation_pb2.StreamProgressResponse(steps=[live]).SerializeToString()


def _now() -> Timestamp:
    now = Timestamp()
    now.GetCurrentTime()
    return now


def violation(row: ViolationRow) -> job_pb2.AuditViolation:
    """Return a violation."""
    return job_pb2.AuditViolation(
        model=row.model,
        date=row.date,
        attempt=row.attempt,
        step_number=row.step,
        tool_name=row.tool_name[:MAX_WORD],
        subject=row.subject[:MAX_WORD],
        as_of=row.as_of,
        source_date=row.source_date[:MAX_WORD],
    )


def audit_response(
    job_id: str,
    counts: AuditCounts,
    violations: Sequence[job_pb2.AuditViolation],
    dropped: Sequence[DroppedCount],
) -> simulation_pb2.AuditJobResponse:
    """Return what an audit found."""
    return simulation_pb2.AuditJobResponse(
        job_id=job_id,
        sessions=counts.sessions,
        observations=counts.observations,
        violation_count=counts.violations,
        violations=violations,
        dropped_count=counts.dropped,
        dropped=[
            job_pb2.DroppedObservations(
                tool_name=row.tool_name[:MAX_WORD], reason=row.reason[:MAX_WORD], count=row.count
            )
            for row in dropped
        ],
    )


def _tools(rows: Sequence[ToolUseRow]) -> list[job_pb2.ToolUsage]:
    return [
        job_pb2.ToolUsage(
            tool_name=row.tool_name[:MAX_WORD],
            call_count=row.call_count,
            total_duration_seconds=row.total_duration_seconds,
        )
        for row in rows[:MAX_TOOLS]
    ]


def _cost(row: SessionRow) -> float | None:
    return None if row.cost_usd is None else float(row.cost_usd)


def _cut(text: str, size: int) -> str:
    """Return as much of a text as has room in a number of bytes."""
    if len(text) * 4 <= size:
        return text
    return text.encode()[:size].decode(errors="ignore")
