"""Portfolios whose files of earlier versions are kept up to date: those whose last day's job asks for it."""

from typing import NamedTuple

from peewee import SqliteDatabase

from storage.exports import ExportedPortfolio


class MirroredPortfolio(NamedTuple):
    """A portfolio to be mirrored below `log_path`, and where its chain ends."""

    portfolio: ExportedPortfolio
    experiment: str
    log_path: str
    last_day: str
    position_id: int


_MIRRORED = """
    SELECT p.id, p.model, p.definition, p.initial_cash,
        COALESCE(c.first_day, (SELECT MIN(date) FROM trading_days WHERE portfolio_id = p.id)), c.date, p.experiment,
        json_extract(j.spec, '$.log_path'), p.last_day, t.position_id
    FROM portfolios p JOIN trading_days t ON t.portfolio_id = p.id AND t.date = p.last_day
    JOIN jobs j ON j.job_id = t.job_id LEFT JOIN carried_states c ON c.portfolio_id = p.id
    WHERE json_extract(j.spec, '$.log_path') IS NOT NULL ORDER BY p.id
"""


def mirrored_portfolios(db: SqliteDatabase) -> list[MirroredPortfolio]:
    """Return the portfolios that are to be mirrored."""
    return [
        MirroredPortfolio(
            ExportedPortfolio(
                id=row[0],
                model=row[1],
                definition=row[2],
                initial_cash=row[3],
                first_day=row[4],
                removed_through=row[5],
            ),
            *row[6:],
        )
        for row in db.execute_sql(_MIRRORED)
    ]


def stands(db: SqliteDatabase, portfolio_id: int, date: str, position_id: int) -> bool:
    """Tell whether a trading day is still there as it was: one that was replaced has another position."""
    sql = "SELECT 1 FROM trading_days WHERE portfolio_id = ? AND date = ? AND position_id = ?"
    return db.execute_sql(sql, (portfolio_id, date, position_id)).fetchone() is not None
