"""Where measurements happen: a folder with databases, configs and logs that is gone afterwards."""

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, closing
from functools import cached_property
from pathlib import Path
from typing import Any

from tests.performance.process import ROOT, SERVE, ServerProcess, clean_environment, serving

#: real prices, where the project keeps them
REAL_PRICES = ROOT.parent / "shared" / "data" / "merged.jsonl"

#: symbols and dates of the same size, made up
SYMBOLS, DAYS = 101, 106

INITIAL_CASH = 100_000.0


class Workbench:
    """A folder, the length of a measuring window in seconds, and prices."""

    def __init__(self, folder: Path, seconds: float) -> None:
        self.folder = folder
        self.seconds = seconds
        (folder / "configs").mkdir()
        self._servers = 0

    @property
    def prices_source(self) -> str:
        """Say where the prices come from."""
        return "real prices of shared/data" if REAL_PRICES.exists() else "MADE-UP prices, as shared/data was not found"

    @cached_property
    def _imported(self) -> Path:
        if not REAL_PRICES.exists():
            return self.made_up("imported", SYMBOLS, DAYS)
        path = self.folder / "imported.db"
        self._command("prices", "import", str(REAL_PRICES), "--db", str(path))
        return path

    def made_up(self, name: str, symbols: int, days: int) -> Path:
        """Return a database of its own with made-up prices and nothing else."""
        source, path = self.folder / f"{name}.csv", self.folder / f"{name}.db"
        size = ("--symbols", str(symbols), "--days", str(days), "--seed", "1", "--start", "2025-06-02")
        self._command("prices", "generate", str(source), *size)
        self._command("prices", "import", str(source), "--db", str(path))
        return path

    @cached_property
    def dates(self) -> list[str]:
        """Dates with prices, ascending."""
        with closing(sqlite3.connect(self._imported)) as connection:
            return [row[0] for row in connection.execute("SELECT DISTINCT date FROM price_bars ORDER BY date")]

    def database(self, name: str) -> Path:
        """Return a database of its own with prices and nothing else."""
        return Path(shutil.copy(self._imported, self.folder / f"{name}.db"))

    def config(self, name: str, models: Sequence[Mapping[str, Any]], dates: int) -> str:
        """Write a config over the first `dates` dates and return its path for Trigger."""
        return self.config_between(name, models, self.dates[0], self.dates[dates - 1])

    def config_between(self, name: str, models: Sequence[Mapping[str, Any]], first: str, last: str) -> str:
        """Write a config over the dates with prices from the first to the last and return its path for Trigger."""
        content = {
            "date_range": {"init_date": first, "end_date": last},
            "models": [{"enabled": True, **model} for model in models],
            "agent_config": {"initial_cash": INITIAL_CASH},
        }
        (self.folder / "configs" / name).write_text(json.dumps(content), encoding="utf-8")
        return name

    def serve(
        self, database: Path, program: tuple[str, ...] = SERVE, **options: object
    ) -> AbstractContextManager[ServerProcess]:
        """Start a server on a database."""
        self._servers += 1
        port = {"port": 0} if program == SERVE else {}
        log = self.folder / f"server-{self._servers}.log"
        return serving(log, program, db=database, configs=self.folder / "configs", data=self.folder, **port, **options)

    def _command(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "server", *arguments]
        subprocess.run(command, cwd=ROOT, env=clean_environment(), check=True, stdout=subprocess.DEVNULL)


def rule(signature: str, kind: str, **parameters: object) -> dict[str, Any]:
    """Return a rule strategy's entry in a config."""
    return {"signature": signature, "basemodel": f"rule/{kind}", "parameters": parameters}


#: six models, one of each kind
SIX = (
    rule("cash", "hold-cash"),
    rule("buy-and-hold", "buy-and-hold"),
    rule("equal-weight", "equal-weight"),
    rule("momentum", "momentum"),
    rule("mean-reversion", "mean-reversion"),
    rule("random", "random", seed=7),
)
