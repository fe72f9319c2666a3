"""The exceptions that callers of the client meet.

AiTraderError                  anything the service answers that is not in this tree
├── InvalidArgument            .violations: field -> what is wrong with it
├── NotFound
│   ├── JobNotFound            .job_id
│   └── NoData
├── JobConflict                .current_job_id
├── RequestIdReused            .request_id .job_id
├── ConfigChanged              .experiment .model .changed
├── JobStateError              .job_id .status
├── NotReplayable              .job_id .model_days
├── SequenceOutOfRange         .after_sequence .oldest_sequence .last_sequence .oldest_position
├── ResourceExhausted
│   ├── QueueFull              .current_job_id
│   ├── StorageFull
│   └── MessageTooLarge        .max_bytes
├── Unavailable                also when no server was reached
│   ├── Draining
│   └── StorageBusy
├── DeadlineExceeded           is a TimeoutError as well
└── InternalError              .error_id
"""

from collections.abc import Mapping
from types import MappingProxyType

import grpc

_NOTHING: Mapping[str, str] = MappingProxyType({})


class AiTraderError(Exception):
    """The service answered with an error.

    `code` is the gRPC status code, `reason` a name out of `errors.proto` (empty when the answer carried none),
    `metadata` the facts that belong to the reason, `violations` the wrong fields with what is wrong with each.
    """

    def __init__(
        self,
        message: str,
        *,
        code: grpc.StatusCode = grpc.StatusCode.UNKNOWN,
        reason: str = "",
        metadata: Mapping[str, str] = _NOTHING,
        violations: Mapping[str, str] = _NOTHING,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.reason = reason
        self.metadata = dict(metadata)
        self.violations = dict(violations)


class InvalidArgument(AiTraderError):  # noqa: N818 - named as the status code that callers know
    """A field of the request or of the config is missing or wrong."""


class NotFound(AiTraderError):  # noqa: N818
    """What was asked for is not there."""


class JobNotFound(NotFound):
    """No job has this id."""

    @property
    def job_id(self) -> str:
        return self.metadata.get("job_id", "")


class NoData(NotFound):
    """The query is well formed and nothing is stored for it."""


class JobConflict(AiTraderError):  # noqa: N818
    """Another job holds one of the portfolios, or the limit of concurrent jobs is reached."""

    @property
    def current_job_id(self) -> str:
        return self.metadata.get("current_job_id", "")


class RequestIdReused(AiTraderError):  # noqa: N818
    """The `request_id` was used before with another content."""

    @property
    def request_id(self) -> str:
        return self.metadata.get("request_id", "")

    @property
    def job_id(self) -> str:
        return self.metadata.get("job_id", "")


class ConfigChanged(AiTraderError):  # noqa: N818
    """A portfolio of the experiment was begun with another model definition or initial cash."""

    @property
    def experiment(self) -> str:
        return self.metadata.get("experiment", "")

    @property
    def model(self) -> str:
        return self.metadata.get("model", "")

    @property
    def changed(self) -> str:
        return self.metadata.get("changed", "")


class JobStateError(AiTraderError):
    """The job is in a state that forbids the request; `status` is that state."""

    @property
    def job_id(self) -> str:
        return self.metadata.get("job_id", "")

    @property
    def status(self) -> str:
        return self.metadata.get("status", "")


class NotReplayable(AiTraderError):  # noqa: N818
    """Sessions of the job were not recorded."""

    @property
    def job_id(self) -> str:
        return self.metadata.get("job_id", "")

    @property
    def model_days(self) -> str:
        return self.metadata.get("model_days", "")


class SequenceOutOfRange(AiTraderError):  # noqa: N818
    """The stream position is later than the last event of the job, or no longer stored."""

    @property
    def after_sequence(self) -> int | None:
        return _number(self.metadata.get("after_sequence", ""))

    @property
    def oldest_sequence(self) -> int | None:
        return _number(self.metadata.get("oldest_sequence", ""))

    @property
    def last_sequence(self) -> int | None:
        return _number(self.metadata.get("last_sequence", ""))

    @property
    def oldest_position(self) -> int:
        """The earliest position from which a stream can begin."""
        return max(0, (self.oldest_sequence or 1) - 1)


class ResourceExhausted(AiTraderError):  # noqa: N818
    """A limit of the service is reached."""


class StorageFull(ResourceExhausted):
    """The disk of the database is full; reads go on."""


class QueueFull(ResourceExhausted):
    """The job would have to wait, and no place in the queue is free."""

    @property
    def current_job_id(self) -> str:
        return self.metadata.get("current_job_id", "")


class Unavailable(AiTraderError):  # noqa: N818
    """The service was not reached or takes no calls now; trying later may help."""


class Draining(Unavailable):
    """The service is stopping and takes no new work."""


class StorageBusy(Unavailable):
    """The database stayed locked for longer than the service waits."""


class DeadlineExceeded(AiTraderError, TimeoutError):  # noqa: N818
    """The answer did not come in time."""


class InternalError(AiTraderError):
    """Something unforeseen happened in the service; its log holds it under `error_id`."""

    @property
    def error_id(self) -> str:
        return self.metadata.get("error_id", "")


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() else None
