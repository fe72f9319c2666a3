"""Which exception stands for which answer: gRPC status and `google.rpc` details become an `AiTraderError`.

| code | reason | exception |
|---|---|---|
| INVALID_ARGUMENT | INVALID_ARGUMENT | InvalidArgument |
| NOT_FOUND | JOB_NOT_FOUND | JobNotFound |
| NOT_FOUND | NO_DATA | NoData |
| NOT_FOUND | | NotFound |
| ABORTED | JOB_CONFLICT | JobConflict |
| ALREADY_EXISTS | REQUEST_ID_REUSED | RequestIdReused |
| FAILED_PRECONDITION | CONFIG_CHANGED | ConfigChanged |
| FAILED_PRECONDITION | JOB_STATE | JobStateError |
| FAILED_PRECONDITION | NOT_REPLAYABLE | NotReplayable |
| OUT_OF_RANGE | SEQUENCE_OUT_OF_RANGE | SequenceOutOfRange |
| RESOURCE_EXHAUSTED | QUEUE_FULL | QueueFull |
| RESOURCE_EXHAUSTED | STORAGE_FULL | StorageFull |
| RESOURCE_EXHAUSTED | | ResourceExhausted |
| UNAVAILABLE | DRAINING | Draining |
| UNAVAILABLE | STORAGE_BUSY | StorageBusy |
| UNAVAILABLE | | Unavailable |
| DEADLINE_EXCEEDED | | DeadlineExceeded |
| INTERNAL | INTERNAL | InternalError |
| any other | | AiTraderError |
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import cast

import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

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

#: `ErrorInfo` of anyone else, say a proxy, means something else
DOMAIN = "aitrader"

BY_REASON: Mapping[str, type[AiTraderError]] = MappingProxyType(
    {
        "INVALID_ARGUMENT": InvalidArgument,
        "JOB_NOT_FOUND": JobNotFound,
        "NO_DATA": NoData,
        "JOB_CONFLICT": JobConflict,
        "REQUEST_ID_REUSED": RequestIdReused,
        "CONFIG_CHANGED": ConfigChanged,
        "JOB_STATE": JobStateError,
        "NOT_REPLAYABLE": NotReplayable,
        "QUEUE_FULL": QueueFull,
        "DRAINING": Draining,
        "STORAGE_BUSY": StorageBusy,
        "STORAGE_FULL": StorageFull,
        "INTERNAL": InternalError,
        "SEQUENCE_OUT_OF_RANGE": SequenceOutOfRange,
    }
)

BY_CODE: Mapping[grpc.StatusCode, type[AiTraderError]] = MappingProxyType(
    {
        grpc.StatusCode.INVALID_ARGUMENT: InvalidArgument,
        grpc.StatusCode.NOT_FOUND: NotFound,
        grpc.StatusCode.RESOURCE_EXHAUSTED: ResourceExhausted,
        grpc.StatusCode.UNAVAILABLE: Unavailable,
        grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineExceeded,
        grpc.StatusCode.INTERNAL: InternalError,
    }
)


def from_rpc_error(error: grpc.RpcError) -> AiTraderError:
    """Build the exception that stands for a failed call, of the sync or the async API."""
    call = cast("grpc.Call", error)  # every RpcError that a call raises is a Call too, only its type does not say so
    code, status = call.code(), _status_of(call)
    info, violations = _details_of(status)
    kind = BY_REASON.get(info.reason) or BY_CODE.get(code, AiTraderError)
    message = call.details() or code.name.lower().replace("_", " ")
    return kind(message, code=code, reason=info.reason, metadata=info.metadata, violations=violations)


def _status_of(call: grpc.Call) -> status_pb2.Status:
    try:
        return rpc_status.from_call(call) or status_pb2.Status()
    except (ValueError, DecodeError):  # details that contradict the status or cannot be read; the status still counts
        return status_pb2.Status()


def _details_of(status: status_pb2.Status) -> tuple[error_details_pb2.ErrorInfo, dict[str, str]]:
    info, found = error_details_pb2.ErrorInfo(), error_details_pb2.ErrorInfo()
    request = error_details_pb2.BadRequest()
    for detail in status.details:
        if detail.Unpack(found) and found.domain == DOMAIN:
            info = found
        detail.Unpack(request)
    return info, {violation.field: violation.description for violation in request.field_violations}
