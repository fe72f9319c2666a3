"""What callers may ask: path, query and body fields with bounds, as OpenAPI tells them. The service checks the rest."""

from typing import Annotated, Any, Literal, TypeAlias

from fastapi import Path
from pydantic import BaseModel, ConfigDict, Field

from aitrader.v1.progress_pb2 import ProgressInclude

from ..words import detail_value, policy_value, sort_value, status_values

MAX_INT32 = 2**31 - 1

#: characters of an id
MAX_JOB_ID = 128

JobId: TypeAlias = Annotated[
    str,
    Path(
        min_length=1,
        max_length=MAX_JOB_ID,
        description="UUID of the job.",
        examples=["1f0c5c1e-8f4e-4f6e-9c7e-0d7b8a9b6c5d"],
    ),
]
Date: TypeAlias = Annotated[
    str, Field(min_length=10, max_length=10, json_schema_extra={"format": "date", "example": "2025-10-02"})
]
Name: TypeAlias = Annotated[str, Field(min_length=1, max_length=512)]
Experiment: TypeAlias = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$")]
Symbol: TypeAlias = Annotated[str, Field(min_length=1, max_length=20, examples=["QQQ"])]
Number: TypeAlias = Annotated[int, Field(ge=0, le=MAX_INT32)]


class Question(BaseModel):
    """Fields of a question; one that is not known is refused, since a misspelt filter would answer something else."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def fields(self) -> dict[str, Any]:
        """Return the fields that were given, for the request message."""
        return self.model_dump(exclude_none=True)


class Page(Question):
    page_size: Number = Field(0, description="Entries in the page; 0 is the default of the list.")
    page_token: str | None = Field(None, max_length=2048, description="`next_page_token` of the page before.")


class ResultsQuestion(Page):
    date: Date | None = Field(None, description="One trading date; excludes `start_date` and `end_date`.")
    start_date: Date | None = Field(None, description="First date of a range.")
    end_date: Date | None = Field(None, description="Last date of a range.")
    model: Name | None = Field(None, description="Only this model.")
    job_id: Annotated[str, Field(max_length=MAX_JOB_ID)] | None = Field(
        None, description="Only days that this job committed."
    )
    experiment: Experiment | None = Field(None, description="Experiment; by default the job's, or `default`.")
    detail: Literal["minimal", "full"] = Field("minimal", description="How much of each day to tell.")
    include_superseded: bool = Field(
        default=False, description="Whether to tell of `job_id` also the days that it replaced itself when retried."
    )

    def fields(self) -> dict[str, Any]:
        return super().fields() | {"detail": detail_value(self.detail)}


class TimeseriesQuestion(Page):
    model: Name = Field(description="Signature of the model.")
    experiment: Experiment | None = Field(None, description="Experiment; by default `default`.")
    start_date: Date | None = Field(None, description="First date.")
    end_date: Date | None = Field(None, description="Last date.")


class LeaderboardQuestion(Page):
    experiment: Experiment | None = Field(None, description="Experiment; by default `default`.")
    date: Date | None = Field(None, description="Rank as of the end of this date; by default the latest.")
    curve_points: Annotated[int, Field(ge=0, le=500)] = Field(0, description="Values of each equity curve.")
    sort: Literal["value", "return", "sharpe", "drawdown"] = Field("value", description="What to rank by.")
    benchmark: Symbol | None = Field(None, description="Symbol to show beside the portfolios.")
    with_metrics: bool = Field(default=False, description="Whether each entry tells its metrics.")

    def fields(self) -> dict[str, Any]:
        return super().fields() | {"sort": sort_value(self.sort)}


class MetricsQuestion(Question):
    model: Name = Field(description="Signature of the model.")
    experiment: Experiment | None = Field(None, description="Experiment; by default `default`.")
    start_date: Date | None = Field(None, description="First date of the window.")
    end_date: Date | None = Field(None, description="Last date of the window.")
    benchmark: Symbol | None = Field(None, description="Symbol to compare with.")


class JobsQuestion(Page):
    status: list[Literal["pending", "running", "completed", "partial", "failed", "cancelled"]] = Field(
        default_factory=list, description="Only jobs in one of these states."
    )
    experiment: Experiment | None = Field(None, description="Only jobs of this experiment.")

    def fields(self) -> dict[str, Any]:
        found = super().fields()
        return found | {"statuses": status_values(found.pop("status"))}


class ReasoningQuestion(Page):
    job_id: Annotated[str, Field(min_length=1, max_length=MAX_JOB_ID)] = Field(description="UUID of the job.")
    date: Date = Field(description="Trading date.")
    model: Name = Field(description="Signature of the model.")
    attempt: Number = Field(0, description="Number of the attempt; 0 is the last that had a session.")


class TriggerBody(Question):
    """What to run."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"config_path": "demo.json", "experiment": "demo", "request_id": "daily-1"}]}
    )

    config_path: Name = Field(description="Config file, relative to the server's configs folder.")
    request_id: Annotated[str, Field(min_length=1, max_length=128)] | None = Field(
        None, description="Caller's key for this request: a repeat returns the first job."
    )
    models: Annotated[list[Name], Field(max_length=1000)] = Field(
        default_factory=list, description="Signatures to run; empty means every enabled model of the config."
    )
    start_date: Date | None = Field(None, description="First date; overrides the config's.")
    end_date: Date | None = Field(None, description="Last date; overrides the config's.")
    experiment: Experiment | None = Field(None, description="Experiment whose portfolios are extended.")
    callback_urls: Annotated[list[Annotated[str, Field(max_length=2048)]], Field(max_length=5)] = Field(
        default_factory=list, description="URLs to which the end of the job is posted; the server allows their hosts."
    )
    replace_existing: bool = Field(default=False, description="Run done dates again, and the days after them.")
    conflict_policy: Literal["fail", "use_existing", "queue"] = Field(
        "fail", description="What to do when another job is in the way."
    )

    def fields(self) -> dict[str, Any]:
        return super().fields() | {"conflict_policy": policy_value(self.conflict_policy)}


class CancelBody(Question):
    """Why a job is stopped."""

    reason: Annotated[str, Field(max_length=500)] | None = Field(None, description="For those who read the job later.")


class RetryBody(Question):
    """What of a job to run again."""

    models: Annotated[list[Name], Field(max_length=1000)] = Field(
        default_factory=list, description="Signatures to retry; empty means all that did not complete."
    )
    request_id: Annotated[str, Field(min_length=1, max_length=128)] | None = Field(
        None, description="Caller's key for this retry: a repeat changes nothing."
    )


class ProgressQuestion(Question):
    after_sequence: Number = Field(0, description="Send events with a greater sequence.")
    include: list[Literal["fills", "reasoning"]] = Field(
        default_factory=list, description="Orders in the data of the events, and steps of agents as they happen."
    )

    @property
    def includes(self) -> list[ProgressInclude.ValueType]:
        """What to include, as the contract says it."""
        return [ProgressInclude.Value(f"PROGRESS_INCLUDE_{word.upper()}") for word in self.include]
