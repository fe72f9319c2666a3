"""Sessions of agents, for tests of storage and of what reads it."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from storage.session_record import (
    DroppedRecord,
    ObservationRecord,
    SessionRows,
    StepRecord,
    ToolUseRecord,
    UsageRecord,
)
from tests.unit.storage.stored_job import DATES, NOW

USAGE = UsageRecord(
    requests=2,
    input_tokens=1200,
    output_tokens=340,
    cache_read_tokens=1000,
    cache_write_tokens=50,
    reasoning_tokens=200,
)


def steps(number: int = 4) -> tuple[StepRecord, ...]:
    """Return a prompt, a call, its answer, a closing text, and more texts."""
    call = {"tool_name": "get_price", "tool_call_id": "call-1"}
    said = (
        StepRecord(number=0, time=NOW, role="user", content="Trade the day."),
        StepRecord(number=1, time=after(0.5), role="assistant", content=None, arguments='{"symbol": "UP"}', **call),
        StepRecord(number=2, time=after(0.75), role="tool", content="10.05", duration_seconds=0.25, **call),
        *(StepRecord(number=i, time=after(i), role="assistant", content=f"thought {i}") for i in range(3, number)),
    )
    return said[:number]


def after(seconds: float) -> Any:
    """Return a time after the start of the attempt."""
    return NOW + timedelta(seconds=seconds)


def observation(source_date: str = "2025-09-30", *, opening: bool = False, as_of: str = DATES[0]) -> ObservationRecord:
    """Return an observation made on the first date."""
    return ObservationRecord(
        step=2,
        tool_name="get_price",
        subject="UP",
        as_of=as_of,
        source_date=source_date,
        opening=opening,
        digest="d" * 64,
    )


def dropped(reason: str = "no date", subject: str = "https://example.org/a") -> DroppedRecord:
    """Return something that a search dropped."""
    return DroppedRecord(step=2, tool_name="search", subject=subject, reason=reason)


def session_rows(**changed: Any) -> SessionRows:
    """Return a session of four steps that kept to the rules."""
    values: dict[str, Any] = {
        "prompt_digest": "p" * 64,
        "stop_reason": "finish_signal",
        "usage": USAGE,
        "cost_usd": Decimal("0.000123456789"),
        "summary": "It bought 10 UP.",
        "steps": steps(),
        "tool_usage": (ToolUseRecord(tool_name="get_price", call_count=1, total_duration_seconds=0.25),),
        "observations": (observation(), observation(DATES[0], opening=True)),
        "dropped": (dropped(),),
    }
    return SessionRows(**{**values, **changed})
