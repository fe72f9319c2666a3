"""Sessions of agents: what they saw, said, called and cost, and their exchanges with vendors."""

from peewee import BlobField, FloatField, ForeignKeyField, IntegerField, Model, TextField

from storage.cost import CostField
from storage.models.jobs import Job


class ReasoningLog(Model):
    """A message of an agent's session."""

    job = ForeignKeyField(Job, on_delete="CASCADE", index=False)
    date = TextField()
    model = TextField()
    step_number = IntegerField()
    timestamp = TextField()
    role = TextField()
    content = TextField(null=True)
    tool_name = TextField(null=True)
    attempt = IntegerField(default=1)
    tool_call_id = TextField(null=True)
    arguments = TextField(null=True)
    duration_seconds = FloatField(null=True)

    class Meta:
        table_name = "reasoning_logs"
        indexes = ((("job", "date", "model"), False),)


class ToolUsage(Model):
    """Calls of one tool in a session."""

    job = ForeignKeyField(Job, on_delete="CASCADE", index=False)
    date = TextField()
    model = TextField()
    tool_name = TextField()
    call_count = IntegerField(default=1)
    total_duration_seconds = FloatField(null=True)
    attempt = IntegerField(default=1)

    class Meta:
        table_name = "tool_usage"
        indexes = ((("job", "date", "model"), False),)


class SessionRecord(Model):
    """The session of an agent in one attempt at a model-day: how it ended and what it cost."""

    job = ForeignKeyField(Job, on_delete="CASCADE", index=False)
    date = TextField()
    model = TextField()
    attempt = IntegerField()
    outcome = TextField()
    prompt_digest = TextField()
    stop_reason = TextField(null=True)
    requests = IntegerField()
    input_tokens = IntegerField()
    output_tokens = IntegerField()
    cache_read_tokens = IntegerField()
    cache_write_tokens = IntegerField()
    reasoning_tokens = IntegerField()
    cost_usd = CostField(null=True)
    summary = TextField()
    steps = IntegerField()

    class Meta:
        table_name = "sessions"
        indexes = ((("job", "date", "model", "attempt"), True),)


class Observation(Model):
    """Something that an agent was shown, with the date of its decision and that of the source."""

    job = ForeignKeyField(Job, on_delete="CASCADE", index=False)
    date = TextField()
    model = TextField()
    attempt = IntegerField()
    step = IntegerField()
    tool_name = TextField()
    subject = TextField()
    as_of = TextField()
    source_date = TextField()
    opening = IntegerField()
    digest = TextField()

    class Meta:
        table_name = "observations"
        indexes = ((("job", "date", "model"), False),)


class DroppedObservation(Model):
    """Something that was kept from an agent, and why."""

    job = ForeignKeyField(Job, on_delete="CASCADE", index=False)
    date = TextField()
    model = TextField()
    attempt = IntegerField()
    step = IntegerField()
    tool_name = TextField()
    subject = TextField()
    reason = TextField()

    class Meta:
        table_name = "dropped_observations"
        indexes = ((("job", "date", "model"), False),)


class RecordedText(Model):
    """A text of recorded exchanges, compressed by zlib, by the SHA-256 of what it was before."""

    digest = TextField(primary_key=True)
    content = BlobField()

    class Meta:
        table_name = "recorded_texts"


class RecordingRecord(Model):
    """An exchange of a session with a vendor; `answer` and the digests in `parts` name texts."""

    job = ForeignKeyField(Job, on_delete="CASCADE", index=False)
    date = TextField()
    model = TextField()
    attempt = IntegerField()
    number = IntegerField()
    basemodel = TextField()
    vendor = TextField()
    digest = TextField()
    shared = IntegerField()
    parts = TextField()
    answer = ForeignKeyField(RecordedText, column_name="answer")

    class Meta:
        table_name = "recordings"
        indexes = ((("job", "date", "model", "attempt", "number"), True), (("date",), False))
