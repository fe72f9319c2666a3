"""Errors of the server and of callers, ids, deadlines, disconnects."""

import threading
from collections.abc import Iterator

import grpc
import httpx
import pytest

from aitrader.v1 import simulation_pb2 as pb
from client.gateway import models
from tests.integration.client.fake_service import FakeService, failure, serving
from tests.integration.gateway.gateway_server import Gateway, running_gateway
from tests.service import DEADLINE, wait_until

Code = grpc.StatusCode

TABLE = [
    (failure(Code.INVALID_ARGUMENT, "INVALID_ARGUMENT", violations={"model": "is wrong"}), 400, "invalid_argument"),
    (failure(Code.INVALID_ARGUMENT, "INVALID_ARGUMENT", violations={"end_date": "is wrong"}), 400, "invalid_date"),
    (failure(Code.FAILED_PRECONDITION, "CONFIG_CHANGED"), 400, "config_changed"),
    (failure(Code.FAILED_PRECONDITION, "JOB_STATE"), 400, "job_state"),
    (failure(Code.OUT_OF_RANGE, "SEQUENCE_OUT_OF_RANGE"), 400, "sequence_out_of_range"),
    (failure(Code.NOT_FOUND, "JOB_NOT_FOUND"), 404, "not_found"),
    (failure(Code.NOT_FOUND, "NO_DATA"), 404, "no_data"),
    (failure(Code.ABORTED, "JOB_CONFLICT"), 409, "conflict"),
    (failure(Code.ALREADY_EXISTS, "REQUEST_ID_REUSED"), 409, "request_id_reused"),
    (failure(Code.RESOURCE_EXHAUSTED, "QUEUE_FULL"), 429, "queue_full"),
    (failure(Code.RESOURCE_EXHAUSTED), 429, "resource_exhausted"),
    (failure(Code.INTERNAL, "INTERNAL", error_id="9f1c2ab4"), 500, "internal"),
    (failure(Code.UNKNOWN), 500, "unknown"),
    (failure(Code.UNAVAILABLE, "DRAINING"), 503, "draining"),
    (failure(Code.UNAVAILABLE, "STORAGE_BUSY"), 503, "storage_busy"),
    (failure(Code.UNAVAILABLE), 503, "unavailable"),
    (failure(Code.DEADLINE_EXCEEDED), 504, "deadline_exceeded"),
    (failure(Code.UNIMPLEMENTED), 501, "unimplemented"),
]


class NotingService(FakeService):
    """Notes the metadata of calls, and when one is over."""

    def __init__(self) -> None:
        super().__init__()
        self.metadata: list[dict[str, str | bytes]] = []
        self.over = threading.Event()

    def GetStatus(self, request: pb.GetStatusRequest, context: grpc.ServicerContext) -> pb.GetStatusResponse:  # noqa: N802
        self.metadata.append(dict(context.invocation_metadata()))
        context.add_callback(self.over.set)
        return super().GetStatus(request, context)


@pytest.fixture
def fake() -> NotingService:
    return NotingService()


@pytest.fixture
def gateway(fake: NotingService) -> Iterator[Gateway]:
    with serving(fake) as target, running_gateway(target) as running:
        yield running


def test_every_error_has_its_code_and_word(gateway: Gateway, fake: FakeService) -> None:
    for status, code, word in TABLE:
        fake.failures.append(status)

        response = gateway.get("/simulate/jobs")

        body = response.json()
        assert (response.status_code, set(body)) == (code, {"error", "message", "details"}), word
        assert (body["error"], body["message"]) == (word, "it went wrong")
        assert ("retry-after" in response.headers) == (code in (429, 503)), word


def test_details_hold_the_facts_and_the_wrong_fields(gateway: Gateway, fake: FakeService) -> None:
    fake.failures.append(
        failure(Code.INVALID_ARGUMENT, "INVALID_ARGUMENT", violations={"a": "is wrong", "b": "too"}, field="a")
    )

    assert gateway.get("/simulate/jobs").json()["details"] == {"field": "a", "fields": {"a": "is wrong", "b": "too"}}


