"""Which jobs a cleanup may remove: those that ended long ago, as far as no trading day that stays builds on theirs.

A portfolio is a chain, so its days can go from the front alone. A job goes whole or stays whole.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from peewee import SqliteDatabase

from storage.database import timestamp

#: of earlier versions a job may have no time at which it ended
ENDED_AT = "COALESCE(j.completed_at, j.updated_at, j.created_at)"

#: the jobs of a list, unless they were reopened meanwhile; takes the list as JSON and the time before which they ended
IS_REMOVABLE = f"""
    (j.job_id IN (SELECT value FROM json_each(?1)) AND j.status NOT IN ('pending', 'running') AND {ENDED_AT} < ?2)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Removable:
    """Jobs that may go, and those that ended before the time too but stay, each with the reason."""

    ended_before: datetime
    job_ids: tuple[str, ...]
    kept: Mapping[str, str]

    @property
    def values(self) -> tuple[str, str]:
        """What `IS_REMOVABLE` takes."""
        return json.dumps(self.job_ids), timestamp(self.ended_before)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Span:
    """The trading days of a job in a portfolio."""

    portfolio_id: int
    job_id: str
    first: str
    last: str


_ENDED = f"""
    SELECT j.job_id FROM jobs j WHERE j.status NOT IN ('pending', 'running') AND {ENDED_AT} < ?
    ORDER BY {ENDED_AT}, j.job_id
"""
_SPANS = "SELECT portfolio_id, job_id, MIN(date), MAX(date) FROM trading_days GROUP BY portfolio_id, job_id"
#: the first date on which the job that holds a portfolio may replace days
_HELD_FROM = """
    SELECT p.id, MIN(d.date) FROM portfolios p
    JOIN job_details d ON d.job_id = p.claimed_by AND d.model = p.model GROUP BY p.id
"""


def removable_jobs(db: SqliteDatabase, ended_before: datetime) -> Removable:
    """Return the jobs that ended before a time, apart from what others need."""
    with db.atomic("DEFERRED"):  # one snapshot of the database for all reads
        ended = [job_id for (job_id,) in db.execute_sql(_ENDED, (timestamp(ended_before),))]
        spans = [_Span(portfolio_id=row[0], job_id=row[1], first=row[2], last=row[3]) for row in db.execute_sql(_SPANS)]
        held_from: dict[int, str] = dict(db.execute_sql(_HELD_FROM))
    kept = _kept(set(ended), spans, held_from)
    return Removable(
        ended_before=ended_before,
        job_ids=tuple(job_id for job_id in ended if job_id not in kept),
        kept={job_id: kept[job_id] for job_id in ended if job_id in kept},
    )


def _kept(ended: set[str], spans: Iterable[_Span], held_from: Mapping[int, str]) -> dict[str, str]:
    """Return the ended jobs that have to stay; one that stays in a portfolio keeps those behind it in others."""
    chains: defaultdict[int, list[_Span]] = defaultdict(list)
    for span in spans:
        chains[span.portfolio_id].append(span)
    kept: dict[str, str] = {}
    before = -1
    while before != len(kept):
        before = len(kept)
        for portfolio_id, chain in chains.items():
            stays = [span.first for span in chain if span.job_id not in ended or span.job_id in kept]
            _keep(kept, chain, ended, min(stays, default=None), "trading days before its own have to stay")
            held = held_from.get(portfolio_id)
            _keep(kept, chain, ended, held, "an active job may replace trading days of it")
    return kept


def _keep(kept: dict[str, str], chain: Iterable[_Span], ended: set[str], first: str | None, reason: str) -> None:
    """Keep the jobs that have a day of a chain on a date or after it."""
    for span in chain:
        if first is not None and span.last >= first and span.job_id in ended:
            kept.setdefault(span.job_id, reason)
