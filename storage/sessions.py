"""Sessions: what an agent saw, said, called and cost in an attempt at a model-day."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from peewee import SqliteDatabase

from storage.results import DayKey, DayRow
from storage.session_record import SessionKey, SessionOutcome, UsageRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRow:
    """A stored session; `cost_usd` in dollars, None when the price is not known; `steps` is their number."""

    job_id: str
    date: str
    model: str
    attempt: int
    outcome: SessionOutcome
    prompt_digest: str
    stop_reason: str | None
    usage: UsageRecord
    cost_usd: Decimal | None
    summary: str
    steps: int

    @property
    def key(self) -> SessionKey:
        """What identifies the session among all."""
        return self.job_id, self.date, self.model, self.attempt


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRow:
    """A stored message of a session; `time` is ISO 8601 UTC."""

    number: int
    time: str
    role: str
    content: str | None
    tool_name: str | None
    tool_call_id: str | None
    arguments: str | None
    duration_seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolUseRow:
    """Stored calls of one tool in a session."""

    tool_name: str
    call_count: int
    total_duration_seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What some sessions used up; `cost_usd` leaves out the `unpriced` ones, whose cost is not known."""

    sessions: int = 0
    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: Decimal = Decimal(0)
    unpriced: int = 0

    def __add__(self, other: "Spent") -> "Spent":
        return Spent(
            sessions=self.sessions + other.sessions,
            requests=self.requests + other.requests,
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            cost_usd=self.cost_usd + other.cost_usd,
            unpriced=self.unpriced + other.unpriced,
        )


_COLUMNS = """
    s.job_id, s.date, s.model, s.attempt, s.outcome, s.prompt_digest, s.stop_reason, s.requests, s.input_tokens,
    s.output_tokens, s.cache_read_tokens, s.cache_write_tokens, s.reasoning_tokens, s.cost_usd, s.summary, s.steps
"""
_FIND = f"""
    SELECT {_COLUMNS} FROM sessions AS s
    WHERE s.job_id = ? AND s.date = ? AND s.model = ? AND ? IN (0, s.attempt) ORDER BY s.attempt DESC LIMIT 1
"""
_STEPS = """
    SELECT step_number, timestamp, role, content, tool_name, tool_call_id, arguments, duration_seconds
    FROM reasoning_logs WHERE job_id = ? AND date = ? AND model = ? AND attempt = ? AND step_number > ?
    ORDER BY step_number LIMIT ?
"""
_COMMITTED = f"""
    SELECT {_COLUMNS} FROM (VALUES {{places}}) AS d
    JOIN sessions AS s ON (s.job_id, s.date, s.model) = (column1, column2, column3)
    WHERE s.outcome = 'succeeded' ORDER BY s.attempt
"""
_TOOLS = """
    SELECT r.job_id, r.date, r.model, r.attempt, r.tool_name, r.call_count, r.total_duration_seconds
    FROM (VALUES {places}) AS d
    JOIN tool_usage AS r ON (r.job_id, r.date, r.model, r.attempt) = (column1, column2, column3, column4)
    ORDER BY r.id
"""
_SPENT = "SELECT {key}, requests, input_tokens, output_tokens, cost_usd FROM sessions WHERE job_id = ? {condition}"


def find_session(db: SqliteDatabase, job_id: str, date: str, model: str, attempt: int = 0) -> SessionRow | None:
    """Return the session of an attempt, 0 for the last that had one; None when there is none."""
    values = db.execute_sql(_FIND, (job_id, date, model, attempt)).fetchone()
    return None if values is None else _session(values)


def steps(db: SqliteDatabase, session: SessionRow, *, after: int = -1, limit: int) -> Iterator[StepRow]:
    """Yield the steps of a session that come after a number, read as they are taken: they may be large."""
    with closing(db.execute_sql(_STEPS, (*session.key, after, limit))) as rows:
        for number, time, role, content, tool_name, tool_call_id, arguments, seconds in rows:
            yield StepRow(
                number=number,
                time=time,
                role=role,
                content=content,
                tool_name=tool_name,
                tool_call_id=tool_call_id,
                arguments=arguments,
                duration_seconds=seconds,
            )


def committed_sessions(db: SqliteDatabase, days: Sequence[DayRow]) -> dict[DayKey, SessionRow]:
    """Return the sessions whose orders became some days; days without an agent are not among them.

    Where a job committed a day again, the last of its sessions counts.
    """
    places = ", ".join(["(?, ?, ?)"] * len(days))
    values = tuple(part for day in days for part in day.key)
    found = [_session(row) for row in db.execute_sql(_COMMITTED.format(places=places), values)]
    return {row.key[:3]: row for row in found}


def find_tools(db: SqliteDatabase, sessions: Sequence[SessionRow]) -> dict[SessionKey, list[ToolUseRow]]:
    """Return the tools that some sessions used, in the order in which they were stored."""
    used: dict[SessionKey, list[ToolUseRow]] = {session.key: [] for session in sessions}
    if not sessions:
        return used
    places = ", ".join(["(?, ?, ?, ?)"] * len(sessions))
    values = tuple(part for session in sessions for part in session.key)
    for *key, name, calls, seconds in db.execute_sql(_TOOLS.format(places=places), values):
        job_id, date, model, attempt = key
        row = ToolUseRow(tool_name=name, call_count=calls, total_duration_seconds=seconds)
        used[job_id, date, model, attempt].append(row)
    return used


def spent(db: SqliteDatabase, job_id: str) -> dict[str, Spent]:
    """Return what a job's sessions used up so far, failed attempts included, by model."""
    return _added_up(db.execute_sql(_SPENT.format(key="model", condition=""), (job_id,)))


def spent_on_dates(db: SqliteDatabase, job_id: str, dates: Sequence[str] | None = None) -> dict[str, Spent]:
    """Return the same by date, on some dates or, with None, on all that had sessions."""
    condition = "" if dates is None else f"AND date IN ({', '.join('?' * len(dates))})"
    return _added_up(db.execute_sql(_SPENT.format(key="date", condition=condition), (job_id, *(dates or ()))))


def _added_up(rows: Iterable[tuple[str, int, int, int, str | None]]) -> dict[str, Spent]:
    total: dict[str, Spent] = {}
    for key, requests, input_tokens, output_tokens, cost in rows:
        session = Spent(
            sessions=1,
            requests=requests,
            input_tokens=input_tokens,
            output_tokens=output_tokens,
            cost_usd=Decimal(cost or 0),
            unpriced=int(cost is None),
        )
        total[key] = total[key] + session if key in total else session
    return total


def _session(values: Sequence[Any]) -> SessionRow:
    return SessionRow(
        job_id=values[0],
        date=values[1],
        model=values[2],
        attempt=values[3],
        outcome=SessionOutcome(values[4]),
        prompt_digest=values[5],
        stop_reason=values[6],
        usage=UsageRecord(
            requests=values[7],
            input_tokens=values[8],
            output_tokens=values[9],
            cache_read_tokens=values[10],
            cache_write_tokens=values[11],
            reasoning_tokens=values[12],
        ),
        cost_usd=None if values[13] is None else Decimal(values[13]),
        summary=values[14],
        steps=values[15],
    )
