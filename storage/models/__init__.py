"""Peewee models of every table. The schema itself is made by `storage/migrations`; a test compares the two.

`jobs`, `job_details`, `positions`, `holdings`, `reasoning_logs` and `tool_usage` keep the names, columns, keys and
cascades that scripts of earlier versions rely on; columns were added, none changed. Models carry no database: queries
are executed on the one they are given (`query.execute(db)`).
"""

from peewee import Model

from storage.models.callbacks import Callback, Delivery
from storage.models.jobs import (
    AttemptRecord,
    Job,
    JobDetail,
    JobEvent,
    JobRetry,
    KnownRequest,
    PreparingJob,
    QueuedJobRecord,
)
from storage.models.market import (
    AdjustedSymbol,
    CorporateActionRecord,
    PriceBar,
    PriceImport,
    PriceRevision,
    ProviderRequests,
)
from storage.models.portfolios import (
    CarriedStateRecord,
    Holding,
    PortfolioRecord,
    Position,
    RejectionRecord,
    RevaluationRecord,
    SupersededDayRecord,
    TradingDay,
)
from storage.models.schedules import ScheduleRecord, ScheduleRunRecord
from storage.models.sessions import (
    DroppedObservation,
    Observation,
    ReasoningLog,
    RecordedText,
    RecordingRecord,
    SessionRecord,
    ToolUsage,
)

__all__ = ["TABLES", "Job", "SessionRecord"]

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
