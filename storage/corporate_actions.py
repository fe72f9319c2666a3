"""Corporate actions as stored, and which symbols have prices that are adjusted for them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from peewee import OperationalError, SqliteDatabase

from storage.database import insert_many, timestamp
from storage.errors import StorageBusyError
from storage.prices import INSERT_IMPORT


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionRow:
    """A split of `numerator` for `denominator` shares, or a dividend of `amount_micros` (1e-6 dollars) per share."""

    symbol: str
    ex_date: str
    kind: str
    numerator: int
    denominator: int
    amount_micros: int
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionCounts:
    """What an import did to the stored actions; `differing` are those that contradict stored ones."""

    added: int
    unchanged: int
    differing: tuple[ActionRow, ...] = ()


_COLUMNS = ("symbol", "ex_date", "kind", "numerator", "denominator", "amount_micros")
_ALL = f"""
    SELECT {", ".join(_COLUMNS)}, i.source
    FROM corporate_actions JOIN price_imports i ON i.id = import_id ORDER BY ex_date, kind DESC, symbol
"""
_MARK = "INSERT OR IGNORE INTO adjusted_symbols (symbol, import_id) VALUES (?, ?)"
_MIXED = "SELECT DISTINCT a.symbol FROM adjusted_symbols a JOIN corporate_actions c ON c.symbol = a.symbol ORDER BY 1"


def find_actions(db: SqliteDatabase) -> list[ActionRow]:
    """Return every action by ex-date; of a date the splits first."""
    return [
        ActionRow(
            symbol=row[0],
            ex_date=row[1],
            kind=row[2],
            numerator=row[3],
            denominator=row[4],
            amount_micros=row[5],
            source=row[6],
        )
        for row in db.execute_sql(_ALL)
    ]


def import_actions(db: SqliteDatabase, source: str, actions: Sequence[ActionRow], now: datetime) -> ActionCounts:
    """Store new actions, all or none: none when one contradicts a stored one. Joins the transaction that is open.

    Raises:
        StorageBusyError: another process kept the database locked.
    """
    try:
        with db.atomic("IMMEDIATE"):
            return _import(db, source, actions, now)
    except OperationalError as error:
        raise StorageBusyError(f"corporate actions could not be imported: {error}") from error


def mixed_symbols(db: SqliteDatabase) -> list[str]:
    """Return the symbols that have both adjusted prices and corporate actions."""
    return [symbol for (symbol,) in db.execute_sql(_MIXED)]


def is_adjusted(db: SqliteDatabase, symbol: str) -> bool:
    """Tell whether the prices of a symbol are marked as adjusted."""
    return db.execute_sql("SELECT 1 FROM adjusted_symbols WHERE symbol = ?", (symbol,)).fetchone() is not None


def mark_adjusted(db: SqliteDatabase, symbols: Sequence[str], source: str, now: datetime) -> None:
    """Remember, in the transaction that is open or one of its own, that the prices of some symbols are adjusted.

    Raises:
        StorageBusyError: another process kept the database locked.
    """
    try:
        with db.atomic("IMMEDIATE"):
            row = db.execute_sql(INSERT_IMPORT, (timestamp(now), source, 0, 0, 0))
            db.connection().executemany(_MARK, [(symbol, row.lastrowid) for symbol in symbols])
    except OperationalError as error:
        raise StorageBusyError(f"prices could not be marked as adjusted: {error}") from error


def _import(db: SqliteDatabase, source: str, actions: Sequence[ActionRow], now: datetime) -> ActionCounts:
    stored = {(row.symbol, row.ex_date, row.kind): _terms(row) for row in find_actions(db)}
    known = [action for action in actions if (action.symbol, action.ex_date, action.kind) in stored]
    differing = [row for row in known if stored[row.symbol, row.ex_date, row.kind] != _terms(row)]
    new = [action for action in actions if (action.symbol, action.ex_date, action.kind) not in stored]
    if differing or not new:
        return ActionCounts(added=0, unchanged=len(known) - len(differing), differing=tuple(differing))
    # prices and actions are one snapshot, and an import of either makes the next job take a new one
    import_id = db.execute_sql(INSERT_IMPORT, (timestamp(now), source, len(new), 0, 0)).lastrowid
    rows = ((row.symbol, row.ex_date, row.kind, *_terms(row), import_id) for row in new)
    insert_many(db, "corporate_actions", (*_COLUMNS, "import_id"), rows)
    return ActionCounts(added=len(new), unchanged=len(known))


def _terms(row: ActionRow) -> tuple[int, int, int]:
    return row.numerator, row.denominator, row.amount_micros
