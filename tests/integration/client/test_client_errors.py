from pathlib import Path
from typing import Any

import grpc
import pytest

import client as package
from aitrader.v1 import errors_pb2
from client import error_mapping
from client.errors import (
    AiTraderError,
    ConfigChanged,
    DeadlineExceeded,
    InternalError,
    InvalidArgument,
    JobConflict,
    JobNotFound,
    NotFound,
    RequestIdReused,
    SequenceOutOfRange,
    Unavailable,
)
from client.exit_codes import ExitCode
from tests.integration.client.fake_service import FakeService, failure
from tests.integration.client.twin import answer

CODES = {
    "INVALID_ARGUMENT": grpc.StatusCode.INVALID_ARGUMENT,
    "JOB_NOT_FOUND": grpc.StatusCode.NOT_FOUND,
    "NO_DATA": grpc.StatusCode.NOT_FOUND,
    "JOB_CONFLICT": grpc.StatusCode.ABORTED,
    "REQUEST_ID_REUSED": grpc.StatusCode.ALREADY_EXISTS,
    "CONFIG_CHANGED": grpc.StatusCode.FAILED_PRECONDITION,
    "JOB_STATE": grpc.StatusCode.FAILED_PRECONDITION,
    "NOT_REPLAYABLE": grpc.StatusCode.FAILED_PRECONDITION,
    "QUEUE_FULL": grpc.StatusCode.RESOURCE_EXHAUSTED,
    "DRAINING": grpc.StatusCode.UNAVAILABLE,
    "STORAGE_BUSY": grpc.StatusCode.UNAVAILABLE,
    "STORAGE_FULL": grpc.StatusCode.RESOURCE_EXHAUSTED,
    "INTERNAL": grpc.StatusCode.INTERNAL,
    "SEQUENCE_OUT_OF_RANGE": grpc.StatusCode.OUT_OF_RANGE,
}


async def caught(client: Any) -> AiTraderError:
    with pytest.raises(AiTraderError) as info:
        await answer(client.get_status("x"))
    return info.value


@pytest.mark.parametrize("reason", CODES)
async def test_a_reason_becomes_its_exception(client: Any, service: FakeService, reason: str) -> None:
    service.failures.append(failure(CODES[reason], reason, "job 'x' is odd", job_id="x"))

    error = await caught(client)

    assert type(error) is error_mapping.BY_REASON[reason]
    assert (error.code, error.reason, error.message) == (CODES[reason], reason, "job 'x' is odd")
    assert error.metadata == {"job_id": "x"}
    assert str(error) == "job 'x' is odd"


def test_every_reason_of_the_contract_has_an_exception_and_a_line_in_the_table() -> None:
    reasons = {name.removeprefix("ERROR_REASON_") for name in errors_pb2.ErrorReason.keys()[1:]}

    assert set(error_mapping.BY_REASON) == reasons
    for reason, kind in error_mapping.BY_REASON.items():
        assert f"| {CODES[reason].name} | {reason} | {kind.__name__} |" in error_mapping.__doc__


def test_the_readme_lists_every_reason_and_exit_code() -> None:
    readme = (Path(package.__file__).parent / "README.md").read_text()

    for reason, kind in error_mapping.BY_REASON.items():
        assert f"| {CODES[reason].name} | {reason} | `{kind.__name__}`" in readme
    for code in ExitCode:
        assert f"| {code} |" in readme


def test_all_exceptions_are_public_and_the_list_is_sorted() -> None:
    kinds = {kind.__name__ for kind in [*error_mapping.BY_REASON.values(), *error_mapping.BY_CODE.values()]}

    assert kinds <= set(package.__all__)
    assert list(package.__all__) == sorted(package.__all__)


async def test_invalid_argument_names_every_wrong_field(client: Any, service: FakeService) -> None:
    wrong = {"start_date": "is not a date", "models": "'x' was not found"}
    service.failures.append(failure(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_ARGUMENT", violations=wrong))

    error = await caught(client)

    assert isinstance(error, InvalidArgument)
    assert error.violations == wrong


async def test_an_answer_without_details_is_known_by_its_code(client: Any, service: FakeService) -> None:
    service.failures.append(failure(grpc.StatusCode.NOT_FOUND))

    error = await caught(client)

    assert type(error) is NotFound
    assert error.reason == ""


async def test_the_reasons_of_another_domain_are_not_ours(client: Any, service: FakeService) -> None:
    service.failures.append(failure(grpc.StatusCode.UNAVAILABLE, "JOB_NOT_FOUND", domain="proxy.example"))

    assert type(await caught(client)) is Unavailable


async def test_an_unknown_code_is_the_root(client: Any, service: FakeService) -> None:
    service.failures.append(failure(grpc.StatusCode.DATA_LOSS, "NEW_REASON"))

    error = await caught(client)

    assert type(error) is AiTraderError
    assert error.reason == "NEW_REASON"


async def test_a_call_without_an_answer_ends_at_its_deadline(target: str, service: FakeService) -> None:
    service.hang = True
    with package.Client(target, timeout=0.05) as impatient, pytest.raises(TimeoutError) as info:
        impatient.get_status("x")

    assert isinstance(info.value, DeadlineExceeded)


def test_exceptions_tell_their_facts_as_attributes() -> None:
    facts = {
        "job_id": "j",
        "current_job_id": "c",
        "request_id": "r",
        "experiment": "e",
        "model": "m",
        "changed": "initial_cash",
        "after_sequence": "900",
        "last_sequence": "many",
        "error_id": "9f1c",
    }

    assert JobNotFound("", metadata=facts).job_id == "j"
    assert JobConflict("", metadata=facts).current_job_id == "c"
    reused = RequestIdReused("", metadata=facts)
    assert (reused.request_id, reused.job_id) == ("r", "j")
    changed = ConfigChanged("", metadata=facts)
    assert (changed.experiment, changed.model, changed.changed) == ("e", "m", "initial_cash")
    late = SequenceOutOfRange("", metadata=facts)
    assert (late.after_sequence, late.last_sequence) == (900, None)
    assert InternalError("", metadata=facts).error_id == "9f1c"
