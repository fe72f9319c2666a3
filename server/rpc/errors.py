"""From domain errors to gRPC statuses: the one table, and the status details that go with each.

RpcError
├── NoDataError        nothing is stored for the query
└── OutOfRangeError    the stream position is later than the last event, or too old
"""

import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from uuid import uuid4

from google.protobuf.any_pb2 import Any
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo
from google.rpc.status_pb2 import Status
from grpc import StatusCode

from aitrader.v1.errors_pb2 import ErrorReason
from server.jobs.errors import (
    ConfigChangedError,
    DrainingError,
    InvalidRequestError,
    NotReplayableError,
    Violation,
)
from storage.database import is_lock
from storage.errors import (
    JobConflictError,
    JobNotFoundError,
    JobStateError,
    QueueFullError,
    RequestIdReusedError,
    StorageBusyError,
    StorageFullError,
)

DOMAIN = "aitrader"

#: bytes; trailers are refused by peers beyond 8 KiB in all, and the message is sent percent-encoded besides
MAX_TEXT = 300
MAX_MESSAGE = 500

#: bytes of the status details, which are sent in base 64
MAX_DETAILS = 4500

#: violations told in one status
MAX_VIOLATIONS = 12


class RpcError(Exception):
    """The question cannot be answered."""


class NoDataError(RpcError):
    """Nothing is stored for the query."""

    def __init__(self, message: str, **metadata: str) -> None:
        super().__init__(message)
        self.metadata = {name: value for name, value in metadata.items() if value}


class OutOfRangeError(RpcError):
    """The stream position is later than the last event, or events after it are no longer stored."""

    def __init__(self, after_sequence: int, oldest_sequence: int, last_sequence: int) -> None:
        if after_sequence > last_sequence:
            told = f"is later than the job's last event, {last_sequence}"
        else:
            told = f"is too old: the first event that is still stored is {oldest_sequence}"
        super().__init__(f"after_sequence {after_sequence} {told}")
        self.after_sequence = after_sequence
        self.oldest_sequence = oldest_sequence
        self.last_sequence = last_sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorStatus:
    """What is sent for an error."""

    code: StatusCode
    reason: ErrorReason.ValueType
    message: str
    metadata: Mapping[str, str]
    violations: tuple[Violation, ...] = ()

    @property
    def text(self) -> str:
        """The message, cut to what trailers hold."""
        return _cut(self.message, MAX_MESSAGE)

    def details(self) -> bytes:
        """Return the `google.rpc.Status` with ErrorInfo and BadRequest, serialized."""
        reason = ErrorReason.Name(self.reason).removeprefix("ERROR_REASON_")
        metadata = {name: _cut(value, MAX_TEXT) for name, value in self.metadata.items()}
        info = ErrorInfo(reason=reason, domain=DOMAIN, metadata=metadata)
        status = Status(code=self.code.value[0], message=self.text, details=[_any(info)])
        if self.violations:
            status.details.append(_any(_bad_request(self.violations, MAX_DETAILS - status.ByteSize())))
        return bytes(status.SerializeToString())


@dataclass(frozen=True, slots=True)
class _Row:
    """One line of the table: which errors, and what is sent for them."""

    errors: tuple[type[Exception], ...]
    code: StatusCode
    reason: ErrorReason.ValueType
    metadata: Callable[[typing.Any], Mapping[str, str]] = lambda _: {}
    message: str | None = None


