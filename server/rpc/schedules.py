"""ListSchedules."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from peewee import SqliteDatabase

from aitrader.v1 import schedule_pb2 as pb
from aitrader.v1.job_pb2 import JobStatus
from server.rpc.convert import job_status, time
from server.rpc.fields import Fields
from server.rpc.paging import fitting, make_token, read_token
from server.schedules.schedule import JobSchedule, Schedule
from storage.database import timestamp
from storage.schedule_runs import RunOutcome, ScheduleRunRow, last_runs

_OUTCOME: Mapping[RunOutcome, pb.ScheduleOutcome.ValueType] = {
    outcome: pb.ScheduleOutcome.Value(f"SCHEDULE_OUTCOME_{outcome.upper()}") for outcome in RunOutcome
}


def list_schedules(
    db: SqliteDatabase, schedules: Sequence[Schedule], request: pb.ListSchedulesRequest, now: datetime
) -> pb.ListSchedulesResponse:
    """Return a page of schedules by name.

    Raises:
        InvalidRequestError: a field is wrong.
    """
    fields = Fields()
    size = fields.page_size(request.page_size, 100, 500)
    fields.check()
    (after,) = read_token(request, (str,)) or ("",)
    left = sorted((one for one in schedules if one.name > after), key=lambda one: one.name)
    runs = last_runs(db)
    page = fitting(_schedule(one, runs.get(one.name), now) for one in left[:size])
    token = make_token(request, (page[-1].name,)) if len(left) > len(page) else ""
    return pb.ListSchedulesResponse(schedules=page, next_page_token=token)


def _schedule(schedule: Schedule, last: ScheduleRunRow | None, now: datetime) -> pb.Schedule:
    job = schedule if isinstance(schedule, JobSchedule) else None
    due = schedule.timing.next(now) if schedule.enabled else None
    return pb.Schedule(
        name=schedule.name,
        kind=pb.ScheduleKind.Value(f"SCHEDULE_KIND_{schedule.kind.upper()}"),
        enabled=schedule.enabled,
        cron=schedule.cron,
        zone=schedule.zone,
        config_path=job.config if job else "",
        experiment=(job.experiment if job else None) or "",
        catch_up_hours=schedule.catch_up_hours if schedule.catch_up else 0,
        next_due_time=None if due is None else time(timestamp(due)),
        last_run=None if last is None else _run(last),
    )


def _run(row: ScheduleRunRow) -> pb.ScheduleRun:
    return pb.ScheduleRun(
        due_time=time(row.due_at),
        start_time=time(row.started_at),
        end_time=time(row.ended_at),
        outcome=_OUTCOME[row.outcome],
        message=row.message or "",
        error=row.error or "",
        job_id=row.job_id or "",
        job_status=job_status(row.job_status) if row.job_status else JobStatus.JOB_STATUS_UNSPECIFIED,
    )
