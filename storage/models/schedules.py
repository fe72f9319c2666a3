"""Schedules: since when they have their times, and what came of those that were due."""

from peewee import CompositeKey, Model, TextField


class ScheduleRecord(Model):
    """A schedule, and since when it has had its times."""

    name = TextField(primary_key=True)
    cron = TextField()
    zone = TextField()
    since = TextField()

    class Meta:
        table_name = "schedules"
        without_rowid = True


class ScheduleRunRecord(Model):
    """What came of a time at which a schedule was due; the job that it triggered is named, and may be gone."""

    schedule = TextField()
    due_at = TextField()
    started_at = TextField(null=True)
    ended_at = TextField(null=True)
    outcome = TextField()
    message = TextField(null=True)
    error = TextField(null=True)
    job_id = TextField(null=True)

    class Meta:
        table_name = "schedule_runs"
        primary_key = CompositeKey("schedule", "due_at")
        without_rowid = True
