"""`db check`, `db backup` and `db cleanup` of half of a database of a million position rows, others at work beside."""

import json
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from time import monotonic, sleep
from typing import Any, TypeVar

from storage import portfolios
from storage.database import open_existing
from tests.performance.figure import Figure, at_most, plain, spread
from tests.performance.filling import POSITIONS_PER_JOB, fill
from tests.performance.process import ROOT
from tests.performance.workbench import Workbench

T = TypeVar("T")

ROWS = 1_000_000
EXPERIMENTS = ROWS // POSITIONS_PER_JOB

#: seconds between two calls of a reader, or of a writer
INTERVAL = 0.002

#: seconds for which reader and writer are measured without a cleanup, for comparison
ALONE = 20.0

#: milliseconds for which a reader may be blocked
LONGEST_READ = 100.0


def measure(bench: Workbench) -> list[Figure]:
    """Measure one after the other on the same database."""
    path = bench.database("upkeep")
    fill(path, ROWS)
    half = _age_half(path)
    checked = _command("check", path)
    backup = _command("backup", path)
    alone, beside = _Beside(), _Beside()
    alone.work(path, lambda: sleep(ALONE))
    removed = beside.work(path, lambda: _command("cleanup", path, "--older-than", "2024-12-31"))
    again = _command("check", path)
    rows = removed.told["rows"]
    how = f"database of {ROWS:,} position rows"
    return [
        plain("check_seconds", checked.seconds, "s", f"`db check` of a {how}", sound=checked.told["sound"]),
        plain("backup_seconds", backup.seconds, "s", f"`db backup` of a {how}", bytes=backup.told["bytes"]),
        plain(
            "cleanup_seconds",
            removed.seconds,
            "s",
            f"`db cleanup` of {half} jobs, half of a {how}, a reader and a writer beside",
            rows=rows,
            sound=again.told["sound"],
        ),
        *_longest(beside, alone),
    ]


def _longest(beside: "_Beside", alone: "_Beside") -> list[Figure]:
    """Return how long reads and writes beside a cleanup took at most."""
    return [
        at_most(
            "cleanup_longest_read",
            max(beside.reads),
            LONGEST_READ,
            "ms",
            "longest read of another process meanwhile: a leaderboard and a series of 100 days; `turns` is how long a"
            " sum took between the reads, which tells how long that process waited for a processor",
            **spread(beside.reads),
            turns=spread(beside.turns),
            without=spread(alone.reads),
        ),
        plain(
            "cleanup_longest_write",
            max(beside.writes),
            "ms",
            "longest write of another process meanwhile",
            **spread(beside.writes),
            without=spread(alone.writes),
        ),
    ]


class _Ran:
    """What a command printed as JSON, and how long it took."""

    def __init__(self, told: dict[str, Any], seconds: float) -> None:
        self.told = told
        self.seconds = seconds


def _command(name: str, path: Path, *arguments: str) -> _Ran:
    command = [sys.executable, "-m", "server", "db", name, *arguments, "--db", str(path), "--json"]
    began = monotonic()
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return _Ran(json.loads(done.stdout), monotonic() - began)


def _age_half(path: Path) -> int:
    """Let every other job have ended a year before the others."""
    with closing(sqlite3.connect(path)) as connection, connection:
        half = EXPERIMENTS // 2
        sql = "UPDATE jobs SET completed_at = '2024-01-01T00:00:00.000000Z' WHERE job_id IN"
        connection.execute(f"{sql} (SELECT job_id FROM jobs ORDER BY job_id LIMIT ?)", (half,))
    return half


class _Beside:
    """A reader and a writer at work: how long each call took, in milliseconds, and a sum that touches no database."""

    def __init__(self) -> None:
        self.reads: list[float] = []
        self.turns: list[float] = []
        self.writes: list[float] = []

    def work(self, path: Path, work: Callable[[], T]) -> T:
        """Do some work beside them."""
        with _repeated(lambda: self._reading(path)), _repeated(lambda: self._writing(path)):
            return work()

    def _reading(self, path: Path) -> Iterator[None]:
        with closing(open_existing(path)) as db:
            for number in count():
                with _timed(self.reads):
                    (row, *_) = portfolios.standings(db, f"filled-{number % EXPERIMENTS}", as_of=None, limit=10)
                    portfolios.series(db, row.id, "2024-01-01", "2024-12-31", 100)
                with _timed(self.turns):
                    sum(range(20_000))
                yield

    def _writing(self, path: Path) -> Iterator[None]:
        with closing(open_existing(path, writable=True)) as db:
            while True:
                with _timed(self.writes), db.atomic("IMMEDIATE"):
                    db.execute_sql("UPDATE portfolios SET created_at = created_at WHERE id = 1")
                yield


@contextmanager
def _timed(milliseconds: list[float]) -> Iterator[None]:
    began = monotonic()
    yield
    milliseconds.append((monotonic() - began) * 1000)


@contextmanager
def _repeated(calls: Callable[[], Iterator[None]]) -> Iterator[None]:
    """Do calls on a thread of its own until the block ends."""
    over = threading.Event()

    def work() -> None:
        for _ in calls():
            sleep(INTERVAL)
            if over.is_set():
                return

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
