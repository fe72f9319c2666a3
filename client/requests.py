"""Requests out of keyword arguments, the same for the sync and the async client."""

import uuid
from collections.abc import Sequence
from typing import Any, Protocol, TypedDict, TypeVar

from aitrader.v1.callbacks_pb2 import ListDeliveriesRequest
from aitrader.v1.control_pb2 import RetryJobRequest
from aitrader.v1.metrics_pb2 import GetMetricsRequest
from aitrader.v1.simulation_pb2 import (
    GetLeaderboardRequest,
    GetPortfolioTimeseriesRequest,
    GetReasoningRequest,
    GetResultsRequest,
    ListJobsRequest,
    TriggerRequest,
)

from .words import detail_value, policy_value, sort_value, status_values


class PagedRequest(Protocol):
    """A request for one page of a list."""

    page_token: str


PagedRequestT = TypeVar("PagedRequestT", bound=PagedRequest)


class Page(TypedDict, total=False):
    """Which page of a list; without them the first of the server's default size."""

    page_size: int
    page_token: str


class TriggerFields(TypedDict, total=False):
    """What a trigger may override of its config; a repeat with the same `request_id` returns the first job.

    `conflict_policy` is `fail`, `use_existing` or `queue`.
    """

    request_id: str
    models: Sequence[str]
    start_date: str
    end_date: str
    experiment: str
    callback_urls: Sequence[str]
    replace_existing: bool
    conflict_policy: str


class RetryFields(TypedDict, total=False):
    """What of a job to retry, by default all that did not complete; a repeat with the same `request_id` is none."""

    models: Sequence[str]
    request_id: str


class ResultsQuery(Page, total=False):
    """Which results; filters add up. `detail` is `minimal` or `full`.

    `include_superseded` adds the days that the job replaced itself when it was retried.
    """

    date: str
    start_date: str
    end_date: str
    job_id: str
    model: str
    experiment: str
    detail: str
    include_superseded: bool


class JobResultsQuery(TypedDict, total=False):
    """Which results of one job."""

    date: str
    start_date: str
    end_date: str
    model: str
    detail: str
    page_size: int
    include_superseded: bool


class LeaderboardQuery(Page, total=False):
    """Which ranking; `curve_points` above 0 adds each equity curve, thinned to that many values.

    `sort` is `value`, `return`, `sharpe` or `drawdown`; `benchmark` is a symbol to show beside the portfolios.
    """

    experiment: str
    date: str
    curve_points: int
    sort: str
    benchmark: str
    with_metrics: bool


class MetricsQuery(TypedDict, total=False):
    """Which window of a portfolio, and the symbol to compare it with."""

    experiment: str
    start_date: str
    end_date: str
    benchmark: str


class TimeseriesQuery(Page, total=False):
    """Which part of a time series."""

    experiment: str
    start_date: str
    end_date: str


class JobsQuery(Page, total=False):
    """Which jobs; `statuses` are words like `running`."""

    statuses: Sequence[str]
    experiment: str


class ReasoningQuery(Page, total=False):
    """Which attempt at the model-day; 0 is the last that had a session."""

    attempt: int


def trigger_request(config_path: str, fields: TriggerFields) -> TriggerRequest:
    """Build a trigger that always carries a request id, so that no retry can start a second job."""
    values: dict[str, Any] = dict(fields)
    if "conflict_policy" in fields:
        values["conflict_policy"] = policy_value(fields["conflict_policy"])
    request = TriggerRequest(config_path=config_path, **values)
    request.request_id = request.request_id or str(uuid.uuid4())
    return request


def retry_request(job_id: str, fields: RetryFields) -> RetryJobRequest:
    """Build a retry that always carries a request id, so that a repeated call does not fail on its own success."""
    request = RetryJobRequest(job_id=job_id, **fields)
    request.request_id = request.request_id or str(uuid.uuid4())
    return request


def results_request(query: ResultsQuery) -> GetResultsRequest:
    fields: dict[str, Any] = dict(query)
    fields["detail"] = detail_value(query.get("detail", "minimal"))
    return GetResultsRequest(**fields)


def leaderboard_request(query: LeaderboardQuery) -> GetLeaderboardRequest:
    fields: dict[str, Any] = dict(query)
    if "sort" in query:
        fields["sort"] = sort_value(query["sort"])
    return GetLeaderboardRequest(**fields)


def metrics_request(model: str, query: MetricsQuery) -> GetMetricsRequest:
    return GetMetricsRequest(model=model, **query)


def timeseries_request(model: str, query: TimeseriesQuery) -> GetPortfolioTimeseriesRequest:
    return GetPortfolioTimeseriesRequest(model=model, **query)


def reasoning_request(job_id: str, model: str, date: str, query: ReasoningQuery) -> GetReasoningRequest:
    return GetReasoningRequest(job_id=job_id, model=model, date=date, **query)


def deliveries_request(job_id: str, query: Page) -> ListDeliveriesRequest:
    return ListDeliveriesRequest(job_id=job_id, **query)


def jobs_request(query: JobsQuery) -> ListJobsRequest:
    fields: dict[str, Any] = dict(query)
    fields["statuses"] = status_values(query.get("statuses", ()))
    return ListJobsRequest(**fields)


def at_page(request: PagedRequestT, token: str) -> PagedRequestT:
    """Turn a request to the page of a token; without one it keeps its own."""
    request.page_token = token or request.page_token
    return request
