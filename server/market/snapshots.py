"""The prices of the moment, kept in memory and in a file that worker processes map.

A snapshot never changes. When prices were imported since the last one, the next caller gets a new one; jobs that are
running keep theirs.
"""

import threading
from dataclasses import dataclass
from pathlib import Path

from peewee import SqliteDatabase

from server.engine.prices import PriceTable
from server.market.price_store import load, save_table
from storage.prices import version


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Prices as they were at one moment; `name` is that of the file in the snapshots folder."""

    name: str
    prices: PriceTable


class Snapshots:
    """Makes a snapshot whenever the prices have changed. Its methods block: call them in a thread."""

    def __init__(self, db: SqliteDatabase, folder: Path) -> None:
        self._db = db
        self._folder = folder
        self._lock = threading.Lock()
        self._latest: tuple[int, Snapshot] | None = None

    def current(self) -> Snapshot:
        """Return a snapshot of the prices as they are now."""
        with self._lock:
            imported = version(self._db)
            if self._latest is None or self._latest[0] != imported:
                self._latest = imported, self._take()
            return self._latest[1]

    def _take(self) -> Snapshot:
        prices = load(self._db)
        name = prices.digest
        save_table(prices, self._folder / name)
        return Snapshot(name=name, prices=prices)
