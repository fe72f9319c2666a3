"""GetStatus and ListJobs."""

from peewee import SqliteDatabase

from aitrader.v1 import simulation_pb2
from aitrader.v1.job_pb2 import JobStatus
from server.rpc import convert
from server.rpc.fields import Fields
from server.rpc.paging import MAX_RESPONSE, fitting, make_token, read_token
from storage import jobs, model_days
from storage.events import EventRow

#: jobs whose first page of status is kept
MAX_CACHED = 1000


class StatusReader:
    """Answers GetStatus. The first page of a job is kept as bytes until an event of the job is published."""

    def __init__(self, db: SqliteDatabase) -> None:
        self._db = db
        self._cache: dict[tuple[str, int], bytes] = {}
        self._cached_sizes: dict[str, set[int]] = {}

    def forget(self, event: EventRow) -> None:
        """Drop what is kept of an event's job."""
        for size in self._cached_sizes.pop(event.job_id, ()):
            self._cache.pop((event.job_id, size), None)

    def read(self, request: simulation_pb2.GetStatusRequest) -> bytes:
        """Return the state of a job as a serialized GetStatusResponse.

        Raises:
            InvalidRequestError: a field is wrong.
            JobNotFoundError: there is no such job.
        """
        if not request.page_token:
            kept = self._cache.get((request.job_id, request.page_size))
            if kept is not None:
                return kept
        response = self._response(request).SerializeToString()
        if not request.page_token:
            self._keep(request.job_id, request.page_size, response)
        return response

    def _keep(self, job_id: str, size: int, response: bytes) -> None:
        if len(self._cache) >= MAX_CACHED:
            self._cache.clear()
            self._cached_sizes.clear()
        self._cache[job_id, size] = response
        self._cached_sizes.setdefault(job_id, set()).add(size)

    def _response(self, request: simulation_pb2.GetStatusRequest) -> simulation_pb2.GetStatusResponse:
        fields = Fields()
        job_id = fields.required("job_id", request.job_id, 128)
        size = fields.page_size(request.page_size, 5000, 10_000)
        fields.check()
        job = jobs.find_job(self._db, job_id)
        after = read_token(request, (str, str)) or ("", "")
        details = model_days.model_days(self._db, job_id, after=after, limit=size + 1)
        details, more = _fitting(details, size)
        token = make_token(request, (details[-1].date, details[-1].model)) if more else ""
        counts = jobs.status_counts(self._db, [job_id])[job_id]
        progress = convert.progress(counts, model_days.current(self._db, job_id), details)
        return convert.status_response(job, progress, token)


def _fitting(details: list[model_days.ModelDayRow], size: int) -> tuple[list[model_days.ModelDayRow], bool]:
    """Return as many model-days as the page and a message have room for, and whether there are more."""
    room = MAX_RESPONSE
    for i, day in enumerate(details[:size]):
        room -= 120 + len(day.model.encode()) + len((day.error or "").encode())
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
