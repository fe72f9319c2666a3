import pytest
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo
from google.rpc.status_pb2 import Status
from grpc import StatusCode
from peewee import OperationalError

from aitrader.v1.errors_pb2 import ErrorReason
from server.jobs.errors import ConfigChangedError, DrainingError, InvalidRequestError, NotReplayableError, Violation
from server.rpc.errors import DOMAIN, ErrorStatus, NoDataError, OutOfRangeError, error_status
from storage.errors import (
    JobConflictError,
    JobNotFoundError,
    JobStateError,
    QueueFullError,
    RequestIdReusedError,
    StorageBusyError,
    StorageFullError,
)

#: error, code, reason, metadata
TABLE = [
    (InvalidRequestError.of("f", "is wrong"), StatusCode.INVALID_ARGUMENT, "INVALID_ARGUMENT", {"field": "f"}),
    (JobNotFoundError("j"), StatusCode.NOT_FOUND, "JOB_NOT_FOUND", {"job_id": "j"}),
    (NoDataError("none", experiment="e", date=""), StatusCode.NOT_FOUND, "NO_DATA", {"experiment": "e"}),
    (
        JobConflictError("j", ("2025-03-03", "2025-03-04"), "it runs"),
        StatusCode.ABORTED,
        "JOB_CONFLICT",
        {"current_job_id": "j", "current_start_date": "2025-03-03", "current_end_date": "2025-03-04"},
    ),
    (
        RequestIdReusedError("r", "j"),
        StatusCode.ALREADY_EXISTS,
        "REQUEST_ID_REUSED",
        {"request_id": "r", "job_id": "j"},
    ),
    (
        ConfigChangedError("e", "m", ("basemodel", "parameters")),
        StatusCode.FAILED_PRECONDITION,
        "CONFIG_CHANGED",
        {"experiment": "e", "model": "m", "changed": "basemodel,parameters"},
    ),
    (
        JobStateError("j", "completed", "cancelled"),
        StatusCode.FAILED_PRECONDITION,
        "JOB_STATE",
        {"job_id": "j", "status": "completed"},
    ),
    (
        NotReplayableError("j", [(f"2025-10-0{day}", "m") for day in range(1, 8)]),
        StatusCode.FAILED_PRECONDITION,
        "NOT_REPLAYABLE",
        {
            "job_id": "j",
            "model_days": ", ".join(f"m on 2025-10-0{day}" for day in range(1, 6)) + " and 2 more",
        },
    ),
    (QueueFullError(3, "j"), StatusCode.RESOURCE_EXHAUSTED, "QUEUE_FULL", {"current_job_id": "j", "queued_jobs": "3"}),
    (DrainingError(), StatusCode.UNAVAILABLE, "DRAINING", {}),
    (StorageBusyError("locked"), StatusCode.UNAVAILABLE, "STORAGE_BUSY", {}),
    (OperationalError("database is locked"), StatusCode.UNAVAILABLE, "STORAGE_BUSY", {}),
    (StorageFullError("full"), StatusCode.RESOURCE_EXHAUSTED, "STORAGE_FULL", {}),
    (
        OutOfRangeError(900, 1, 122),
        StatusCode.OUT_OF_RANGE,
        "SEQUENCE_OUT_OF_RANGE",
        {"after_sequence": "900", "oldest_sequence": "1", "last_sequence": "122"},
    ),
]


def unpacked(status: ErrorStatus) -> tuple[Status, ErrorInfo, BadRequest]:
    sent, info, wrong = Status.FromString(status.details()), ErrorInfo(), BadRequest()
    sent.details[0].Unpack(info)
    if len(sent.details) > 1:
        sent.details[1].Unpack(wrong)
    return sent, info, wrong


@pytest.mark.parametrize(("error", "code", "reason", "metadata"), TABLE, ids=lambda value: type(value).__name__)
def test_domain_error_becomes_its_status(
    error: Exception, code: StatusCode, reason: str, metadata: dict[str, str]
) -> None:
    status = error_status(error)

    sent, info, _ = unpacked(status)
    assert (status.code, sent.code) == (code, code.value[0])
    assert (info.domain, info.reason, dict(info.metadata)) == (DOMAIN, reason, metadata)
    assert sent.message == status.text != ""


def test_unforeseen_error_is_internal_and_tells_nothing_but_an_id() -> None:
    status = error_status(KeyError("secret"))

    sent, info, _ = unpacked(status)
    assert (status.code, sent.message, info.reason) == (StatusCode.INTERNAL, "internal error", "INTERNAL")
    assert list(info.metadata) == ["error_id"]
    assert "secret" not in str(sent)


def test_every_reason_of_the_contract_is_produced() -> None:
    produced = {reason for _, _, reason, _ in TABLE} | {"INTERNAL"}

    assert {f"ERROR_REASON_{reason}" for reason in produced} | {"ERROR_REASON_UNSPECIFIED"} == set(ErrorReason.keys())


def test_every_violation_is_told() -> None:
    wrong = [Violation(field=f"f{n}", description=f"is wrong {n}") for n in range(5)]

    _, info, bad_request = unpacked(error_status(InvalidRequestError(wrong)))

    assert info.metadata["field"] == "f0"
    assert [(v.field, v.description) for v in bad_request.field_violations] == [
        (violation.field, violation.description) for violation in wrong
    ]


@pytest.mark.parametrize("unit", ["x", "é", "\N{PILE OF POO}", "\ud800"])
def test_status_fits_into_trailers_whatever_the_text(unit: str) -> None:
    long = unit * 5000
    error = InvalidRequestError([Violation(field=f"models[{n}]{long}", description=long) for n in range(20)])

    status = error_status(error)

    percent_encoded = 3 * len(status.text.encode())
    base_64 = len(status.details()) * 4 / 3
    assert percent_encoded + base_64 < 8000
    assert unpacked(status)[2].field_violations


def test_long_metadata_is_cut() -> None:
    _, info, _ = unpacked(error_status(JobNotFoundError("\N{PILE OF POO}" * 10_000)))

    assert len(info.metadata["job_id"].encode()) <= 300
    assert info.metadata["job_id"].endswith("…")
