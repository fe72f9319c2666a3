"""GetLeaderboard and GetPortfolioTimeseries."""

from collections.abc import Sequence

from peewee import SqliteDatabase

from aitrader.v1 import simulation_pb2
from server.rpc import convert
from server.rpc.errors import NoDataError
from server.rpc.fields import Fields
from server.rpc.paging import fitting, make_token, read_token
from server.rpc.results import DEFAULT_EXPERIMENT, FIRST_DATE, LAST_DATE
from storage import portfolios
from storage.database import data_version
from storage.portfolios import StandingRow

#: answers kept; each has at most a thousand entries
MAX_KEPT = 50


def get_leaderboard(
    db: SqliteDatabase, request: simulation_pb2.GetLeaderboardRequest
) -> simulation_pb2.GetLeaderboardResponse:
    """Return a page of the ranking of an experiment.

    Raises:
        InvalidRequestError: a field is wrong.
        NoDataError: the experiment has no trading day by then.
    """
    fields = Fields()
    experiment = fields.experiment("experiment", request.experiment) or DEFAULT_EXPERIMENT
    date = fields.date("date", request.date)
    points = fields.bounded("curve_points", request.curve_points, 0, 500)
    size = fields.page_size(request.page_size, 100, 1000)
    fields.check()
    place = read_token(request, (float, str, int, int))
    rows = portfolios.standings(db, experiment, as_of=date, after=place and place[:2], limit=size + 1)
    if not rows and place is None:
        raise NoDataError(
            f"experiment '{experiment}' has no trading day by then", experiment=experiment, date=date or ""
        )
    asked, ranks = rows[:size], _ranks(rows[:size], place)
    curves = portfolios.curves(db, [row.id for row in asked], date) if points else {}
    entries = fitting(
        convert.standing(row, rank, thinned(curves.get(row.id, ()), points))
        for row, rank in zip(asked, ranks, strict=True)
    )
    page = asked[: len(entries)]
    token = _token(request, page, ranks[: len(page)], place) if len(rows) > len(page) else ""
    return simulation_pb2.GetLeaderboardResponse(leaderboard=entries, experiment=experiment, next_page_token=token)


class LeaderboardReader:
    """Answers GetLeaderboard where many ask at once: an answer is kept until the database has changed."""

    def __init__(self, db: SqliteDatabase) -> None:
        self._db = db
        self._version: int | None = None
        self._kept: dict[bytes, bytes] = {}

    def read(self, request: simulation_pb2.GetLeaderboardRequest) -> bytes:
        """Return a page of the ranking as a serialized GetLeaderboardResponse.

        Raises:
            InvalidRequestError, NoDataError: as `get_leaderboard`.
        """
        version = data_version(self._db)
        if version != self._version or len(self._kept) >= MAX_KEPT:
            self._version, self._kept = version, {}
        question = request.SerializeToString()
        if question not in self._kept:
            self._kept[question] = get_leaderboard(self._db, request).SerializeToString()
        return self._kept[question]


def thinned(values: Sequence[float], points: int) -> list[float]:
    """Return at most `points` of some values, evenly spaced, the first and the last among them."""
    if len(values) <= points:
        return list(values)
    if points == 1:
        return [values[-1]]
    last = len(values) - 1
    return [values[round(i * last / (points - 1))] for i in range(points)]


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
        message = f"model '{model}' has no trading day in experiment '{experiment}' in this range"
        raise NoDataError(message, experiment=experiment, model=model)
    return simulation_pb2.GetPortfolioTimeseriesResponse(
        model=model,
        experiment=experiment,
        initial_cash=float(portfolio.initial_cash),
        timeseries=[convert.point(row) for row in rows[:size]],
        next_page_token=make_token(request, (rows[size].date,)) if len(rows) > size else "",
    )


def _ranks(rows: Sequence[StandingRow], place: tuple[float, str, int, int] | None) -> list[int]:
    """Return the rank of each row: one more than the portfolios above it, equal values sharing one."""
    value, _, before, rank = place or (None, "", 0, 0)
    ranks = []
    for position, row in enumerate(rows, start=before + 1):
        rank = rank if row.portfolio_value == value else position
        value = row.portfolio_value
        ranks.append(rank)
    return ranks


def _token(
    request: simulation_pb2.GetLeaderboardRequest,
    page: Sequence[StandingRow],
    ranks: Sequence[int],
    place: tuple[float, str, int, int] | None,
) -> str:
    before = place[2] if place else 0
    return make_token(request, (page[-1].portfolio_value, page[-1].model, before + len(page), ranks[-1]))
