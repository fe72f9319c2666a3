"""GetPortfolioTimeseries."""

from peewee import SqliteDatabase

from aitrader.v1 import simulation_pb2
from server.rpc import convert
from server.rpc.fields import Fields
from server.rpc.metrics import no_days
from server.rpc.paging import make_token, read_token
from server.rpc.results import DEFAULT_EXPERIMENT, FIRST_DATE, LAST_DATE
from storage import portfolios


def get_timeseries(
    db: SqliteDatabase, request: simulation_pb2.GetPortfolioTimeseriesRequest
) -> simulation_pb2.GetPortfolioTimeseriesResponse:
    """Return a page of the close values of a portfolio.

    Raises:
        InvalidRequestError: a field is wrong.
        NoDataError: the portfolio has no trading day in the range.
    """
    fields = Fields()
    model = fields.required("model", request.model)
    experiment = fields.experiment("experiment", request.experiment) or DEFAULT_EXPERIMENT
    first, last = fields.date_range(request.start_date, request.end_date)
    size = fields.page_size(request.page_size, 1000, 10_000)
    fields.check()
    after = read_token(request, (str,))
    portfolio = portfolios.find_portfolio(db, experiment, model)
    start = after[0] if after else first or FIRST_DATE
    rows = portfolios.series(db, portfolio.id, start, last or LAST_DATE, size + 1) if portfolio else []
    if portfolio is None or not rows:
        raise no_days(portfolio, experiment, model)
    return simulation_pb2.GetPortfolioTimeseriesResponse(
        model=model,
        experiment=experiment,
        initial_cash=float(portfolio.initial_cash),
        timeseries=[convert.point(row) for row in rows[:size]],
        next_page_token=make_token(request, (rows[size].date,)) if len(rows) > size else "",
        removed_through=portfolio.removed_through or "",
    )
