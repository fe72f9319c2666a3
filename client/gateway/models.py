"""The answers, as OpenAPI tells them.

They describe, and are tested against real answers; nothing is validated by them while serving. A field of the contract
that is missing here fails a test.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

JOB_ID = "1f0c5c1e-8f4e-4f6e-9c7e-0d7b8a9b6c5d"

JobState = Literal["pending", "running", "completed", "partial", "failed", "cancelled"]
Action = Literal["buy", "sell", "no_trade", "split", "dividend"]
Condition = Literal["healthy", "unhealthy", "off"]
FailureKind = Literal[
    "trader_error",
    "ledger_error",
    "market_data",
    "worker_died",
    "storage_error",
    "provider_error",
    "rate_limited",
    "timeout",
    "budget",
    "cancelled",
    "not_recorded",
]
JobId = Annotated[str, Field(examples=[JOB_ID])]
Date = Annotated[str, Field(examples=["2025-10-02"])]
Time = Annotated[str, Field(examples=["2025-10-02T06:00:01.250Z"])]
Dollars = Annotated[float, Field(examples=[10150.5])]
Percent = Annotated[float, Field(examples=[1.505])]
Signature = Annotated[str, Field(examples=["gpt-5"])]
DoneModelDays = Annotated[int, Field(description="Of those asked for, done already and left alone.")]
QueuePosition = Annotated[int, Field(description="From 1 for a job that waits, 0 for others.")]
PageToken = Annotated[str | None, Field(description="Token of the next page; null on the last.")]
RemovedThrough = Annotated[Date | None, Field(description="A cleanup removed trading days up to it; null for none.")]


class Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Refusal(BaseModel):
    """What went wrong; `details` holds the facts, and under `fields` what is wrong with each field."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"error": "not_found", "message": "job_id 'x' was not found", "details": {"job_id": "x"}}]
        }
    )

    error: str
    message: str
    details: dict[str, Any]


class ConflictRefusal(Refusal):
    """Another job holds the portfolios."""

    current_job_id: str | None = None
    current_date_range: list[Date] | None = None


class DayKey(Answer):
    date: Date
    model: Signature


class Attempt(Answer):
    number: int
    outcome: Literal["succeeded", "failed", "cancelled", "lost"]
    started_at: Time | None
    ended_at: Time | None
    error_kind: FailureKind | None
    message: str | None


class ModelDay(Answer):
    date: Date
    model: Signature
    status: Literal["pending", "running", "completed", "failed", "skipped", "cancelled"]
    attempt: int
    duration_seconds: float | None
    error: str | None
    started_at: Time | None
    completed_at: Time | None
    error_kind: FailureKind | None
    attempts: Annotated[list[Attempt], Field(description="Those that have ended, where there were several.")]


class Progress(Answer):
    total_model_days: int
    completed: int
    failed: int
    running: int
    pending: int
    skipped: int
    cancelled: int
    current: DayKey | None
    details: Annotated[list[ModelDay], Field(description="The model-days; empty where a list of jobs is told.")]


class Job(Answer):
    job_id: JobId
    status: JobState
    config_path: str
    experiment: str
    date_range: list[Date]
    models: list[Signature]
    progress: Progress
    created_at: Time
    started_at: Time | None
    completed_at: Time | None
    total_duration_seconds: float | None
    error: str | None
    warnings: list[str]


class Spending(Answer):
    sessions: int
    requests: int
    input_tokens: int
    output_tokens: int
    cost_usd: float
    unpriced_sessions: int


class BudgetLimits(Answer):
    max_tokens: int | None
    max_usd: float | None


class Budget(Answer):
    job: BudgetLimits | None
    model: BudgetLimits | None


class Revaluation(Answer):
    """A time at which values were computed anew on later prices."""

    model: Signature
    revalued_at: Time
    old_digest: str | None
    new_digest: str
    trading_days: int
    changed_days: int


class JobStatus(Job):
    updated_at: Time
    last_sequence: int
    spending: Spending | None
    budget: Budget | None
    queue_position: QueuePosition
    price_digests: list[str]
    revaluations: list[Revaluation]
    next_page_token: PageToken


class Jobs(Answer):
    jobs: list[Job]
    next_page_token: PageToken


class Cancelled(Answer):
    """A job that is being stopped, or was."""

    job_id: JobId
    status: JobState
    cancel_requested_at: Time
    reason: str | None


class Retried(Answer):
    """A job that runs again."""

    job_id: JobId
    status: JobState
    pending_model_days: int


