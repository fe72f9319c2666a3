"""What sessions exchanged with vendors: stored with the attempt, found again for a replay.

Texts are kept once each, by their digest; a row of `recordings` names those of one exchange.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from peewee import SqliteDatabase

from storage.database import insert_many

#: (job_id, date, model, attempt)
Key: TypeAlias = tuple[str, str, str, int]

#: sessions that a replay of a model-day may answer from; sessions with equal contents count once
MAX_SESSIONS = 50

#: digests in one query
BATCH = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeRow:
    """A request and its answer by digests; of `parts` the first `shared` are those of the request before it."""

    vendor: str
    digest: str
    shared: int
    parts: tuple[tuple[str, str], ...]
    answer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingRows:
    """The exchanges of a session in order, and the texts they name, compressed."""

    basemodel: str
    exchanges: tuple[ExchangeRow, ...] = ()
    blobs: Mapping[str, bytes] = field(default_factory=dict, repr=False)


_COLUMNS = (
    "job_id",
    "date",
    "model",
    "attempt",
    "number",
    "basemodel",
    "vendor",
    "digest",
    "shared",
    "parts",
    "answer",
)
_TEXT = "INSERT OR IGNORE INTO recorded_texts (digest, content) VALUES (?, ?)"
_SESSION = """
    SELECT basemodel, vendor, digest, shared, parts, answer FROM recordings
    WHERE job_id = ? AND date = ? AND model = ? AND attempt = ? ORDER BY number
"""
#: of sessions with equal contents the newest; SQLite takes bare columns from the row of the maximum
_SESSIONS = """
    SELECT job_id, date, model, attempt, MAX(newest), basemodel FROM (
        SELECT r.job_id, r.date, r.model, r.attempt, MAX(r.id) AS newest, r.basemodel,
            group_concat(r.digest || r.answer) AS content
        FROM recordings r JOIN sessions s
            ON s.job_id = r.job_id AND s.date = r.date AND s.model = r.model AND s.attempt = r.attempt
        WHERE r.date = ? AND (r.basemodel = ? OR r.model = ?) AND s.outcome = 'succeeded'
        GROUP BY r.job_id, r.date, r.model, r.attempt
    ) GROUP BY content ORDER BY basemodel = ? DESC, 5 DESC LIMIT ?
"""
#: what recordings of other jobs than some, or after one, refer to
_USED = """
    SELECT * FROM (
        SELECT answer FROM recordings WHERE {condition}
        UNION SELECT json_extract(part.value, '$[1]') FROM recordings, json_each(parts) AS part WHERE {condition})
"""
_UNUSED = f"""
    SELECT digest FROM recorded_texts
    EXCEPT {_USED.format(condition="job_id NOT IN (SELECT value FROM json_each(?1))")}
"""
_REMOVE = f"""
    DELETE FROM recorded_texts
    WHERE digest IN (SELECT value FROM json_each(?1) EXCEPT {_USED.format(condition="recordings.id > ?2")})
"""


def store_recording(db: SqliteDatabase, key: Key, recording: RecordingRows) -> None:
    """Insert the exchanges of a session, inside the transaction that is open."""
    db.connection().executemany(_TEXT, recording.blobs.items())
    insert_many(
        db,
        "recordings",
        _COLUMNS,
        (
            (*key, number, recording.basemodel, row.vendor, row.digest, row.shared, json.dumps(row.parts), row.answer)
            for number, row in enumerate(recording.exchanges)
        ),
    )


def read_recording(db: SqliteDatabase, key: Key) -> RecordingRows | None:
    """Return the exchanges of a session; None when none are stored."""
    rows = list(db.execute_sql(_SESSION, key))
    if not rows:
        return None
    exchanges = [_exchange(row) for row in rows]
    named = {row.answer for row in exchanges} | {digest for row in exchanges for _, digest in row.parts}
    return RecordingRows(basemodel=rows[0][0], exchanges=tuple(exchanges), blobs=_texts(db, sorted(named)))


def find_recordings(db: SqliteDatabase, date: str, model: str, basemodel: str) -> list[RecordingRows]:
    """Return the recordings of sessions that succeeded on a date, of a kind of model or under a model's name.

    Those of the kind come first, and of these the newest.
    """
    keys = [row[:4] for row in db.execute_sql(_SESSIONS, (date, basemodel, model, basemodel, MAX_SESSIONS))]
    return [found for key in keys if (found := read_recording(db, key)) is not None]


def not_recorded(db: SqliteDatabase, job_id: str, models: Iterable[str]) -> list[tuple[str, str]]:
    """Return (date, model) of the completed model-days of some models of a job that have no recording."""
    names = list(models)
    sql = f"""
        SELECT d.date, d.model FROM job_details d
        WHERE d.job_id = ? AND d.status = 'completed' AND d.model IN ({", ".join("?" * len(names))})
            AND NOT EXISTS (
                SELECT 1 FROM recordings r
                WHERE r.job_id = d.job_id AND r.date = d.date AND r.model = d.model AND r.attempt = d.attempt
            )
        ORDER BY d.date, d.model
    """
    return [(date, model) for date, model in db.execute_sql(sql, (job_id, *names))]


def unused_texts(db: SqliteDatabase, without: str) -> list[str]:
    """Return the digests of texts that no recording refers to, those of some jobs (JSON) left aside."""
    return [digest for (digest,) in db.execute_sql(_UNUSED, (without,))]


def remove_texts(db: SqliteDatabase, digests: Sequence[str], newest: int) -> int:
    """Delete texts, in the open transaction, apart from what recordings after one (by id) refer to; return how many."""
    return int(db.execute_sql(_REMOVE, (json.dumps(digests), newest)).rowcount)


def _exchange(row: tuple[Any, ...]) -> ExchangeRow:
    _, vendor, digest, shared, parts, answer = row
    pairs = tuple((name, part) for name, part in json.loads(parts))
    return ExchangeRow(vendor=vendor, digest=digest, shared=shared, parts=pairs, answer=answer)


def _texts(db: SqliteDatabase, digests: Sequence[str]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for start in range(0, len(digests), BATCH):
        some = digests[start : start + BATCH]
        sql = f"SELECT digest, content FROM recorded_texts WHERE digest IN ({', '.join('?' * len(some))})"
        found.update(db.execute_sql(sql, tuple(some)))
    return found