_TABLE = (
    _Row(
        (InvalidRequestError,),
        StatusCode.INVALID_ARGUMENT,
        ErrorReason.ERROR_REASON_INVALID_ARGUMENT,
        lambda error: {"field": error.violations[0].field},
    ),
    _Row(
        (JobNotFoundError,),
        StatusCode.NOT_FOUND,
        ErrorReason.ERROR_REASON_JOB_NOT_FOUND,
        lambda error: {"job_id": error.job_id},
    ),
    _Row((NoDataError,), StatusCode.NOT_FOUND, ErrorReason.ERROR_REASON_NO_DATA, lambda error: error.metadata),
    _Row(
        (JobConflictError,),
        StatusCode.ABORTED,
        ErrorReason.ERROR_REASON_JOB_CONFLICT,
        lambda error: {
            "current_job_id": error.job_id,
            "current_start_date": error.dates[0],
            "current_end_date": error.dates[-1],
        },
    ),
    _Row(
        (RequestIdReusedError,),
        StatusCode.ALREADY_EXISTS,
        ErrorReason.ERROR_REASON_REQUEST_ID_REUSED,
        lambda error: {"request_id": error.request_id, "job_id": error.job_id},
    ),
    _Row(
        (ConfigChangedError,),
        StatusCode.FAILED_PRECONDITION,
        ErrorReason.ERROR_REASON_CONFIG_CHANGED,
        lambda error: {"experiment": error.experiment, "model": error.model, "changed": ",".join(error.changed)},
    ),
    _Row(
        (JobStateError,),
        StatusCode.FAILED_PRECONDITION,
        ErrorReason.ERROR_REASON_JOB_STATE,
        lambda error: {"job_id": error.job_id, "status": error.status},
    ),
    _Row(
        (OutOfRangeError,),
        StatusCode.OUT_OF_RANGE,
        ErrorReason.ERROR_REASON_SEQUENCE_OUT_OF_RANGE,
        lambda error: {
            "after_sequence": str(error.after_sequence),
            "oldest_sequence": str(error.oldest_sequence),
            "last_sequence": str(error.last_sequence),
        },
    ),
    _Row(
        (NotReplayableError,),
        StatusCode.FAILED_PRECONDITION,
        ErrorReason.ERROR_REASON_NOT_REPLAYABLE,
        lambda error: {"job_id": error.job_id, "model_days": error.model_days},
    ),
    _Row(
        (QueueFullError,),
        StatusCode.RESOURCE_EXHAUSTED,
        ErrorReason.ERROR_REASON_QUEUE_FULL,
        lambda error: {"current_job_id": error.job_id, "queued_jobs": str(error.queued_jobs)},
    ),
    _Row((DrainingError,), StatusCode.UNAVAILABLE, ErrorReason.ERROR_REASON_DRAINING),
    _Row(
        (StorageBusyError,),
        StatusCode.UNAVAILABLE,
        ErrorReason.ERROR_REASON_STORAGE_BUSY,
        message="the database is busy",
    ),
    _Row(
        (StorageFullError,),
        StatusCode.RESOURCE_EXHAUSTED,
        ErrorReason.ERROR_REASON_STORAGE_FULL,
        message="the disk of the database is full; reads go on",
    ),
)


def error_status(error: Exception) -> ErrorStatus:
    """Return what is sent for an error; what nobody foresaw is INTERNAL with an id and nothing else."""
    if is_lock(error):
        error = StorageBusyError()
    for row in _TABLE:
        if isinstance(error, row.errors):
            return ErrorStatus(
                code=row.code,
                reason=row.reason,
                message=row.message or str(error),
                metadata=row.metadata(error),
                violations=getattr(error, "violations", ())[:MAX_VIOLATIONS],
            )
    return ErrorStatus(
        code=StatusCode.INTERNAL,
        reason=ErrorReason.ERROR_REASON_INTERNAL,
        message="internal error",
        metadata={"error_id": uuid4().hex[:8]},
    )


def _bad_request(violations: tuple[Violation, ...], room: int) -> BadRequest:
    """Return as many violations as there is room for in bytes, the first in any case."""
    told = BadRequest()
    for wrong in violations:
        told.field_violations.add(field=_cut(wrong.field, 100), description=_cut(wrong.description, MAX_TEXT))
        if told.ByteSize() > room and len(told.field_violations) > 1:
            del told.field_violations[-1]
            break
    return told


def _any(message: ErrorInfo | BadRequest) -> Any:
    packed = Any()
    packed.Pack(message)
    return packed


def _cut(text: str, size: int) -> str:
    """Return a text of at most `size` bytes in UTF-8; halves of surrogate pairs become question marks."""
    content = text.encode(errors="replace")
    return content.decode() if len(content) <= size else content[: size - 3].decode(errors="ignore") + "…"
