"""GetLeaderboard."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from peewee import SqliteDatabase

from aitrader.v1 import metrics_pb2, portfolio_pb2, simulation_pb2
from server.engine.benchmark import Quote
from server.engine.performance import History, measure
from server.rpc import convert, convert_metrics
from server.rpc.errors import NoDataError
from server.rpc.fields import Fields
from server.rpc.metrics import benchmark_symbol, find_quotes, history, shares
from server.rpc.paging import fitting, make_token, read_token
from server.rpc.ranking import Place, Ranked, ranked
from server.rpc.results import DEFAULT_EXPERIMENT, FIRST_DATE, LAST_DATE
from storage import portfolios
from storage.carried import removed_through
from storage.database import data_version
from storage.portfolios import HistoryRows, StandingRow, TradedRow

#: bytes of answers kept for the next caller
MAX_KEPT = 32 * 1024 * 1024

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Query:
    experiment: str
    date: str | None
    points: int
    size: int
    benchmark: str
    place: Place | None


def get_leaderboard(
    db: SqliteDatabase, request: simulation_pb2.GetLeaderboardRequest
) -> simulation_pb2.GetLeaderboardResponse:
    """Return a page of the ranking of an experiment.

    Raises:
        InvalidRequestError: a field is wrong.
        NoDataError: the experiment has no trading day by then, or the benchmark no prices.
    """
    query = _query(request)
    found = ranked(db, query.experiment, query.date, request.sort, query.place, query.size + 1)
    removed = removed_through(db, query.experiment)
    if not found and query.place is None:
        why = f"; a cleanup removed trading days up to {removed}" if removed else ""
        message = f"experiment '{query.experiment}' has no trading day by then{why}"
        raise NoDataError(message, experiment=query.experiment, date=query.date or "", removed_through=removed)
    quotes = find_quotes(db, query.benchmark, query.date or LAST_DATE) if query.benchmark else None
    asked = found[: query.size]
    rows = [entry.row for entry in asked]
    days = _days(db, rows, query) if query.points or request.with_metrics else {}
    figures = _metrics(db, rows, query, days, quotes) if request.with_metrics else {}
    entries = fitting(_entry(entry, query.points, days, figures) for entry in asked)
    return simulation_pb2.GetLeaderboardResponse(
        leaderboard=entries,
        experiment=query.experiment,
        next_page_token=_token(request, asked[: len(entries)], query.place) if len(found) > len(entries) else "",
        benchmark=_benchmark(db, query, quotes, with_metrics=request.with_metrics) if quotes else None,
        removed_through=removed,
    )


class LeaderboardReader:
    """Answers GetLeaderboard where many ask at once: an answer is kept until the database has changed."""

    def __init__(self, db: SqliteDatabase) -> None:
        self._db = db
        self._version: int | None = None
        self._kept: dict[bytes, bytes] = {}
        self._size = 0

    async def read(self, request: simulation_pb2.GetLeaderboardRequest) -> bytes:
        """Return a page of the ranking as a serialized GetLeaderboardResponse.

        The latest ranking by value, with nothing besides, is one short indexed read; all else is done in a thread.

        Raises:
            InvalidRequestError, NoDataError: as `get_leaderboard`.
        """
        question = request.SerializeToString(deterministic=True)
        version = data_version(self._db)
        if version != self._version:
            self._version, self._kept, self._size = version, {}, 0
        if question not in self._kept:
            answer = self._answer(request) if _is_short(request) else await asyncio.to_thread(self._answer, request)
            if version != self._version:  # another caller has seen a change meanwhile
                return answer
            self._keep(question, answer)
        return self._kept[question]

    def _answer(self, request: simulation_pb2.GetLeaderboardRequest) -> bytes:
        return get_leaderboard(self._db, request).SerializeToString()

    def _keep(self, question: bytes, answer: bytes) -> None:
        if self._size + len(answer) > MAX_KEPT:
            self._kept, self._size = {}, 0
        self._size += len(answer) - len(self._kept.get(question, b""))
        self._kept[question] = answer


def _is_short(request: simulation_pb2.GetLeaderboardRequest) -> bool:
    besides = request.date or request.curve_points or request.benchmark or request.with_metrics
    return not besides and request.sort <= simulation_pb2.LEADERBOARD_SORT_VALUE


def thinned(values: Sequence[T], points: int) -> list[T]:
    """Return at most `points` of some values, evenly spaced, the first and the last among them."""
    if len(values) <= points:
        return list(values)
    if points == 1:
        return [values[-1]]
    last = len(values) - 1
    return [values[round(i * last / (points - 1))] for i in range(points)]


def _query(request: simulation_pb2.GetLeaderboardRequest) -> _Query:
    fields = Fields()
    experiment = fields.experiment("experiment", request.experiment) or DEFAULT_EXPERIMENT
    date = fields.date("date", request.date)
    points = fields.bounded("curve_points", request.curve_points, 0, 500)
    size = fields.page_size(request.page_size, 100, 1000)
    benchmark = benchmark_symbol(fields, request.benchmark)
    if request.sort not in simulation_pb2.LeaderboardSort.values():
        fields.refuse("sort", f"{request.sort} is no sort")
    fields.check()
    place = read_token(request, (float, str, int, int))
    return _Query(experiment=experiment, date=date, points=points, size=size, benchmark=benchmark, place=place)


def _days(db: SqliteDatabase, rows: Sequence[StandingRow], query: _Query) -> dict[int, HistoryRows]:
    return portfolios.histories(db, [row.id for row in rows], query.date or LAST_DATE)


def _entry(
    entry: Ranked, points: int, days: Mapping[int, HistoryRows], figures: Mapping[int, metrics_pb2.PortfolioMetrics]
) -> portfolio_pb2.LeaderboardEntry:
    """Return a portfolio's place with what was asked for beside it."""
    standing = convert.standing(entry.row, entry.rank, figures.get(entry.row.id))
    if points:
        standing.curve.extend(thinned(days[entry.row.id].values, points))
        standing.curve_dates.extend(thinned(days[entry.row.id].dates, points))
    return standing


