"""The record of an agent's session: everything it saw, said, did and cost. Plain values, like all of the engine.

Times of steps are seconds since the session began, so that the engine needs no clock; `observations` carry the dates
that the audit compares.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from server.engine.recording import SessionRecording


class Role(StrEnum):
    """Who speaks in a step; the values are those of `reasoning_logs.role`."""

    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


class StopReason(StrEnum):
    """Why a session ended."""

    FINISH_SIGNAL = "finish_signal"
    FINISH_TOOL = "finish_tool"
    NO_TOOL_CALL = "no_tool_call"
    MAX_STEPS = "max_steps"
    MAX_TOKENS = "max_tokens"
    MAX_USD = "max_usd"
    CONTEXT_OVERFLOW = "context_overflow"
    REFUSAL = "refusal"
    LOOP = "loop"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One message: a prompt, what the model said, a call it made (`arguments` as JSON) or the answer to one.

    `number` grows by one from 0; `offset_seconds` is when it was there, `duration_seconds` how long a call took.
    """

    number: int
    role: Role
    content: str | None
    tool_name: str | None = None
    tool_call_id: str | None = None
    arguments: str | None = None
    offset_seconds: float = 0.0
    duration_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolUse:
    """How often a tool was called, and how long its calls took together."""

    tool_name: str
    call_count: int
    total_duration_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenUsage:
    """Tokens by kind, as the provider counted them, and requests that were answered.

    `input_tokens` and `output_tokens` include the cached and reasoning tokens that stand beside them.
    """

    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """Something from outside that was shown to the agent.

    `as_of` is the decision date of the session; `source_date` the date of what was shown (a bar's date, an article's
    publication date). `opening` says that it is an opening price, which may be of the decision date itself.
    `digest` is the SHA-256 of the text shown.
    """

    step: int
    tool_name: str
    subject: str
    as_of: str
    source_date: str
    opening: bool
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """Something that a source gave and the agent was not shown, and why."""

    step: int
    tool_name: str
    subject: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRecord:
    """The record of one session; `cost_usd` None says that the price of the model is not known.

    `recording` holds what it takes to run the session again; None where the config wants none.
    """

    prompt_digest: str
    steps: tuple[Step, ...] = ()
    tool_usage: tuple[ToolUse, ...] = ()
    usage: TokenUsage = TokenUsage()
    cost_usd: Decimal | None = None
    stop_reason: StopReason | None = None
    observations: tuple[Observation, ...] = ()
    dropped: tuple[Dropped, ...] = ()
    summary: str = ""
    recording: SessionRecording | None = None
