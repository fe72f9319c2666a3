"""Server-sent events: history, live, resumed, ended, cut, bounded."""

import json
import socket
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import grpc
import pytest

from aitrader.v1 import job_pb2
from aitrader.v1 import simulation_pb2 as pb
from client.gateway import events
from tests.integration.client.fake_service import FakeService, StreamPlan, failure, serving
from tests.integration.gateway.event_stream import Block, blocks
from tests.integration.gateway.gateway_server import Gateway, running_gateway
from tests.service import DATES, DEADLINE, Service, config, model, scripted, wait_until


def told(gateway: Gateway, job_id: str, headers: dict[str, str] | None = None, **query: Any) -> list[Block]:
    """Read a stream to its end, without comments and the word of when to connect again."""
    with gateway.http.stream("GET", f"/simulate/progress/{job_id}", params=query, headers=headers) as response:
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        return [block for block in blocks(response) if block.data]


@pytest.fixture
def ended(service: Service, experiment: str) -> pb.GetStatusResponse:
    return service.run(config(model("m"), end=DATES[1]), experiment=experiment)


def test_events_of_an_ended_job_are_its_history_and_the_end(
    gateway: Gateway, service: Service, ended: pb.GetStatusResponse
) -> None:
    *events, last = told(gateway, ended.job_id)

    assert [event.id for event in events] == list(range(1, ended.last_sequence + 1))
    assert [json.loads(event.data)["type"] for event in events] == [
        "job_accepted",
        "job_started",
        *["model_day_started", "model_day_completed"] * 2,
        "job_ended",
    ]
    assert (last.event, last.id) == ("end", ended.last_sequence)
    assert json.loads(last.data) == {
        "job_id": ended.job_id,
        "status": "completed",
        "last_sequence": ended.last_sequence,
    }


def test_stream_goes_on_after_any_position(gateway: Gateway, ended: pb.GetStatusResponse) -> None:
    everything = told(gateway, ended.job_id)

    for position in range(ended.last_sequence):
        assert told(gateway, ended.job_id, {"Last-Event-ID": str(position)}) == everything[position:]
        assert told(gateway, ended.job_id, after_sequence=position) == everything[position:]


def test_last_event_id_is_stronger_than_the_query(gateway: Gateway, ended: pb.GetStatusResponse) -> None:
    events = told(gateway, ended.job_id, {"Last-Event-ID": "4"}, after_sequence=1)

    assert events[0].id == 5


def test_who_connects_again_after_the_end_is_told_to_stop(gateway: Gateway, ended: pb.GetStatusResponse) -> None:
    response = gateway.http.get(
        f"/simulate/progress/{ended.job_id}", headers={"Last-Event-ID": str(ended.last_sequence)}
    )

    assert (response.status_code, response.content) == (204, b"")


@pytest.mark.parametrize(
    ("position", "word"), [("900", "sequence_out_of_range"), ("-1", "invalid_argument"), ("x", "invalid_argument")]
)
def test_wrong_position_is_refused(gateway: Gateway, ended: pb.GetStatusResponse, position: str, word: str) -> None:
    response = gateway.http.get(f"/simulate/progress/{ended.job_id}", headers={"Last-Event-ID": position})

    assert (response.status_code, response.json()["error"]) == (400, word)


def test_events_of_an_unknown_job_are_not_found(gateway: Gateway) -> None:
    assert gateway.get("/simulate/progress/nobody").status_code == 404


