"""Recorded runs imported: how long 200,000 records take, and how much memory."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path
from random import Random
from typing import Any

from server.engine.money import MICROS
from server.engine.prices import PriceTable
from server.market.price_import import import_prices
from server.market.price_store import load
from server.market.synthetic import SyntheticMarket, write_csv
from storage.database import open_database
from tests.performance.figure import Figure, at_most, plain
from tests.performance.process import ROOT, clean_environment
from tests.performance.workbench import Workbench

MODELS, RECORDS = 20, 10_000

#: records a trading day, about as many as models of the public runs left
A_DAY = 3.3

MARKET = SyntheticMarket(symbols=101, days=int(RECORDS / A_DAY) + 1, seed=1, start=date(2012, 1, 2))

INITIAL_CASH = 10_000_000

#: symbols held at most
HELD = 15


def measure(bench: Workbench) -> list[Figure]:
    """Measure the import of many models' files into an empty database with prices."""
    folder = bench.folder / "import"
    database = folder / "jobs.db"
    table = _market(folder, database)
    for number in range(MODELS):
        _write_run(table, folder / "agent_data" / f"model-{number}" / "position" / "position.jsonl", Random(number))
    costs = _import(folder, database)
    total = MODELS * RECORDS
    lists = f"each listing {len(table.symbols)} symbols"
    how = f"{total:,} records of {MODELS} models over {len(table.dates):,} dates, {lists}"
    return [
        at_most("import_seconds", costs["seconds"], 60, "s", f"{how}: the command `import-positions`"),
        at_most("import_cpu_seconds", costs["cpu_seconds"], 40, "s", "the same, processor time of its process"),
        at_most("import_peak_mib", costs["peak_mib"], 500, "MiB", "the same, most resident memory of its process"),
        plain("import_records_per_second", total / costs["seconds"], "1/s", "the same, records a second"),
    ]


def _market(folder: Path, database: Path) -> PriceTable:
    write_csv(MARKET, folder / "prices.csv")
    with closing(open_database(database)) as db:
        import_prices(db, [folder / "prices.csv"], datetime.now(UTC))
        return load(db)


def _import(folder: Path, database: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.performance.import_process", str(folder), "--db", str(database)]
    done = subprocess.run(command, cwd=ROOT, env=clean_environment(), check=True, stdout=subprocess.PIPE, text=True)
    costs: dict[str, float] = json.loads(done.stdout)
    return costs


def _write_run(table: PriceTable, path: Path, random: Random) -> None:
    path.parent.mkdir(parents=True)
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(record) + "\n" for record in _records(table, random))


def _records(table: PriceTable, random: Random) -> Iterator[dict[str, Any]]:
    """Give records as earlier versions wrote them: every symbol in every line, 0 where it is not held."""
    cash, held = INITIAL_CASH * MICROS, dict.fromkeys(table.symbols, 0)
    yield {"date": table.dates[0], "id": 0, "positions": {**held, "CASH": cash / MICROS}}
    for number in range(1, RECORDS):
        row = int(number / A_DAY)
        symbol, amount = _order(held, random)
        cash -= amount * int(table.open[row, table.symbol_index[symbol]])
        held[symbol] += amount
        action = {"action": "buy" if amount > 0 else "sell", "symbol": symbol, "amount": abs(amount)}
        positions = {**held, "CASH": cash / MICROS}
        yield {"date": table.dates[row], "id": number, "this_action": action, "positions": positions}


def _order(held: dict[str, int], random: Random) -> tuple[str, int]:
    """Return a symbol and how many shares of it to buy; fewer than 0 to sell what is held."""
    owned = [symbol for symbol, shares in held.items() if shares]
    if len(owned) == HELD or (owned and random.random() < 0.4):
        symbol = random.choice(owned)
        return symbol, -held[symbol]
    return random.choice(list(held)), random.randint(1, 3)
