"""The answers about sessions of agents and their audit, as OpenAPI tells them."""

from typing import Literal

from .models import Answer, Date, JobId, PageToken, Signature, Time


class TokenUsage(Answer):
    requests: int
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    reasoning_tokens: int


class ToolUsage(Answer):
    tool_name: str
    call_count: int
    total_duration_seconds: float | None


class Session(Answer):
    attempt: int
    outcome: Literal["succeeded", "failed"]
    stop_reason: str | None
    total_steps: int
    usage: TokenUsage | None
    cost_usd: float | None
    prompt_digest: str | None
    summary: str | None
    tool_usage: list[ToolUsage]


class ReasoningStep(Answer):
    step_number: int
    role: Literal["user", "assistant", "tool"]
    content: str | None
    tool_name: str | None
    tool_call_id: str | None
    arguments: str | None
    time: Time | None
    duration_seconds: float | None
    truncated: bool


class Reasoning(Answer):
    job_id: JobId
    date: Date
    model: Signature
    session: Session
    steps: list[ReasoningStep]
    next_page_token: PageToken


class AuditViolation(Answer):
    model: Signature
    date: Date
    attempt: int
    step_number: int
    tool_name: str | None
    subject: str | None
    as_of: str | None
    source_date: str | None


class DroppedObservations(Answer):
    tool_name: str | None
    reason: str | None
    count: int


class Audit(Answer):
    job_id: JobId
    sessions: int
    observations: int
    violation_count: int
    violations: list[AuditViolation]
    dropped_count: int
    dropped: list[DroppedObservations]
