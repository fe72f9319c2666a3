"""Peewee models of every table. The schema itself is made by `storage/migrations`; a test compares the two.

`jobs`, `job_details`, `positions`, `holdings`, `reasoning_logs` and `tool_usage` keep the names, columns, keys and
cascades that scripts of earlier versions rely on; columns were added, none changed. Models carry no database: queries
are executed on the one they are given (`query.execute(db)`).
"""

from peewee import (
    AutoField,
    BlobField,
    CompositeKey,
    FloatField,
    ForeignKeyField,
    IntegerField,
    Model,
    TextField,
)

from storage.cost import CostField
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


class Position(Model):
    """State of a portfolio after one action of a day."""

    job = ForeignKeyField(Job, on_delete="CASCADE", index=False)
    date = TextField(index=True)
    model = TextField(index=True)
    action_id = IntegerField()
    action_type = TextField()
    symbol = TextField(null=True)
    amount = IntegerField(null=True)
    price = MoneyField(null=True)
    cash = MoneyField()
    portfolio_value = MoneyField()
    daily_profit = MoneyField(null=True)
    daily_return_pct = FloatField(null=True)
    cumulative_profit = MoneyField(null=True)
    cumulative_return_pct = FloatField(null=True)
    created_at = TextField()
    commission = MoneyField(default=0)
    slippage = MoneyField(default=0)

    class Meta:
        table_name = "positions"
        indexes = ((("job", "date", "model", "action_id"), True), (("date", "model"), False))


class Holding(Model):
    """Shares of one symbol in a position."""

    position = ForeignKeyField(Position, on_delete="CASCADE")
    symbol = TextField(index=True)
    quantity = IntegerField()

    class Meta:
        table_name = "holdings"


class RejectionRecord(Model):
    """An order that was refused."""

    job = ForeignKeyField(Job, on_delete="CASCADE", index=False)
    date = TextField()
    model = TextField()
    after_action_id = IntegerField()
    action_type = TextField()
    symbol = TextField()
    amount = TextField()
    reason = TextField()
    message = TextField()

    class Meta:
        table_name = "rejections"
        indexes = ((("job", "date", "model"), False),)


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


class PortfolioRecord(Model):
    """One model's continuous portfolio in one experiment: its definition, last state and holder."""

    experiment = TextField()
    model = TextField()
    definition = TextField()
    initial_cash = MoneyField()
    last_day = TextField(null=True)
    last_value = MoneyField(null=True)
    trading_days = IntegerField(default=0)
    claimed_by = ForeignKeyField(Job, null=True, on_delete="SET NULL", column_name="claimed_by")
    created_at = TextField()

    class Meta:
        table_name = "portfolios"
        indexes = ((("experiment", "model"), True), (("experiment", "last_value", "model"), False))


class TradingDay(Model):
    """A portfolio at the close of a date; `position` is its last state of the day."""

    portfolio = ForeignKeyField(PortfolioRecord, on_delete="CASCADE", index=False)
    date = TextField()
    job = ForeignKeyField(Job, on_delete="CASCADE", index=False)
    position = ForeignKeyField(Position, on_delete="CASCADE")
    day_number = IntegerField()
    cash = MoneyField()
    portfolio_value = MoneyField()
    daily_profit = MoneyField()
    daily_return_pct = FloatField()
    cumulative_profit = MoneyField()
    cumulative_return_pct = FloatField()

    class Meta:
        table_name = "trading_days"
        primary_key = CompositeKey("portfolio", "date")
        without_rowid = True
        indexes = ((("date",), False), (("job", "date"), False))


class CarriedStateRecord(Model):
    """What a portfolio's trading days build on after a cleanup: its state at the close of the last day removed.

    `first_day` is the portfolio's first one, `holdings` are shares by symbol as JSON.
    """

    portfolio = ForeignKeyField(PortfolioRecord, primary_key=True, on_delete="CASCADE")
    first_day = TextField()
    date = TextField()
    day_number = IntegerField()
    cash = MoneyField()
    portfolio_value = MoneyField()
    holdings = TextField()
    removed_at = TextField()

    class Meta:
        table_name = "carried_states"


class SupersededDayRecord(Model):
    """A trading day that a later commit replaced; `content` holds its positions and rejections as JSON."""

    id = AutoField()
    portfolio = ForeignKeyField(PortfolioRecord, on_delete="CASCADE")
    date = TextField()
    job = ForeignKeyField(Job, on_delete="CASCADE", index=False)
    attempt = IntegerField()
    day_number = IntegerField()
    cash = MoneyField()
    portfolio_value = MoneyField()
    daily_profit = MoneyField()
    daily_return_pct = FloatField()
    cumulative_profit = MoneyField()
    cumulative_return_pct = FloatField()
    content = TextField()
    superseded_by = TextField()
    superseded_at = TextField()

    class Meta:
        table_name = "superseded_days"
        indexes = ((("job", "date"), False),)


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


