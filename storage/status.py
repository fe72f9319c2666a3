"""How much there is: the size of the file, rows by table, jobs by status, the models that traded most."""

from dataclasses import dataclass
from pathlib import Path

from peewee import SqliteDatabase

#: models that are named
TOP = 10

_MODELS = """
    SELECT model, SUM(trading_days), COUNT(*) FROM portfolios GROUP BY model ORDER BY 2 DESC, model LIMIT ?
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCount:
    """A model, the trading days of its portfolios and how many of them it has."""

    model: str
    trading_days: int
    portfolios: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageStatus:
    """What a database holds; `bytes` with its journal, `free_bytes` are those that `db vacuum` would give back."""

    bytes: int
    free_bytes: int
    rows: dict[str, int]
    jobs: dict[str, int]
    models: tuple[ModelCount, ...]


def storage_status(db: SqliteDatabase) -> StorageStatus:
    """Count everything; some hundred milliseconds for a million positions."""
    with db.atomic("DEFERRED"):
        tables = sorted(name for name in db.get_tables() if name != "schema_migrations")
        models = db.execute_sql(_MODELS, (TOP,))
        return StorageStatus(
            bytes=_bytes(Path(db.database)),
            free_bytes=_number(db, "PRAGMA freelist_count") * _number(db, "PRAGMA page_size"),
            rows={name: _number(db, f"SELECT COUNT(*) FROM {name}") for name in tables},
            jobs=dict(db.execute_sql("SELECT status, COUNT(*) FROM jobs GROUP BY status ORDER BY status")),
            models=tuple(ModelCount(model=name, trading_days=days, portfolios=own) for name, days, own in models),
        )


def _bytes(path: Path) -> int:
    files = (path, path.with_name(f"{path.name}-wal"))
    return sum(file.stat().st_size for file in files if file.exists())


def _number(db: SqliteDatabase, sql: str) -> int:
    return int(db.execute_sql(sql).fetchone()[0])
