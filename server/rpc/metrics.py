"""GetMetrics, and the windows that figures are taken from."""

from bisect import bisect_left
from collections.abc import Sequence

from peewee import SqliteDatabase

from aitrader.v1 import metrics_pb2
from server.engine.benchmark import Quote, benchmark_values
from server.engine.performance import History, measure
from server.rpc import convert_metrics
from server.rpc.errors import NoDataError
from server.rpc.fields import Fields
from server.rpc.results import DEFAULT_EXPERIMENT, FIRST_DATE, LAST_DATE
from storage import portfolios, prices
from storage.portfolios import HistoryRows, PortfolioRow, TradedRow

#: characters of a symbol, as prices are imported
MAX_SYMBOL = 20


def get_metrics(db: SqliteDatabase, request: metrics_pb2.GetMetricsRequest) -> metrics_pb2.GetMetricsResponse:
    """Return the figures of a portfolio over a window.

    Raises:
        InvalidRequestError: a field is wrong.
        NoDataError: the portfolio has no trading day in the range, or the benchmark no prices.
    """
    fields = Fields()
    model = fields.required("model", request.model)
    experiment = fields.experiment("experiment", request.experiment) or DEFAULT_EXPERIMENT
    first, last = fields.date_range(request.start_date, request.end_date)
    symbol = benchmark_symbol(fields, request.benchmark)
    fields.check()
    portfolio = portfolios.find_portfolio(db, experiment, model)
    days = portfolios.histories(db, [portfolio.id], last or LAST_DATE)[portfolio.id] if portfolio else None
    if portfolio is None or days is None or not days.dates or days.dates[-1] < (first or FIRST_DATE):
        raise no_days(portfolio, experiment, model)
    start = bisect_left(days.dates, first or FIRST_DATE)
    traded = portfolios.traded(db, [portfolio.id], days.dates[start], days.dates[-1]).get(portfolio.id, TradedRow())
    quotes = find_quotes(db, symbol, days.dates[-1]) if symbol else None
    told = measure(history(float(portfolio.initial_cash), days, start, traded, symbol, quotes), with_intervals=True)
    return metrics_pb2.GetMetricsResponse(
        model=model,
        experiment=experiment,
        metrics=convert_metrics.metrics(told, symbol),
        removed_through=portfolio.removed_through or "",
    )


def no_days(portfolio: PortfolioRow | None, experiment: str, model: str) -> NoDataError:
    """Return the error of a range in which a portfolio has no trading day."""
    removed = portfolio.removed_through if portfolio is not None else None
    why = f"; a cleanup removed those up to {removed}" if removed else ""
    message = f"model '{model}' has no trading day in experiment '{experiment}' in this range{why}"
    return NoDataError(message, experiment=experiment, model=model, removed_through=removed or "")


def benchmark_symbol(fields: Fields, value: str) -> str:
    """Return the symbol of a benchmark in upper case; empty when none is asked for."""
    return (fields.name("benchmark", value, MAX_SYMBOL) or "").upper()


def find_quotes(db: SqliteDatabase, symbol: str, last: str) -> list[Quote]:
    """Return the prices of a benchmark up to a date.

    Raises:
        NoDataError: there are none.
    """
    rows = prices.quotes(db, symbol, last)
    if not rows:
        raise NoDataError(f"benchmark '{symbol}' has no prices up to {last}", benchmark=symbol)
    return [Quote(date=row.date, open=row.open, close=row.close) for row in rows]


def shares(symbol: str, quotes: Sequence[Quote], dates: Sequence[str], previous: str | None) -> list[float]:
    """Return what a share of a benchmark was worth before and on some dates.

    Raises:
        NoDataError: its prices begin later.
    """
    values = benchmark_values(quotes, dates, previous)
    if values is None:
        raise NoDataError(f"benchmark '{symbol}' has no price by {dates[0]}", benchmark=symbol, date=dates[0])
    return values


def history(
    initial_cash: float, days: HistoryRows, start: int, traded: TradedRow, symbol: str, quotes: Sequence[Quote] | None
) -> History:
    """Return the window of a portfolio's days from a position on.

    Raises:
        NoDataError: the prices of the benchmark begin later.
    """
    dates = days.dates[start:]
    previous, start_value = _before(initial_cash, days, start)
    return History(
        start_value=start_value,
        dates=dates,
        values=days.values[start:],
        cash=days.cash[start:],
        traded=traded.dollars,
        commission=traded.commission,
        slippage=traded.slippage,
        benchmark=None if quotes is None else shares(symbol, quotes, dates, previous),
    )


def _before(initial_cash: float, days: HistoryRows, start: int) -> tuple[str | None, float]:
    """Return the trading day before a position, None for the beginning, and what the portfolio was worth then."""
    if start:
        return days.dates[start - 1], days.values[start - 1]
    if days.carried is not None:
        return days.carried.date, days.carried.portfolio_value
    return None, initial_cash
