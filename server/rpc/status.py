"""GetStatus and ListJobs."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from peewee import SqliteDatabase

from aitrader.v1 import simulation_pb2
from aitrader.v1.job_pb2 import JobStatus
from server.rpc import convert, convert_sessions
from server.rpc.fields import Fields
from server.rpc.paging import MAX_RESPONSE, fitting, make_token, read_token
from storage import acceptance, attempts, events, jobs, model_days, sessions
from storage.attempts import AttemptRow
from storage.jobs import JobRow
from storage.model_days import ModelDayRow
from storage.revaluations import revaluations
from storage.sessions import Spent

#: bytes of answers kept for the next caller
MAX_KEPT = 64 * 1024 * 1024

#: attempts of a model-day in a status
ATTEMPTS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """The first page of a job as of an event and a revaluation: the whole answer, and what it is made of.

    `dates` are its model-days encoded date by date, `spent` what its sessions used up by date, `budget` is encoded.
    """

    sequence: int
    revalued: int
    response: bytes
    dates: dict[str, bytes]
    spent: dict[str, Spent]
    budget: bytes

    @property
    def size(self) -> int:
        return 2 * len(self.response)


class StatusReader:
    """Answers GetStatus.

    The first page of a job is kept, and good until the job has another event; then only the dates that events
    tell of are read and encoded again. Encoded pieces are joined, which merges them as protobuf messages.
    """

    def __init__(self, db: SqliteDatabase) -> None:
        self._db = db
        self._kept: OrderedDict[tuple[str, int], _Kept] = OrderedDict()
        self._size = 0

    def read(self, request: simulation_pb2.GetStatusRequest) -> bytes:
        """Return the state of a job as a serialized GetStatusResponse.

        Raises:
            InvalidRequestError: a field is wrong.
            JobNotFoundError: there is no such job.
        """
        kept = None if request.page_token else self._kept.get((request.job_id, request.page_size))
        if kept is not None and jobs.version(self._db, request.job_id) == (kept.sequence, kept.revalued):
            self._kept.move_to_end((request.job_id, request.page_size))
            return kept.response
        with self._db.atomic():  # one snapshot of the database for all reads
            fresh = self._fresh(request, kept)
        if not request.page_token:
            self._keep((request.job_id, request.page_size), fresh)
        return fresh.response

    def _fresh(self, request: simulation_pb2.GetStatusRequest, kept: _Kept | None) -> _Kept:
        fields = Fields()
        job_id = fields.required("job_id", request.job_id, 128)
        size = fields.page_size(request.page_size, 5000, 10_000)
        fields.check()
        job = jobs.find_job(self._db, job_id)
        changed = None if kept is None else events.dates_changed(self._db, job_id, kept.sequence)
        dates, token = self._updated(kept, job_id, changed), ""
        if dates is None:
            after = read_token(request, (str, str)) or ("", "")
            rows, more = _fitting(model_days.model_days(self._db, job_id, after=after, limit=size + 1), size)
            dates = self._by_date(job_id, rows)
            token = make_token(request, (rows[-1].date, rows[-1].model)) if more else ""
        counts = jobs.status_counts(self._db, [job_id])[job_id]
        progress = convert.progress(counts, model_days.current(self._db, job_id))
        place = acceptance.queue_position(self._db, job_id) if job.started_at is None else 0
        revalued = revaluations(self._db, job_id)
        head = convert.status_response(job, progress, place, token).SerializeToString()
        spent, budget, told = self._spending(kept, job, changed) if not request.page_token else ({}, b"", b"")
        told += b"" if request.page_token else convert.encoded_revaluations(revalued)
        return _Kept(
            sequence=-1 if place else job.last_sequence,  # a place in the queue changes without an event of the job
            revalued=len(revalued),
            response=b"".join([head, *dates.values(), told]),
            dates={} if token else dates,
            spent=spent,
            budget=budget,
        )

    def _updated(self, kept: _Kept | None, job_id: str, changed: Sequence[str] | None) -> dict[str, bytes] | None:
        """Return the encoded dates with those that changed since; None when all are to be read."""
        if kept is None or not kept.dates or changed is None:
            return None
        dates = kept.dates | self._by_date(job_id, model_days.on_dates(self._db, job_id, changed))
        return dates if sum(map(len, dates.values())) <= MAX_RESPONSE else None

    def _by_date(self, job_id: str, rows: Sequence[ModelDayRow]) -> dict[str, bytes]:
        """Return model-days, which are in order, encoded date by date; with attempts where there were several."""
        tried: dict[tuple[str, str], list[AttemptRow]] = {}
        repeated = sorted({row.date for row in rows if row.attempt > 1})
        for row in attempts.repeated(self._db, job_id, repeated, ATTEMPTS) if repeated else ():
            tried.setdefault((row.date, row.model), []).append(row)
        days = groupby(rows, key=lambda row: row.date)
        return {date: convert.encoded_model_days(rows, tried) for date, rows in days}

    def _spending(
        self, kept: _Kept | None, job: JobRow, changed: Sequence[str] | None
    ) -> tuple[dict[str, Spent], bytes, bytes]:
        """Return what sessions used up by date, the encoded budget, and both as they are told."""
        known = {} if kept is None or changed is None else kept.spent
        spent = known | sessions.spent_on_dates(self._db, job.job_id, changed)
        budget = convert_sessions.encoded_budget(jobs.budget(self._db, job.job_id)) if kept is None else kept.budget
        return spent, budget, budget + convert_sessions.encoded_spending(spent.values())

    def _keep(self, key: tuple[str, int], fresh: _Kept) -> None:
        if key in self._kept:
            self._size -= self._kept.pop(key).size
        self._kept[key] = fresh
        self._size += fresh.size
        while self._size > MAX_KEPT:
            _, oldest = self._kept.popitem(last=False)
            self._size -= oldest.size


def _fitting(details: list[ModelDayRow], size: int) -> tuple[list[ModelDayRow], bool]:
    """Return as many model-days as the page and a message have room for, and whether there are more."""
    room = MAX_RESPONSE
    for i, day in enumerate(details[:size]):
        room -= 120 + len(day.model.encode()) + len((day.error or "").encode())
        if day.attempt > 1:
            room -= min(day.attempt, ATTEMPTS) * (60 + convert.MAX_ATTEMPT_MESSAGE)
        if room < 0 and i:
            return details[:i], True
    return details[:size], len(details) > size


def list_jobs(db: SqliteDatabase, request: simulation_pb2.ListJobsRequest) -> simulation_pb2.ListJobsResponse:
    """Return a page of jobs, newest first.

    Raises:
        InvalidRequestError: a field is wrong.
    """
    fields = Fields()
    size = fields.page_size(request.page_size, 50, 500)
    experiment = fields.experiment("experiment", request.experiment)
    if not set(request.statuses) <= set(JobStatus.values()):
        fields.refuse("statuses", "holds a number that is no status")
    fields.check()
    before = read_token(request, (str, str))
    asked = set(request.statuses)
    statuses = [] if JobStatus.JOB_STATUS_UNSPECIFIED in asked else sorted(map(convert.status_text, asked))
    rows = jobs.list_jobs(db, statuses=statuses, experiment=experiment, before=before, limit=size + 1)
    counts = jobs.status_counts(db, [row.job_id for row in rows[:size]])
    page = fitting(convert.job(row, counts[row.job_id]) for row in rows[:size])
    last = rows[len(page) - 1] if len(rows) > len(page) else None
    token = make_token(request, (last.created_at, last.job_id)) if last else ""
    return simulation_pb2.ListJobsResponse(jobs=page, next_page_token=token)
