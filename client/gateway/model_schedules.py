"""The answer about schedules, as OpenAPI tells it."""

from typing import Literal

from .models import Answer, JobId, JobState, PageToken, Time


class ScheduleRun(Answer):
    due_at: Time
    start_at: Time | None
    end_at: Time | None
    outcome: Literal["running", "succeeded", "failed", "skipped", "missed"]
    message: str | None
    error: str | None
    job_id: JobId | None
    job_status: JobState | None


class Schedule(Answer):
    name: str
    kind: Literal["job", "backup", "vacuum", "prices", "cleanup"]
    enabled: bool
    cron: str
    zone: str
    config_path: str | None
    experiment: str | None
    catch_up_hours: float
    next_due_at: Time | None
    last_run: ScheduleRun | None


class Schedules(Answer):
    schedules: list[Schedule]
    next_page_token: PageToken