class Callback(Model):
    """A URL that is to be told of a job's end."""

    job = ForeignKeyField(Job, on_delete="CASCADE", index=False)
    url = TextField()

    class Meta:
        table_name = "callbacks"
        primary_key = CompositeKey("job", "url")
        without_rowid = True


class Delivery(Model):
    """The word of one end of a job to one URL: what is posted, and what came of it."""

    delivery_id = TextField(unique=True)
    job = ForeignKeyField(Job, on_delete="CASCADE")
    sequence = IntegerField()
    url = TextField()
    body = TextField()
    status = TextField()
    attempts = IntegerField()
    created_at = TextField()
    next_attempt_at = TextField(null=True)
    last_attempt_at = TextField(null=True)
    last_http_status = IntegerField(null=True)
    last_error = TextField(null=True)

    class Meta:
        table_name = "deliveries"
        indexes = ((("status", "next_attempt_at"), False),)


class PriceImport(Model):
    """One import of prices: what it brought."""

    id = AutoField()
    imported_at = TextField()
    source = TextField()
    added = IntegerField()
    changed = IntegerField()
    refused = IntegerField()

    class Meta:
        table_name = "price_imports"


class PriceBar(Model):
    """A bar; a bar of a day that has only opened has no high, low, close and volume yet."""

    symbol = TextField()
    date = TextField()
    open = MoneyField()
    high = MoneyField(null=True)
    low = MoneyField(null=True)
    close = MoneyField(null=True)
    volume = IntegerField(null=True)
    price_import = ForeignKeyField(PriceImport, column_name="import_id", index=False)

    class Meta:
        table_name = "price_bars"
        primary_key = CompositeKey("symbol", "date")
        without_rowid = True


class CorporateActionRecord(Model):
    """A split or a dividend; an amount in micros (1e-6 dollars) per share."""

    symbol = TextField()
    ex_date = TextField()
    kind = TextField()
    numerator = IntegerField()
    denominator = IntegerField()
    amount_micros = IntegerField()
    price_import = ForeignKeyField(PriceImport, column_name="import_id", index=False)

    class Meta:
        table_name = "corporate_actions"
        primary_key = CompositeKey("symbol", "ex_date", "kind")
        without_rowid = True


class AdjustedSymbol(Model):
    """A symbol whose prices are adjusted for corporate actions."""

    symbol = TextField(primary_key=True)
    price_import = ForeignKeyField(PriceImport, column_name="import_id", index=False)

    class Meta:
        table_name = "adjusted_symbols"
        without_rowid = True


class PriceRevision(Model):
    """A bar that another import replaced by one that differs."""

    symbol = TextField()
    date = TextField()
    replacing = ForeignKeyField(PriceImport, column_name="replaced_by", backref="revisions", index=False)
    open = MoneyField()
    high = MoneyField(null=True)
    low = MoneyField(null=True)
    close = MoneyField(null=True)
    volume = IntegerField(null=True)
    price_import = ForeignKeyField(PriceImport, column_name="import_id", backref="replaced", index=False)

    class Meta:
        table_name = "price_revisions"
        primary_key = CompositeKey("symbol", "date", "replacing")
        without_rowid = True


class RevaluationRecord(Model):
    """A time at which the values of a job's trading days in a portfolio were computed anew on other prices."""

    job = ForeignKeyField(Job, on_delete="CASCADE", index=False)
    portfolio = ForeignKeyField(PortfolioRecord, on_delete="CASCADE")
    revalued_at = TextField()
    old_digest = TextField()
    new_digest = TextField()
    trading_days = IntegerField()
    changed_days = IntegerField()

    class Meta:
        table_name = "revaluations"
        indexes = ((("job", "portfolio"), False),)


class ProviderRequests(Model):
    """How often a vendor with a daily quota was asked on a day."""

    provider = TextField()
    day = TextField()
    requests = IntegerField()

    class Meta:
        table_name = "provider_requests"
        primary_key = CompositeKey("provider", "day")
        without_rowid = True


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


TABLES: tuple[type[Model], ...] = (
    Job,
    JobDetail,
    AttemptRecord,
    Position,
    Holding,
    RejectionRecord,
    ReasoningLog,
    ToolUsage,
    SessionRecord,
    Observation,
    DroppedObservation,
    RecordedText,
    RecordingRecord,
    PortfolioRecord,
    TradingDay,
    CarriedStateRecord,
    SupersededDayRecord,
    QueuedJobRecord,
    PreparingJob,
    JobRetry,
    KnownRequest,
    JobEvent,
    Callback,
    Delivery,
    PriceImport,
    PriceBar,
    CorporateActionRecord,
    AdjustedSymbol,
    PriceRevision,
    RevaluationRecord,
    ProviderRequests,
    ScheduleRecord,
    ScheduleRunRecord,
)
