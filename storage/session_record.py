"""What an agent's session leaves to be stored, and how it is: in the transaction that ends its attempt."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import TypeAlias

from peewee import SqliteDatabase

from storage.cost import cost_text
from storage.database import insert_many, timestamp
from storage.recordings import RecordingRows, store_recording

#: (job_id, date, model, attempt)
SessionKey: TypeAlias = tuple[str, str, str, int]


class SessionOutcome(StrEnum):
    """What became of the attempt that the session belongs to."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRecord:
    """One message of a session; `role` is user, assistant or tool, `arguments` are JSON."""

    number: int
    time: datetime
    role: str
    content: str | None
    tool_name: str | None = None
    tool_call_id: str | None = None
    arguments: str | None = None
    duration_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolUseRecord:
    """Calls of one tool."""

    tool_name: str
    call_count: int
    total_duration_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageRecord:
    """Tokens by kind; those of input and output include the cached and reasoning ones."""

    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservationRecord:
    """Something that the agent was shown: decided on `as_of`, from a source of `source_date`."""

    step: int
    tool_name: str
    subject: str
    as_of: str
    source_date: str
    opening: bool
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DroppedRecord:
    """Something that was kept from the agent, and why."""

    step: int
    tool_name: str
    subject: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRows:
    """Everything a session leaves; `cost_usd` None says that the price is not known."""

    prompt_digest: str
    stop_reason: str | None = None
    usage: UsageRecord = UsageRecord()
    cost_usd: Decimal | None = None
    summary: str = ""
    steps: tuple[StepRecord, ...] = ()
    tool_usage: tuple[ToolUseRecord, ...] = ()
    observations: tuple[ObservationRecord, ...] = ()
    dropped: tuple[DroppedRecord, ...] = ()
    recording: RecordingRows | None = None


_KEY = ("job_id", "date", "model", "attempt")
_SESSIONS = (
    "outcome",
    "prompt_digest",
    "stop_reason",
    "requests",
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
    "cost_usd",
    "summary",
    "steps",
)
_STEPS = (
    "step_number",
    "timestamp",
    "role",
    "content",
    "tool_name",
    "tool_call_id",
    "arguments",
    "duration_seconds",
)
_TOOLS = ("tool_name", "call_count", "total_duration_seconds")
_OBSERVATIONS = ("step", "tool_name", "subject", "as_of", "source_date", "opening", "digest")
_DROPPED = ("step", "tool_name", "subject", "reason")


def store_session(db: SqliteDatabase, key: SessionKey, outcome: SessionOutcome, rows: SessionRows) -> None:
    """Insert a session with all that hangs on it, inside the transaction that is open.

    Raises:
        ValueError: the cost is no amount.
    """
    tables: dict[str, tuple[Sequence[str], Iterator[tuple[object, ...]]]] = {
        "sessions": (_SESSIONS, iter([_session(outcome, rows)])),
        "reasoning_logs": (_STEPS, map(_step, rows.steps)),
        "tool_usage": (_TOOLS, map(_tool, rows.tool_usage)),
        "observations": (_OBSERVATIONS, map(_observation, rows.observations)),
        "dropped_observations": (_DROPPED, map(_dropped, rows.dropped)),
    }
    for table, (columns, values) in tables.items():
        insert_many(db, table, (*_KEY, *columns), ((*key, *row) for row in values))
    if rows.recording is not None:
        store_recording(db, key, rows.recording)


def _session(outcome: SessionOutcome, rows: SessionRows) -> tuple[object, ...]:
    usage = rows.usage
    return (
        outcome,
        rows.prompt_digest,
        rows.stop_reason,
        usage.requests,
        usage.input_tokens,
        usage.output_tokens,
        usage.cache_read_tokens,
        usage.cache_write_tokens,
        usage.reasoning_tokens,
        None if rows.cost_usd is None else cost_text(rows.cost_usd),
        rows.summary,
        len(rows.steps),
    )


def _step(step: StepRecord) -> tuple[object, ...]:
    call = (step.tool_name, step.tool_call_id, step.arguments, step.duration_seconds)
    return (step.number, timestamp(step.time), step.role, step.content, *call)


def _tool(use: ToolUseRecord) -> tuple[object, ...]:
    return (use.tool_name, use.call_count, use.total_duration_seconds)


def _observation(seen: ObservationRecord) -> tuple[object, ...]:
    source = (seen.as_of, seen.source_date, seen.opening, seen.digest)
    return (seen.step, seen.tool_name, seen.subject, *source)


def _dropped(dropped: DroppedRecord) -> tuple[object, ...]:
    return (dropped.step, dropped.tool_name, dropped.subject, dropped.reason)
