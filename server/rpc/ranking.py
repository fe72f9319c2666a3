"""The order of portfolios by whatever they are ranked by."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import TypeAlias

from peewee import SqliteDatabase

from aitrader.v1 import simulation_pb2
from server.engine import metrics
from storage import portfolios
from storage.money import from_real
from storage.portfolios import StandingRow

#: portfolios whose curves are in memory at once
CHUNK = 200

#: the key, model, position and rank of the last entry of the page before
Place: TypeAlias = tuple[float, str, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """A portfolio with its rank and the figure behind it; -inf stands for a figure that it lacks."""

    row: StandingRow
    key: float
    rank: int


def ranked(
    db: SqliteDatabase, experiment: str, as_of: str | None, sort: int, place: Place | None, limit: int
) -> list[Ranked]:
    """Return portfolios after a place, best first, equals by model and sharing a rank."""
    after = place and place[:2]
    if sort in _FIGURES:
        rows = portfolios.standings(db, experiment, as_of=as_of, limit=-1)
        keys = _FIGURES[sort](db, rows, as_of)
        rows.sort(key=lambda row: (-keys[row.id], row.model))
        if after:
            rows = [row for row in rows if (-keys[row.id], row.model) > (-after[0], after[1])]
        rows = rows[:limit]
    else:
        rows = portfolios.standings(db, experiment, as_of=as_of, after=after, limit=limit)
        keys = {row.id: row.portfolio_value for row in rows}
    return list(_ranks(rows, keys, place))


def _ranks(rows: Sequence[StandingRow], keys: Mapping[int, float], place: Place | None) -> Iterator[Ranked]:
    """Yield each row with one more than the portfolios above it, equal keys sharing a rank."""
    last, _, before, rank = place or (None, "", 0, 0)
    for position, row in enumerate(rows, start=before + 1):
        rank = rank if keys[row.id] == last else position
        last = keys[row.id]
        yield Ranked(row=row, key=last, rank=rank)


def _returns(_: SqliteDatabase, rows: Sequence[StandingRow], __: str | None) -> dict[int, float]:
    """Return profit over initial cash, both exact, so that equal returns are equal and others are not."""
    return {
        row.id: float((from_real(row.portfolio_value) - from_real(row.initial_cash)) / from_real(row.initial_cash))
        for row in rows
    }


def _of_curves(figure: Callable[[metrics.Floats], float | None]) -> Callable[..., dict[int, float]]:
    """Make a function that returns a figure of the daily returns of each portfolio."""

    def keys(db: SqliteDatabase, rows: Sequence[StandingRow], as_of: str | None) -> dict[int, float]:
        found: dict[int, float] = {}
        for start in range(0, len(rows), CHUNK):
            chunk = rows[start : start + CHUNK]
            curves = portfolios.curves(db, [row.id for row in chunk], as_of)
            for row in chunk:
                values = curves[row.id] if row.removed_through else [row.initial_cash, *curves[row.id]]
                told = figure(metrics.daily_returns(values))
                found[row.id] = -inf if told is None else told
        return found

    return keys


_FIGURES: Mapping[int, Callable[[SqliteDatabase, list[StandingRow], str | None], dict[int, float]]] = {
    simulation_pb2.LEADERBOARD_SORT_RETURN: _returns,
    simulation_pb2.LEADERBOARD_SORT_SHARPE: _of_curves(metrics.sharpe_ratio),
    simulation_pb2.LEADERBOARD_SORT_DRAWDOWN: _of_curves(metrics.max_drawdown),
}