def test_running_job_is_followed_to_its_end(
    gateway: Gateway, service: Service, experiment: str, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    content = config(scripted("m", wait_on=DATES[1], wait_for=str(gate)), end=DATES[2])
    job_id = service.trigger(content, experiment=experiment).job_id

    with gateway.http.stream("GET", f"/simulate/progress/{job_id}") as response:
        stream = blocks(response)
        while next(stream).id != 5:  # the second day has started
            pass
        gate.touch()
        rest = [block for block in stream if block.data]

    assert [block.event for block in rest] == ["message"] * 4 + ["end"]


def test_quiet_stream_has_heartbeats_as_comments(new_service: Callable[..., Service], tmp_path: Path) -> None:
    service = new_service(heartbeat_seconds=0.02)
    gate = tmp_path / "gate"
    job_id = service.trigger(config(scripted("m", wait_on=DATES[0], wait_for=str(gate)), end=DATES[0])).job_id

    with running_gateway(f"127.0.0.1:{service.port}") as gateway:
        with gateway.http.stream("GET", f"/simulate/progress/{job_id}") as response:
            seen = next(block.comment for block in blocks(response) if block.comment)
        gate.touch()

    assert seen.startswith("heartbeat ")
    service.ended(job_id)


def test_flood_of_streams_is_refused_beyond_the_limit_and_places_are_given_back(
    service: Service, experiment: str, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    content = config(scripted("m", wait_on=DATES[0], wait_for=str(gate)), end=DATES[0])
    job_id = service.trigger(content, experiment=experiment).job_id

    with running_gateway(f"127.0.0.1:{service.port}", max_streams=10) as gateway, ExitStack() as sockets:
        flood = [sockets.enter_context(asked(gateway, job_id)) for _ in range(40)]
        heads = [head(raw) for raw in flood]
        refused = gateway.get(f"/simulate/progress/{job_id}")
        sockets.close()
        wait_until(lambda: gateway.app.state.streams.open == 0, "the end of the streams")
        gate.touch()
        assert told(gateway, job_id)[-1].event == "end"

    assert sorted(found.split()[1] for found in heads) == [b"200"] * 10 + [b"503"] * 30
    assert (refused.status_code, refused.json()["error"], refused.json()["details"]) == (
        503,
        "unavailable",
        {"max_streams": 10},
    )
    assert refused.headers["retry-after"] == "2"


def asked(gateway: Gateway, job_id: str) -> socket.socket:
    """Open a connection of its own and ask for a stream."""
    raw = socket.create_connection(("127.0.0.1", gateway.port), timeout=DEADLINE)
    raw.sendall(f"GET /simulate/progress/{job_id} HTTP/1.1\r\nHost: gateway\r\n\r\n".encode())
    return raw


def head(raw: socket.socket) -> bytes:
    """Read the head of an answer, and perhaps more."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += raw.recv(65536)
    return received


def test_cut_stream_ends_without_an_end_and_goes_on_from_the_last_id() -> None:
    fake = FakeService()
    fake.events = [job_pb2.ProgressEvent(sequence=number) for number in range(1, 6)]
    fake.events.append(job_pb2.ProgressEvent(sequence=6, type=job_pb2.EVENT_TYPE_JOB_ENDED))
    fake.status = pb.GetStatusResponse(job_id="j", status=job_pb2.JOB_STATUS_RUNNING, last_sequence=6)
    fake.streams.append(StreamPlan(messages=2))

    with serving(fake) as target, running_gateway(target) as gateway:
        first = told(gateway, "j")
        rest = told(gateway, "j", {"Last-Event-ID": str(first[-1].id)})

    assert [block.id for block in first] == [1, 2]
    assert [(block.event, block.id) for block in rest] == [
        *(("message", number) for number in (3, 4, 5, 6)),
        ("end", 6),
    ]


def test_included_fills_are_in_the_data_of_their_event(gateway: Gateway, service: Service, experiment: str) -> None:
    buyer = scripted("buyer", {DATES[0]: [("buy", "UP", 10), ("sell", "DOWN", 1)]})
    job_id = service.run(config(buyer, end=DATES[1]), experiment=experiment).job_id

    told_events = [json.loads(block.data) for block in told(gateway, job_id, include="fills")]

    (orders,) = [event["orders"] for event in told_events if "orders" in event]
    assert [trade["symbol"] for trade in orders["trades"]] == ["UP"]
    assert [rejection["reason"] for rejection in orders["rejections"]] == ["insufficient_holdings"]


def test_live_steps_are_events_without_an_id() -> None:
    message = pb.StreamProgressResponse(missed_steps=2)
    message.steps.add(date=DATES[0], model="m", attempt=1).step.step_number = 3

    step, missed = events.blocks(message)

    assert step.startswith(b'event: step\ndata: {"date":"2025-03-03","model":"m","attempt":1,"step":{"step_number":3,')
    assert missed == b"event: missed_steps\ndata: 2\n\n"


def test_job_that_was_retried_ends_at_its_last_end() -> None:
    fake = FakeService()
    fake.events = [job_pb2.ProgressEvent(sequence=number, type=job_pb2.EVENT_TYPE_JOB_ENDED) for number in (1, 2)]
    fake.status = pb.GetStatusResponse(job_id="j", status=job_pb2.JOB_STATUS_COMPLETED, last_sequence=2)

    with serving(fake) as target, running_gateway(target) as gateway:
        names = [block.event for block in told(gateway, "j")]

    assert names == ["message", "message", "end"]


def test_position_that_is_too_old_is_refused_before_the_stream_begins() -> None:
    class Forgetful(FakeService):
        def StreamProgress(self, request: pb.StreamProgressRequest, context: grpc.ServicerContext) -> Any:  # noqa: N802
            self.failures.append(failure(grpc.StatusCode.OUT_OF_RANGE, "SEQUENCE_OUT_OF_RANGE", oldest_sequence="9"))
            yield from super().StreamProgress(request, context)

    fake = Forgetful(status=pb.GetStatusResponse(job_id="j", last_sequence=9))

    with serving(fake) as target, running_gateway(target) as gateway:
        response = gateway.get("/simulate/progress/j", after_sequence=3)

        assert gateway.app.state.streams.open == 0
    assert (response.status_code, response.json()["error"]) == (400, "sequence_out_of_range")
    assert response.json()["details"] == {"oldest_sequence": "9"}