def _metrics(
    db: SqliteDatabase,
    rows: Sequence[StandingRow],
    query: _Query,
    days: Mapping[int, HistoryRows],
    quotes: Sequence[Quote] | None,
) -> dict[int, metrics_pb2.PortfolioMetrics]:
    """Return the figures of all stored days of some portfolios, by portfolio."""
    traded = portfolios.traded(db, [row.id for row in rows], FIRST_DATE, query.date or LAST_DATE)
    figures = {}
    for row in rows:
        if not days[row.id].dates:  # a cleanup removed them all
            continue
        life = history(row.initial_cash, days[row.id], 0, traded.get(row.id, TradedRow()), query.benchmark, quotes)
        figures[row.id] = convert_metrics.metrics(measure(life, with_intervals=False), query.benchmark)
    return figures


def _benchmark(
    db: SqliteDatabase, query: _Query, quotes: Sequence[Quote], *, with_metrics: bool
) -> portfolio_pb2.LeaderboardEntry:
    """Return what the initial cash of the first portfolio is worth in the benchmark.

    Raises:
        NoDataError: its prices begin later.
    """
    lives = portfolios.lives(db, query.experiment, query.date or LAST_DATE)
    life = min(lives, key=lambda life: life.first)
    last = max(life.last for life in lives)
    dates = [life.first, *(quote.date for quote in quotes if life.first < quote.date <= last and quote.close)]
    start, *prices = shares(query.benchmark, quotes, dates, None)
    values = [life.initial_cash * price / start for price in prices]
    row = StandingRow(
        id=0,
        model=query.benchmark,
        initial_cash=life.initial_cash,
        date=dates[-1],
        portfolio_value=round(values[-1], 6),
        trading_days=len(dates),
    )
    holding = History(
        start_value=life.initial_cash, dates=dates, values=values, cash=[0.0] * len(dates), traded=life.initial_cash
    )
    figures = convert_metrics.metrics(measure(holding, with_intervals=False), "") if with_metrics else None
    entry = convert.standing(row, 0, figures)
    entry.curve.extend(thinned(values, query.points))
    entry.curve_dates.extend(thinned(dates, query.points))
    return entry


def _token(request: simulation_pb2.GetLeaderboardRequest, page: Sequence[Ranked], place: Place | None) -> str:
    before = place[2] if place else 0
    return make_token(request, (page[-1].key, page[-1].row.model, before + len(page), page[-1].rank))