def test_server_says_when_to_try_again(gateway: Gateway, fake: FakeService) -> None:
    fake.failures.append(failure(Code.RESOURCE_EXHAUSTED, "RATE_LIMITED", retry_after_seconds="17"))

    assert gateway.get("/simulate/jobs").headers["retry-after"] == "17"


def test_server_that_is_away_is_503_and_unhealthy() -> None:
    with running_gateway("127.0.0.1:1") as gateway:
        status = gateway.get("/simulate/status/x")
        health = gateway.get("/health")

    assert (status.status_code, status.json()["error"], status.headers["retry-after"]) == (503, "unavailable", "2")
    body = models.Health.model_validate(health.json())
    assert (health.status_code, body.status, list(body.services)) == (503, "unhealthy", ["grpc_server"])
    assert body.services["grpc_server"].status == "unhealthy"


def test_conflict_with_a_job_that_is_gone_tells_the_dates_of_the_error(gateway: Gateway, fake: FakeService) -> None:
    facts = {"current_job_id": "j", "current_start_date": "2025-03-03", "current_end_date": "2025-03-05"}
    fake.failures += [failure(Code.ABORTED, "JOB_CONFLICT", **facts), failure(Code.NOT_FOUND, "JOB_NOT_FOUND")]

    response = gateway.post("/simulate/trigger", {"config_path": "c.json"})

    assert response.status_code == 409
    assert response.json()["current_date_range"] == ["2025-03-03", "2025-03-05"]


def test_trigger_always_has_a_request_id(gateway: Gateway, fake: FakeService) -> None:
    gateway.post("/simulate/trigger", {"config_path": "c.json"})
    gateway.post("/simulate/trigger", {"config_path": "c.json", "request_id": "mine"})

    made, given = (request.request_id for request in fake.received(pb.TriggerRequest))
    assert (len(made), given) == (36, "mine")


def test_request_id_of_the_caller_goes_through(gateway: Gateway, fake: NotingService) -> None:
    response = gateway.http.get("/simulate/status/j", headers={"X-Request-ID": "mine-1"})

    assert response.headers["x-request-id"] == "mine-1"
    assert fake.metadata[0]["x-request-id"] == "mine-1"


@pytest.mark.parametrize("wild", ["x" * 5000, "täglich\t1"])
def test_wild_request_id_is_tamed(gateway: Gateway, fake: NotingService, wild: str) -> None:
    response = gateway.http.get("/simulate/status/j", headers={b"x-request-id": wild.encode()})

    tamed = response.headers["x-request-id"]
    assert response.status_code == 200
    assert fake.metadata[0]["x-request-id"] == tamed
    assert len(tamed) <= 128
    assert tamed.isascii()


def test_deadline_of_the_caller_is_kept(gateway: Gateway, fake: NotingService) -> None:
    fake.hang = True

    response = gateway.http.get("/simulate/status/j", headers={"X-Request-Timeout": "0.05"})

    assert (response.status_code, response.json()["error"]) == (504, "deadline_exceeded")


@pytest.mark.parametrize("timeout", ["0", "-1", "601", "nan", "inf", "soon", ""])
def test_deadline_that_is_none_is_refused(gateway: Gateway, timeout: str) -> None:
    response = gateway.http.get("/simulate/status/j", headers={"X-Request-Timeout": timeout})

    assert (response.status_code, list(response.json()["details"]["fields"])) == (400, ["X-Request-Timeout"])


def test_caller_who_disconnects_cancels_the_call(gateway: Gateway, fake: NotingService) -> None:
    """The deadline is far off, so that only the disconnect can end the call."""
    fake.hang = True

    with httpx.Client(base_url=gateway.url) as impatient, pytest.raises(httpx.ReadTimeout):
        impatient.get("/simulate/status/j", headers={"X-Request-Timeout": "600"}, timeout=0.5)

    assert fake.over.wait(DEADLINE)


def test_reader_who_leaves_cancels_the_stream(gateway: Gateway, fake: NotingService) -> None:
    fake.status = pb.GetStatusResponse(job_id="j", last_sequence=3)

    with httpx.Client(base_url=gateway.url) as reader, reader.stream("GET", "/simulate/progress/j") as response:
        next(response.iter_lines())

    wait_until(lambda: gateway.app.state.streams.open == 0, "the end of the stream")
