"""GetReasoning and AuditJob."""

from peewee import SqliteDatabase

from aitrader.v1 import simulation_pb2
from server.rpc import convert_sessions
from server.rpc.errors import NoDataError
from server.rpc.fields import Fields
from server.rpc.paging import fitting, make_token, read_token
from storage import audit, jobs, sessions
from storage.sessions import SessionRow

#: violations told; with what they carry at most they still may not fit, then fewer are
MAX_VIOLATIONS = 500

#: pairs of tool and reason told
MAX_DROPPED = 200


def get_reasoning(
    db: SqliteDatabase, request: simulation_pb2.GetReasoningRequest
) -> simulation_pb2.GetReasoningResponse:
    """Return a session with a page of its steps.

    Raises:
        InvalidRequestError: a field is wrong.
        JobNotFoundError: there is no such job.
        NoDataError: the model-day, or this attempt at it, has no session.
    """
    fields = Fields()
    size = fields.page_size(request.page_size, 100, 1000)
    fields.not_negative("attempt", request.attempt)
    key = _model_day(fields, request)
    fields.check()
    # the last attempt may have become another one since the page before
    attempt, after = read_token(request, (int, int)) or (request.attempt, -1)
    with db.atomic():  # one snapshot of the database for all reads
        session = _find(db, key, attempt)
        steps = fitting(map(convert_sessions.step, sessions.steps(db, session, after=after, limit=size)))
        last = steps[-1].step_number if steps else after
        more = any(sessions.steps(db, session, after=last, limit=1))
        tools = sessions.find_tools(db, [session])[session.key]
    return simulation_pb2.GetReasoningResponse(
        job_id=session.job_id,
        date=session.date,
        model=session.model,
        session=convert_sessions.session(session, tools),
        steps=steps,
        next_page_token=make_token(request, (session.attempt, last)) if more else "",
    )


def audit_job(db: SqliteDatabase, request: simulation_pb2.AuditJobRequest) -> simulation_pb2.AuditJobResponse:
    """Return what of the observations of a job violates, and what was dropped.

    Raises:
        InvalidRequestError: a field is wrong.
        JobNotFoundError: there is no such job.
    """
    fields = Fields()
    job_id = fields.required("job_id", request.job_id, 128)
    fields.check()
    with db.atomic():  # one snapshot of the database for all reads
        jobs.find_job(db, job_id)
        counts = audit.audit_counts(db, job_id)
        violations = audit.find_violations(db, job_id, MAX_VIOLATIONS) if counts.violations else []
        dropped = audit.dropped_counts(db, job_id, MAX_DROPPED)
    told = fitting(map(convert_sessions.violation, violations))
    return convert_sessions.audit_response(job_id, counts, told, dropped)


def _model_day(fields: Fields, request: simulation_pb2.GetReasoningRequest) -> tuple[str, str, str]:
    job_id = fields.required("job_id", request.job_id, 128)
    if not request.date:
        fields.refuse("date", "is required")
    date = fields.date("date", request.date) or ""
    return job_id, date, fields.required("model", request.model)


def _find(db: SqliteDatabase, key: tuple[str, str, str], attempt: int) -> SessionRow:
    job_id, date, model = key
    jobs.find_job(db, job_id)
    session = sessions.find_session(db, job_id, date, model, attempt)
    if session is None:
        message = f"no session of model '{model}' on {date} is stored for this job"
        raise NoDataError(message, job_id=job_id, date=date, model=model, attempt=str(attempt or ""))
    return session
