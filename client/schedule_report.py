"""Schedules as lines for people."""

from collections.abc import Iterator

from aitrader.v1.schedule_pb2 import ListSchedulesResponse, Schedule, ScheduleRun

from .text import moment, plain
from .words import schedule_kind_word, schedule_outcome_word, status_word


def schedule_lines(response: ListSchedulesResponse) -> list[str]:
    """Tell schedules, each with what came of the last time."""
    return [line for schedule in response.schedules for line in _lines(schedule)] or ["no schedules"]


def _lines(schedule: Schedule) -> Iterator[str]:
    what = " ".join(filter(None, (schedule_kind_word(schedule.kind), plain(schedule.config_path))))
    due = f"next {moment(schedule.next_due_time)}" if schedule.HasField("next_due_time") else "switched off"
    yield f"{plain(schedule.name)}  {what}  {plain(schedule.cron)} {plain(schedule.zone)}, {due}"
    if schedule.HasField("last_run"):
        yield f"    due {moment(schedule.last_run.due_time)}: {_run(schedule.last_run)}"


def _run(run: ScheduleRun) -> str:
    told = ": ".join(filter(None, (schedule_outcome_word(run.outcome), plain(run.error or run.message))))
    if not run.job_id:
        return told
    state = f" {status_word(run.job_status)}" if run.job_status else ""
    return f"{told}, job {plain(run.job_id)}{state}"