class Accepted(Answer):
    """A new job."""

    job_id: JobId
    status: Literal["accepted"]
    experiment: str
    date_range: list[Date]
    models: list[Signature]
    total_model_days: int
    created_at: Time
    message: str
    warnings: list[str]
    done_model_days: DoneModelDays
    queue_position: QueuePosition


class Existing(Answer):
    """The same job was there already."""

    job_id: JobId
    status: JobState
    experiment: str
    date_range: list[Date]
    models: list[Signature]
    total_model_days: int
    created_at: Time
    progress: Progress
    message: str
    warnings: list[str]
    done_model_days: DoneModelDays
    queue_position: QueuePosition


class Current(Answer):
    """There is nothing to do."""

    status: Literal["current"]
    message: str
    last_simulation_date: Date | None
    next_trading_day: Annotated[Date | None, Field(description="The exchange's next one, with or without prices.")]
    experiment: str
    models: list[Signature]
    warnings: list[str]
    done_model_days: DoneModelDays


class DailyPnl(Answer):
    profit: Dollars
    return_pct: Percent
    portfolio_value: Dollars


class CumulativePnl(Answer):
    profit: Dollars
    return_pct: Percent


class Trade(Answer):
    id: int
    action: Action
    symbol: Annotated[str, Field(examples=["AAPL"])]
    amount: int
    price: Dollars
    total: Dollars
    commission: Dollars
    slippage: Dollars


class CorporateActionEffect(Answer):
    id: int
    action: Action
    symbol: str
    shares: Annotated[int, Field(description="That came or went by a split, or that a dividend was paid on.")]
    price: Dollars
    cash: Dollars


class Rejection(Answer):
    after_action_id: int
    action: Action
    symbol: str | None
    amount: str
    reason: str
    message: str


class Position(Answer):
    action_id: int
    action: Action
    symbol: str | None
    amount: int
    price: Dollars | None
    cash: Dollars
    portfolio_value: Dollars
    daily_profit: Dollars
    daily_return_pct: Percent
    holdings: dict[str, int]
    commission: Dollars
    slippage: Dollars


class AiReasoning(Answer):
    total_steps: int
    stop_signal_received: bool
    reasoning_summary: str | None
    tool_usage: Annotated[dict[str, int], Field(description="Calls by tool.", examples=[{"buy": 2, "search": 1}])]
    tool_seconds: Annotated[dict[str, float | None], Field(description="Seconds by tool.")]
    input_tokens: int
    output_tokens: int
    cost_usd: float | None


class MinimalDay(Answer):
    date: Date
    model: Signature
    experiment: str
    job_id: JobId
    positions: Annotated[dict[str, float], Field(examples=[{"AAPL": 10, "CASH": 8500.0}])]
    daily_pnl: DailyPnl
    trades: list[Trade]
    cumulative_pnl: CumulativePnl
    superseded_by_job_id: Annotated[JobId | None, Field(description="The job that replaced this day.")]
    superseded_at: Time | None
    corporate_actions: Annotated[list[CorporateActionEffect], Field(description="Splits and dividends of the day.")]


class FullDay(MinimalDay):
    rejections: list[Rejection]
    position_history: list[Position]
    ai_reasoning: AiReasoning | None


class Results(Answer):
    date: Annotated[Date | None, Field(description="The date of all results; null when they are of several.")]
    results: list[FullDay | MinimalDay]
    next_page_token: PageToken
    removed_through: RemovedThrough


class TimeseriesPoint(Answer):
    date: Date
    portfolio_value: Dollars
    cash: Dollars
    daily_profit: Dollars
    daily_return_pct: Percent
    cumulative_profit: Dollars
    cumulative_return_pct: Percent


class Timeseries(Answer):
    model: Signature
    experiment: str
    initial_cash: Dollars
    timeseries: list[TimeseriesPoint]
    next_page_token: PageToken
    removed_through: RemovedThrough


class Part(Answer):
    status: Condition | None
    message: str | None


class Health(Answer):
    status: Literal["healthy", "unhealthy"]
    timestamp: Time
    services: Annotated[
        dict[str, Part],
        Field(description="The server and its parts.", examples=[{"disk": {"status": "healthy", "message": "fine"}}]),
    ]
    free_disk_bytes: Annotated[int | None, Field(description="On the disk of the database; null without a server.")]


class Delivery(Answer):
    delivery_id: str
    url: str
    status: Literal["pending", "delivered", "given_up"]
    sequence: int
    attempts: int
    last_http_status: int | None
    last_error: str | None
    created_at: Time
    last_attempt_at: Time | None
    next_attempt_at: Time | None


class Deliveries(Answer):
    deliveries: list[Delivery]
    next_page_token: PageToken
