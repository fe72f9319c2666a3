"""Jobs: what they are to do, wait for and did, step by step."""

from peewee import AutoField, CompositeKey, FloatField, ForeignKeyField, IntegerField, Model, TextField

from storage.money import MoneyField


class Job(Model):
    """A job; `spec` holds what a restart needs, `request_digest` what makes two triggers the same."""

    job_id = TextField(primary_key=True)
    config_path = TextField()
    status = TextField(index=True)
    date_range = TextField()
    models = TextField()
    created_at = TextField()
    started_at = TextField(null=True)
    completed_at = TextField(null=True)
    total_duration_seconds = FloatField(null=True)
    error = TextField(null=True)
    experiment = TextField(default="default")
    request_id = TextField(null=True, unique=True)
    request_digest = TextField(default="")
    config_digest = TextField(default="")
    spec = TextField(default="{}")
    warnings = TextField(default="[]")
    updated_at = TextField(null=True)
    total_model_days = IntegerField(default=0)
    completed_model_days = IntegerField(default=0)
    failed_model_days = IntegerField(default=0)
    last_sequence = IntegerField(default=0)
    cancel_requested_at = TextField(null=True)
    cancel_reason = TextField(null=True)
    may_replace = IntegerField(default=0)
    price_digests = TextField(default="[]")

    class Meta:
        table_name = "jobs"
        indexes = ((("created_at", "job_id"), False),)


class JobDetail(Model):
    """A model-day of a job."""

    job = ForeignKeyField(Job, on_delete="CASCADE")
    date = TextField()
    model = TextField()
    status = TextField()
    started_at = TextField(null=True)
    completed_at = TextField(null=True)
    duration_seconds = FloatField(null=True)
    error = TextField(null=True)
    attempt = IntegerField(default=0)
    error_kind = TextField(null=True)

    class Meta:
        table_name = "job_details"
        indexes = ((("job", "date", "model"), True), (("job", "status"), False))


class AttemptRecord(Model):
    """A try at a model-day that has ended."""

    job = ForeignKeyField(Job, on_delete="CASCADE", index=False)
    date = TextField()
    model = TextField()
    number = IntegerField()
    started_at = TextField(null=True)
    ended_at = TextField(null=True)
    outcome = TextField()
    error_kind = TextField(null=True)
    message = TextField(null=True)

    class Meta:
        table_name = "attempts"
        primary_key = CompositeKey("job", "date", "model", "number")
        without_rowid = True


class QueuedJobRecord(Model):
    """A job that waits for its turn, in the order of the tickets; `content` is what it is planned from."""

    ticket = AutoField()
    job = ForeignKeyField(Job, on_delete="CASCADE", unique=True)
    models = TextField()
    first_date = TextField()
    content = TextField()

    class Meta:
        table_name = "queued_jobs"


class PreparingJob(Model):
    """A job whose missing prices are to be downloaded; `content` is what it is planned from afterwards."""

    job = ForeignKeyField(Job, on_delete="CASCADE", primary_key=True)
    content = TextField()

    class Meta:
        table_name = "preparing_jobs"
        without_rowid = True


class JobRetry(Model):
    """A retry that was accepted under a request id."""

    request_id = TextField(primary_key=True)
    job = ForeignKeyField(Job, on_delete="CASCADE")
    models = TextField()
    created_at = TextField()

    class Meta:
        table_name = "job_retries"


class KnownRequest(Model):
    """A trigger that was answered with a job of another request, by its request id."""

    request_id = TextField(primary_key=True)
    job = ForeignKeyField(Job, on_delete="CASCADE")
    request_digest = TextField()
    created_at = TextField()

    class Meta:
        table_name = "known_requests"


class JobEvent(Model):
    """A stored step of a job's progress."""

    job = ForeignKeyField(Job, on_delete="CASCADE", index=False)
    sequence = IntegerField()
    created_at = TextField()
    event_type = TextField()
    status = TextField()
    date = TextField(null=True)
    model = TextField(null=True)
    attempt = IntegerField(null=True)
    duration_seconds = FloatField(null=True)
    error = TextField(null=True)
    portfolio_value = MoneyField(null=True)
    fills = IntegerField(null=True)
    total_model_days = IntegerField()
    completed = IntegerField()
    failed = IntegerField()

    class Meta:
        table_name = "job_events"
        primary_key = CompositeKey("job", "sequence")
        without_rowid = True
