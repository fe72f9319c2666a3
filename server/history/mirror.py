"""Files of earlier versions kept beside the database: derived from what is committed, and never ahead of it.

A pass looks at where each portfolio's chain ends and appends what its file lacks. What does not fit (the first pass of
a process, days that were replaced, a file that somebody changed) is derived anew as a whole.
"""

import asyncio
import json
import os
from contextlib import suppress
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

import structlog
from peewee import DatabaseError, SqliteDatabase

from server.history.errors import HistoryError
from server.history.export import write_logs
from server.history.run_files import PositionLines
from server.history.run_folder import POSITIONS
from server.history.whole_file import whole_file
from storage import exports
from storage.mirrors import MirroredPortfolio, mirrored_portfolios, stands

#: seconds between two passes at least, so that a busy job costs one look for many commits
PAUSE = 0.1

logger = structlog.get_logger(__name__)


@dataclass(slots=True, kw_only=True)
class _Written:
    """A file as it was left: up to which trading day, and how many bytes."""

    lines: PositionLines
    size: int
    last_day: str = ""
    position_id: int = 0


class Mirror:
    """Keeps files below the data folder in step with the portfolios whose config asks for it."""

    def __init__(self, db: SqliteDatabase, data_dir: Path) -> None:
        self._db = db
        self._data_dir = data_dir
        self._written: dict[int, _Written] = {}
        self._committed = asyncio.Event()

    def wake(self) -> None:
        """Say that something was committed."""
        self._committed.set()

    async def run(self) -> None:
        """Make up for what a former process left undone, then follow the commits, for ever."""
        while True:
            self._committed.clear()
            await asyncio.to_thread(self.catch_up)
            await asyncio.sleep(PAUSE)
            await self._committed.wait()

    def catch_up(self) -> None:
        """Write what files lack; one that cannot be written is told of, and stops no other."""
        try:
            with self._db.atomic():  # one moment of the database, whatever is committed meanwhile
                for mirrored in mirrored_portfolios(self._db):
                    self._follow(mirrored)
        except DatabaseError as error:
            logger.warning("mirror_failed", error=str(error))

    def _follow(self, mirrored: MirroredPortfolio) -> None:
        known = self._written.get(mirrored.portfolio.id)
        # ids of positions that a cleanup removed are given again
        if known is not None and (known.last_day, known.position_id) == (mirrored.last_day, mirrored.position_id):
            return
        try:
            path = self._folder(mirrored) / POSITIONS
            if known is not None and self._continues(known, mirrored, path):
                self._append(known, mirrored, path)
            else:
                known = self._derive(mirrored, path)
        except (HistoryError, OSError) as error:
            facts = {"experiment": mirrored.experiment, "model": mirrored.portfolio.model}
            logger.warning("run_files_not_written", **facts, error=str(error))
            known = _Written(lines=PositionLines(mirrored.portfolio), size=-1)
        known.last_day, known.position_id = mirrored.last_day, mirrored.position_id
        self._written[mirrored.portfolio.id] = known

    def _append(self, known: _Written, mirrored: MirroredPortfolio, path: Path) -> None:
        rows = exports.actions(self._db, mirrored.portfolio.id, known.last_day)
        lines = b"".join(known.lines.lines(rows))
        with path.open("ab", buffering=0) as file:
            file.write(lines)
            os.fsync(file.fileno())
        known.size += len(lines)
        self._write_logs(mirrored, path, known.last_day)

    def _derive(self, mirrored: MirroredPortfolio, path: Path) -> _Written:
        lines = PositionLines(mirrored.portfolio)
        opening = lines.opening()
        _refuse_strange(path, opening)
        removed = _removed_lines(path, lines, mirrored.portfolio.removed_through)
        with whole_file(path) as file:
            file.writelines(removed or [opening])
            file.writelines(lines.lines(exports.actions(self._db, mirrored.portfolio.id)))
            size = file.tell()
        self._write_logs(mirrored, path, "")
        return _Written(lines=lines, size=size)

    def _write_logs(self, mirrored: MirroredPortfolio, path: Path, after: str) -> None:
        for _ in write_logs(self._db, mirrored.portfolio, path.parents[1], after):
            pass

    def _continues(self, known: _Written, mirrored: MirroredPortfolio, path: Path) -> bool:
        """Tell whether the file is as it was left, and the chain goes on from there."""
        if not path.is_file() or path.stat().st_size != known.size:
            return False
        return stands(self._db, mirrored.portfolio.id, known.last_day, known.position_id)

    def _folder(self, mirrored: MirroredPortfolio) -> Path:
        """Return the folder of a model; experiments other than the default one have folders of their own."""
        other = "" if mirrored.experiment == "default" else f"-{mirrored.experiment}"
        root = self._data_dir.resolve()
        folder = (root / f"{mirrored.log_path}{other}" / mirrored.portfolio.model).resolve()
        if not folder.is_relative_to(root):
            raise HistoryError(f"'{mirrored.log_path}' leads out of the data folder")
        return folder


def _refuse_strange(path: Path, opening: bytes) -> None:
    """Refuse to replace a file that was not derived from this portfolio: it may be all that is left of a run."""
    if not path.exists():
        return
    with path.open("rb") as file:
        if file.readline(len(opening) + 1) != opening:
            raise HistoryError(f"'{path.name}' of another run is there already; import it, and move it away")


def _removed_lines(path: Path, lines: PositionLines, through: str | None) -> list[bytes]:
    """Return what the file tells of the days that a cleanup removed from the database, and go on after it.

    Raises:
        HistoryError: the file does not have them all.
    """
    if through is None:
        return []
    kept: list[bytes] = []
    with suppress(FileNotFoundError, ValueError, KeyError, TypeError), path.open("rb") as file:
        kept.extend(takewhile(lambda line: json.loads(line)["date"] <= through, file))
        if json.loads(kept[-1])["date"] == through:
            lines.go_on(kept[-1])
            return kept
    raise HistoryError(f"'{path.name}' lacks trading days up to {through}, which a cleanup removed from the database")
