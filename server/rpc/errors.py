"""From domain errors to gRPC statuses: the one table, and the status details that go with each.

RpcError
├── NoDataError        nothing is stored for the query
└── OutOfRangeError    the stream position is later than the last event
"""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import uuid4

from google.protobuf.any_pb2 import Any
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo
from google.rpc.status_pb2 import Status
from grpc import StatusCode
from peewee import OperationalError

from aitrader.v1.errors_pb2 import ErrorReason
from server.jobs.errors import ConfigChangedError, DrainingError, InvalidRequestError, Violation
from storage.errors import JobConflictError, JobNotFoundError, RequestIdReusedError, StorageBusyError

DOMAIN = "aitrader"

#: characters; trailers are refused by peers beyond 8 KiB in all
MAX_TEXT = 300

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
    """The stream position is later than the last event."""

    def __init__(self, after_sequence: int, last_sequence: int) -> None:
        super().__init__(f"after_sequence {after_sequence} is later than the job's last event, {last_sequence}")
        self.after_sequence = after_sequence
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
        return _cut(self.message, 2 * MAX_TEXT)

    def details(self) -> bytes:
        """Return the `google.rpc.Status` with ErrorInfo and BadRequest, serialized."""
        reason = ErrorReason.Name(self.reason).removeprefix("ERROR_REASON_")
        metadata = {name: _cut(value, MAX_TEXT) for name, value in self.metadata.items()}
        info = ErrorInfo(reason=reason, domain=DOMAIN, metadata=metadata)
        status = Status(code=self.code.value[0], message=self.text, details=[_any(info)])
        if self.violations:
            status.details.append(_any(_bad_request(self.violations)))
        return bytes(status.SerializeToString())


def error_status(error: Exception) -> ErrorStatus:
    """Return what is sent for an error; what nobody foresaw is INTERNAL with an id and nothing else."""
    match error:
        case InvalidRequestError():
            return _status(
                StatusCode.INVALID_ARGUMENT,
                ErrorReason.ERROR_REASON_INVALID_ARGUMENT,
                error,
                field=error.violations[0].field,
                violations=error.violations,
            )
        case JobNotFoundError():
            return _status(StatusCode.NOT_FOUND, ErrorReason.ERROR_REASON_JOB_NOT_FOUND, error, job_id=error.job_id)
        case NoDataError():
            return _status(StatusCode.NOT_FOUND, ErrorReason.ERROR_REASON_NO_DATA, error, **error.metadata)  # type: ignore[arg-type]
        case JobConflictError():
            return _status(
                StatusCode.ABORTED,
                ErrorReason.ERROR_REASON_JOB_CONFLICT,
                error,
                current_job_id=error.job_id,
                current_start_date=error.dates[0],
                current_end_date=error.dates[-1],
            )
        case RequestIdReusedError():
            return _status(
                StatusCode.ALREADY_EXISTS,
                ErrorReason.ERROR_REASON_REQUEST_ID_REUSED,
                error,
                request_id=error.request_id,
                job_id=error.job_id,
            )
        case ConfigChangedError():
            return _status(
                StatusCode.FAILED_PRECONDITION,
                ErrorReason.ERROR_REASON_CONFIG_CHANGED,
                error,
                experiment=error.experiment,
                model=error.model,
                changed=",".join(error.changed),
            )
        case OutOfRangeError():
            return _status(
                StatusCode.OUT_OF_RANGE,
                ErrorReason.ERROR_REASON_SEQUENCE_OUT_OF_RANGE,
                error,
                after_sequence=str(error.after_sequence),
                last_sequence=str(error.last_sequence),
            )
        case DrainingError():
            return _status(StatusCode.UNAVAILABLE, ErrorReason.ERROR_REASON_DRAINING, error)
        case StorageBusyError() | OperationalError():
            return _status(StatusCode.UNAVAILABLE, ErrorReason.ERROR_REASON_STORAGE_BUSY, "the database is busy")
        case _:
            return _status(
                StatusCode.INTERNAL, ErrorReason.ERROR_REASON_INTERNAL, "internal error", error_id=uuid4().hex[:8]
            )


def _status(
    code: StatusCode,
    reason: ErrorReason.ValueType,
    message: Exception | str,
    *,
    violations: tuple[Violation, ...] = (),
    **metadata: str,
) -> ErrorStatus:
    return ErrorStatus(
        code=code, reason=reason, message=str(message), metadata=metadata, violations=violations[:MAX_VIOLATIONS]
    )


def _bad_request(violations: tuple[Violation, ...]) -> BadRequest:
    return BadRequest(
        field_violations=[
            BadRequest.FieldViolation(field=_cut(wrong.field, 100), description=_cut(wrong.description, MAX_TEXT))
            for wrong in violations
        ]
    )


def _any(message: ErrorInfo | BadRequest) -> Any:
    packed = Any()
    packed.Pack(message)
    return packed


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
