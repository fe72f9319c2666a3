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

#: the same size, made up
SYNTHETIC = ("--symbols", "101", "--days", "106", "--seed", "1", "--start", "2025-06-02")

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
        path, source = self.folder / "imported.db", REAL_PRICES
        if not source.exists():
            source = self.folder / "prices.csv"
            self._command("prices", "generate", str(source), *SYNTHETIC)
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
        content = {
            "date_range": {"init_date": self.dates[0], "end_date": self.dates[dates - 1]},
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
