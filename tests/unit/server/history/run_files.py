"""Position files of made-up runs, and the command over them."""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from server.__main__ import cli
from storage.database import open_database
from storage.prices import import_bars
from tests.service import small_market

MODEL = "m"

#: a run over the small market: UP opens at 10, 11, 12, FLAT at 100
RUN: tuple[dict[str, Any], ...] = (
    {"date": "2025-03-03", "id": 0, "positions": {"UP": 0, "FLAT": 0, "CASH": 1000.0}},
    {
        "date": "2025-03-03",
        "id": 1,
        "this_action": {"action": "buy", "symbol": "UP", "amount": 10},
        "positions": {"UP": 10, "FLAT": 0, "CASH": 900.0},
    },
    {
        "date": "2025-03-04",
        "id": 2,
        "this_action": {"action": "no_trade", "symbol": "", "amount": 0},
        "positions": {"UP": 10, "FLAT": 0, "CASH": 900.0},
    },
    {
        "date": "2025-03-05",
        "id": 3,
        "this_action": {"action": "sell", "symbol": "UP", "amount": 4, "price": 12.0},
        "positions": {"UP": 6, "FLAT": 0, "CASH": 947.9999999999999},
    },
    {
        "date": "2025-03-05",
        "id": 4,
        "this_action": {"action": "buy", "symbol": "FLAT", "amount": 2},
        "positions": {"UP": 6, "FLAT": 2, "CASH": 748.0},
    },
)


def changed(place: int, **fields: object) -> list[dict[str, Any]]:
    """Return the run with fields of one record replaced."""
    return [record | (fields if i == place else {}) for i, record in enumerate(RUN)]


def write_run(folder: Path, records: Iterable[Mapping[str, Any] | bytes] = RUN, model: str = MODEL) -> Path:
    """Write a position file; what is bytes already is a line as it stands."""
    path = folder / "agent_data" / model / "position" / "position.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = (record if isinstance(record, bytes) else json.dumps(record).encode() for record in records)
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return path


def write_log(folder: Path, date: str, *lines: object, model: str = MODEL) -> Path:
    """Write the log of a date."""
    path = folder / "agent_data" / model / "log" / date / "log.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    return path


def make_market(folder: Path) -> Path:
    """Make a database with the small market."""
    db = open_database(folder / "jobs.db")
    import_bars(db, "test", small_market(), (), datetime(2025, 11, 1, tzinfo=UTC))
    db.close()
    return folder / "jobs.db"


def command(folder: Path, name: str, *arguments: object) -> Result:
    """Run a command on the folder's database."""
    environment = {"AITRADER_DB": str(folder / "jobs.db")}
    return CliRunner().invoke(cli, [name, *map(str, arguments)], env=environment)


def import_runs(folder: Path, *arguments: object) -> Result:
    """Import the runs of a folder into its database."""
    return command(folder, "import-positions", folder, *arguments)


def contents(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Return every row of every table but SQLite's own statistics."""
    db = open_database(path)
    names = db.execute_sql("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'").fetchall()
    rows = {name: db.execute_sql(f"SELECT * FROM {name}").fetchall() for (name,) in names}
    db.close()
    return rows


def rows(path: Path, sql: str) -> list[tuple[Any, ...]]:
    """Return what a query finds."""
    db = open_database(path)
    found = db.execute_sql(sql).fetchall()
    db.close()
    return list(found)
