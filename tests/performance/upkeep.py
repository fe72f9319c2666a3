"""`db check`, `db backup` and `db cleanup` of half of a database of a million position rows, others at work beside."""

import json
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
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
    _, alone, writes_alone = _beside(path, lambda: sleep(ALONE))
    removed, reads, writes = _beside(path, lambda: _command("cleanup", path, "--older-than", "2024-12-31"))
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
        at_most(
            "cleanup_longest_read",
            max(reads),
            LONGEST_READ,
            "ms",
            "longest read of another process meanwhile: a leaderboard and a series of 100 days",
            **spread(reads),
            without=spread(alone),
        ),
        plain(
            "cleanup_longest_write",
            max(writes),
            "ms",
            "longest write of another process meanwhile",
            **spread(writes),
            without=spread(writes_alone),
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
        half = ROWS // POSITIONS_PER_JOB // 2
        sql = "UPDATE jobs SET completed_at = '2024-01-01T00:00:00.000000Z' WHERE job_id IN"
        connection.execute(f"{sql} (SELECT job_id FROM jobs ORDER BY job_id LIMIT ?)", (half,))
    return half


def _beside(path: Path, work: Callable[[], T]) -> tuple[T, list[float], list[float]]:
    """Do some work beside a reader and a writer, and return how long each of their calls took, in milliseconds."""
    reads: list[float] = []
    writes: list[float] = []
    with _repeated(lambda: _reading(path, reads)), _repeated(lambda: _writing(path, writes)):
        return work(), reads, writes


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


def _reading(path: Path, milliseconds: list[float]) -> Iterator[None]:
    db = open_existing(path)
    with closing(db):
        number = 0
        while True:
            began = monotonic()
            (row, *_) = portfolios.standings(db, f"filled-{number % 200}", as_of=None, limit=10)
            portfolios.series(db, row.id, "2024-01-01", "2024-12-31", 100)
            milliseconds.append((monotonic() - began) * 1000)
            number += 1
            yield


def _writing(path: Path, milliseconds: list[float]) -> Iterator[None]:
    db = open_existing(path, writable=True)
    with closing(db):
        while True:
            began = monotonic()
            with db.atomic("IMMEDIATE"):
                db.execute_sql("UPDATE portfolios SET created_at = created_at WHERE id = 1")
            milliseconds.append((monotonic() - began) * 1000)
            yield
