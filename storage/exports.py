"""Portfolios of an experiment, row by row, for files: what is read does not gather in memory."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from peewee import SqliteDatabase


class ActionRow(NamedTuple):
    """A stored position of a portfolio, with its shares by symbol; money in dollars."""

    date: str
    action_id: int
    action_type: str
    symbol: str | None
    amount: int | None
    price: float | None
    cash: float
    holdings: dict[str, int]


class MessageRow(NamedTuple):
    """A stored message of the session that ended in a trading day."""

    date: str
    timestamp: str
    role: str
    content: str | None
    tool_name: str | None
    tool_call_id: str | None
    arguments: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedPortfolio:
    """A portfolio with trading days; `definition` is JSON, money in dollars.

    `first_day` is the first it ever had; a cleanup removed its rows up to `removed_through`.
    """

    id: int
    model: str
    definition: str
    initial_cash: float
    first_day: str
    removed_through: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportTable:
    """A table as it is exported: names and types of its columns (`TEXT`, `INTEGER`, `REAL`), and what gives them."""

    name: str
    columns: tuple[tuple[str, str], ...]
    source: str

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(name for name, _ in self.columns)


_PORTFOLIOS = """
    SELECT p.id, p.model, p.definition, p.initial_cash, COALESCE(c.first_day, MIN(t.date)), c.date
    FROM portfolios p JOIN trading_days t ON t.portfolio_id = p.id
    LEFT JOIN carried_states c ON c.portfolio_id = p.id
    WHERE p.experiment = ? GROUP BY p.id ORDER BY p.model
"""
_DAYS = "FROM trading_days t JOIN portfolios p ON p.id = t.portfolio_id"
_ACTIONS = f"""
    SELECT t.date, r.action_id, r.action_type, r.symbol, r.amount, r.price, r.cash,
        (SELECT json_group_object(symbol, quantity) FROM holdings h WHERE h.position_id = r.id)
    {_DAYS} JOIN positions r ON (r.job_id, r.date, r.model) = (t.job_id, t.date, p.model)
    WHERE t.portfolio_id = ? AND t.date > ? ORDER BY t.date, r.action_id
"""
_MESSAGES = f"""
    SELECT t.date, m.timestamp, m.role, m.content, m.tool_name, m.tool_call_id, m.arguments
    {_DAYS} JOIN job_details d ON (d.job_id, d.date, d.model) = (t.job_id, t.date, p.model)
    JOIN reasoning_logs m ON (m.job_id, m.date, m.model, m.attempt) = (d.job_id, d.date, d.model, d.attempt)
    WHERE t.portfolio_id = ? AND t.date > ? ORDER BY t.date, m.step_number
"""
_OF_DAY = (("model", "TEXT"), ("date", "TEXT"))
_VALUES = (
    ("portfolio_value", "REAL"),
    ("daily_profit", "REAL"),
    ("daily_return_pct", "REAL"),
    ("cumulative_profit", "REAL"),
    ("cumulative_return_pct", "REAL"),
)
_ORDER = (("symbol", "TEXT"), ("amount", "INTEGER"), ("price", "REAL"), ("commission", "REAL"), ("slippage", "REAL"))
_POSITION = f"{_DAYS} JOIN positions r ON (r.job_id, r.date, r.model) = (t.job_id, t.date, p.model)"

TABLES = (
    ExportTable(name="trading_days", columns=(*_OF_DAY, ("cash", "REAL"), *_VALUES), source=f"t {_DAYS}"),
    ExportTable(
        name="positions",
        columns=(*_OF_DAY, ("action_id", "INTEGER"), ("action_type", "TEXT"), *_ORDER, ("cash", "REAL"), *_VALUES),
        source=f"r {_POSITION}",
    ),
    ExportTable(
        name="holdings",
        columns=(*_OF_DAY, ("action_id", "INTEGER"), ("symbol", "TEXT"), ("quantity", "INTEGER")),
        source=f"h {_POSITION} JOIN holdings h ON h.position_id = r.id",
    ),
    ExportTable(
        name="fills",
        columns=(*_OF_DAY, ("action_id", "INTEGER"), ("action_type", "TEXT"), *_ORDER),
        source=f"r {_POSITION} AND r.action_type IN ('buy', 'sell')",
    ),
)


def exported_portfolios(db: SqliteDatabase, experiment: str, models: Sequence[str]) -> list[ExportedPortfolio]:
    """Return the portfolios of an experiment that have trading days, by model; all where none is named."""
    return [
        ExportedPortfolio(
            id=row[0], model=row[1], definition=row[2], initial_cash=row[3], first_day=row[4], removed_through=row[5]
        )
        for row in db.execute_sql(_PORTFOLIOS, (experiment,))
        if not models or row[1] in models
    ]


def actions(db: SqliteDatabase, portfolio_id: int, after: str = "") -> Iterator[ActionRow]:
    """Give the positions of a portfolio after a date, in their order."""
    for row in db.execute_sql(_ACTIONS, (portfolio_id, after)):
        yield ActionRow._make((*row[:-1], json.loads(row[-1])))


def messages(db: SqliteDatabase, portfolio_id: int, after: str = "") -> Iterator[MessageRow]:
    """Give the messages of the sessions behind a portfolio's trading days after a date, in their order."""
    return map(MessageRow._make, db.execute_sql(_MESSAGES, (portfolio_id, after)))


def table_rows(db: SqliteDatabase, table: ExportTable, portfolio_id: int) -> Iterator[tuple[Any, ...]]:
    """Give the rows of a table that belong to a portfolio, by date, then action."""
    alias, _, source = table.source.partition(" ")
    own = {"model": "p.model", "date": "t.date", "action_id": "r.action_id"}
    columns = ", ".join(own.get(name, f"{alias}.{name}") for name in table.names)
    order = "t.date" if alias == "t" else "t.date, r.action_id" + (", h.symbol" if alias == "h" else "")
    return iter(db.execute_sql(f"SELECT {columns} {source} WHERE t.portfolio_id = ? ORDER BY {order}", (portfolio_id,)))
