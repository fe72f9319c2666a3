"""Client of the simulation service: `Client` and its twin `AsyncClient`, the handles they return, the exceptions."""

from .async_client import AsyncClient
from .async_job import AsyncJob
from .client import Client
from .errors import (
    AiTraderError,
    ConfigChanged,
    DeadlineExceeded,
    Draining,
    InternalError,
    InvalidArgument,
    JobConflict,
    JobNotFound,
    JobStateError,
    NoData,
    NotFound,
    NotReplayable,
    QueueFull,
    RequestIdReused,
    ResourceExhausted,
    SequenceOutOfRange,
    StorageBusy,
    StorageFull,
    Unavailable,
)
from .job import Job

__all__ = [
    "AiTraderError",
    "AsyncClient",
    "AsyncJob",
    "Client",
    "ConfigChanged",
    "DeadlineExceeded",
    "Draining",
    "InternalError",
    "InvalidArgument",
    "Job",
    "JobConflict",
    "JobNotFound",
    "JobStateError",
    "NoData",
    "NotFound",
    "NotReplayable",
    "QueueFull",
    "RequestIdReused",
    "ResourceExhausted",
    "SequenceOutOfRange",
    "StorageBusy",
    "StorageFull",
    "Unavailable",
]
