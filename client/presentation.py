"""How each response looks to a person on standard output."""

from collections.abc import Iterable

import click
from google.protobuf.message import Message

from aitrader.v1.callbacks_pb2 import ListDeliveriesResponse
from aitrader.v1.control_pb2 import CancelJobResponse, RetryJobResponse
from aitrader.v1.metrics_pb2 import GetMetricsResponse
from aitrader.v1.prices_pb2 import GetPriceCoverageResponse
from aitrader.v1.schedule_pb2 import ListSchedulesResponse
from aitrader.v1.service_status_pb2 import GetServiceStatusResponse
from aitrader.v1.simulation_pb2 import (
    AuditJobResponse,
    GetLeaderboardResponse,
    GetPortfolioTimeseriesResponse,
    GetReasoningResponse,
    GetResultsResponse,
    GetStatusResponse,
    ListJobsResponse,
    TriggerResponse,
    VerifyJobResponse,
)
from aitrader.v1.upkeep_pb2 import GetStorageStatusResponse

from .audit_report import audit_lines
from .chart import value_chart
from .console import open_console
from .deliveries import delivery_lines
from .metrics_report import metrics_lines
from .price_report import coverage_lines
from .schedule_report import schedule_lines
from .sentences import cancel_lines, day_lines, retry_lines, status_lines, trigger_lines
from .service_report import service_lines
from .storage_report import storage_lines
from .tables import jobs_table, leaderboard_table, models_table, results_table, timeseries_table
from .tally import Tally
from .text import plain
from .transcript import transcript_lines
from .verify_report import verify_lines


def present(response: Message) -> None:
    """Print a response."""
    match response:
        case TriggerResponse():
            _print_lines(trigger_lines(response))
        case CancelJobResponse():
            _print_lines(cancel_lines(response))
        case RetryJobResponse():
            _print_lines(retry_lines(response))
        case GetStatusResponse():
            _present_status(response)
        case GetResultsResponse():
            _present_results(response)
        case GetLeaderboardResponse():
            console = open_console()
            console.print(leaderboard_table(response, width=console.width))
        case GetPortfolioTimeseriesResponse():
            _present_timeseries(response)
        case GetMetricsResponse():
            _print_lines(metrics_lines(response))
        case ListJobsResponse():
            _present_jobs(response)
        case GetReasoningResponse():
            _print_lines(transcript_lines(response, width=open_console().width))
        case ListDeliveriesResponse():
            _print_lines(delivery_lines(response))
        case GetPriceCoverageResponse():
            _print_lines(coverage_lines(response))
        case ListSchedulesResponse():
            _print_lines(schedule_lines(response))
        case AuditJobResponse():
            _print_lines(audit_lines(response))
        case GetServiceStatusResponse():
            _print_lines(service_lines(response))
        case GetStorageStatusResponse():
            _print_lines(storage_lines(response))
        case VerifyJobResponse():
            _print_lines(verify_lines(response))
    _present_removal(response)


def _present_removal(response: Message) -> None:
    """Say from when on portfolios are known, where a cleanup took what was before."""
    match response:
        case GetResultsResponse() | GetLeaderboardResponse() | GetPortfolioTimeseriesResponse() | GetMetricsResponse():
            if response.removed_through:
                click.echo(f"a cleanup removed trading days up to {response.removed_through}")


def _present_status(response: GetStatusResponse) -> None:
    _print_lines(status_lines(response))
    if response.progress.details:
        open_console().print(models_table(Tally(response)))


def _present_results(response: GetResultsResponse) -> None:
    open_console().print(results_table(response.results))
    for day in response.results:
        if day.position_history:  # asked for with full detail
            _print_lines(day_lines(day))


def _present_timeseries(response: GetPortfolioTimeseriesResponse) -> None:
    console = open_console()
    title = f"{plain(response.model)} in {response.experiment}, from {response.initial_cash:,.2f}"
    click.echo(value_chart(response.timeseries, title=title, width=console.width))
    console.print(timeseries_table(response.timeseries))


def _present_jobs(response: ListJobsResponse) -> None:
    if response.jobs:
        open_console().print(jobs_table(response.jobs))
    else:
        click.echo("no jobs")


def _print_lines(lines: Iterable[str]) -> None:
    for line in lines:
        click.echo(line)
