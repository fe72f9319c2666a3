"""StreamProgress: history, live events, heartbeats, the end."""

import threading
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest

from aitrader.v1 import job_pb2
from aitrader.v1.job_pb2 import EventType
from aitrader.v1.simulation_pb2 import StreamProgressRequest, StreamProgressResponse
from tests.service import DATES, DEADLINE, Service, config, model, refusal, scripted, wait_until


def kinds(events: list[job_pb2.ProgressEvent]) -> list[str]:
    return [EventType.Name(event.type).removeprefix("EVENT_TYPE_") for event in events]


def test_events_tell_the_whole_story_in_order(service: Service, experiment: str) -> None:
    job_id = service.trigger(config(model("m"), end=DATES[1]), experiment=experiment).job_id

    events = service.events(job_id)

    assert kinds(events) == [
        "JOB_ACCEPTED",
        "JOB_STARTED",
        "MODEL_DAY_STARTED",
        "MODEL_DAY_COMPLETED",
        "MODEL_DAY_STARTED",
        "MODEL_DAY_COMPLETED",
        "JOB_ENDED",
    ]
    assert [event.sequence for event in events] == list(range(1, 8))
    assert [event.completed for event in events] == [0, 0, 0, 1, 1, 2, 2]
    assert {(event.job_id, event.total_model_days) for event in events} == {(job_id, 2)}
    assert [event.event_time.ToNanoseconds() for event in events] == sorted(
        event.event_time.ToNanoseconds() for event in events
    )
    assert events[-1].status == job_pb2.JOB_STATUS_COMPLETED
    assert events[-1].duration_seconds > 0


def test_event_of_a_committed_day_tells_its_value_and_fills(service: Service, experiment: str) -> None:
    job_id = service.trigger(
        config(scripted("m", {DATES[0]: [("buy", "UP", 100)]}), end=DATES[0]), experiment=experiment
    ).job_id

    event = next(event for event in service.events(job_id) if event.type == job_pb2.EVENT_TYPE_MODEL_DAY_COMPLETED)

    assert (event.date, event.model, event.attempt) == (DATES[0], "m", 1)
    assert (event.portfolio_value, event.fills) == (10_050, 1)
    assert event.HasField("duration_seconds")


def test_event_of_a_failed_day_tells_why(service: Service, experiment: str) -> None:
    job_id = service.trigger(config(scripted("m", raise_on=DATES[0]), end=DATES[0]), experiment=experiment).job_id

    events = service.events(job_id)

    (failed,) = [event for event in events if event.type == job_pb2.EVENT_TYPE_MODEL_DAY_FAILED]
    assert "the trader gave up" in failed.error
    assert not failed.HasField("portfolio_value")
    assert (events[-1].failed, events[-1].status) == (1, job_pb2.JOB_STATUS_FAILED)


def test_subscriber_after_the_end_gets_history_and_end(service: Service, experiment: str) -> None:
    job_id = service.trigger(config(model("m")), experiment=experiment).job_id
    live = service.events(job_id)

    assert service.events(job_id) == live
    assert live[-1].type == job_pb2.EVENT_TYPE_JOB_ENDED


def test_stream_goes_on_from_any_position(service: Service, experiment: str) -> None:
    job_id = service.trigger(config(model("m"), end=DATES[3]), experiment=experiment).job_id
    everything = service.events(job_id)

    for position in range(len(everything) + 1):
        messages = service.messages(job_id, after_sequence=position)

        assert [event for message in messages for event in message.events] == everything[position:]


def test_position_of_the_last_event_gives_the_end_and_nothing_else(service: Service, experiment: str) -> None:
    status = service.run(config(model("m"), end=DATES[1]), experiment=experiment)

    assert service.events(status.job_id, status.last_sequence) == []


@pytest.mark.parametrize("beyond", [1, 2**31 - 1])
def test_position_after_the_last_event_is_out_of_range(service: Service, experiment: str, beyond: int) -> None:
    status = service.run(config(model("m"), end=DATES[1]), experiment=experiment)
    position = min(status.last_sequence + beyond, 2**31 - 1)

    refused = refusal(service.stub.StreamProgress, StreamProgressRequest(job_id=status.job_id, after_sequence=position))

    assert (refused.code, refused.reason) == (grpc.StatusCode.OUT_OF_RANGE, "SEQUENCE_OUT_OF_RANGE")
    assert dict(refused.info.metadata) == {
        "after_sequence": str(position),
        "oldest_sequence": "1",
        "last_sequence": str(status.last_sequence),
    }


@pytest.mark.parametrize("position", [0, 1, 3])
def test_subscribers_of_a_running_job_get_every_event_once(
    service: Service, experiment: str, tmp_path: Path, position: int
) -> None:
    gate = tmp_path / "gate"
    job_id = service.trigger(config(scripted("m", wait_on=DATES[2], wait_for=str(gate))), experiment=experiment).job_id
    wait_until((tmp_path / "gate.reached").exists, "the third day")
    stream = service.stub.StreamProgress(
        StreamProgressRequest(job_id=job_id, after_sequence=position), timeout=DEADLINE
    )

    first = next(stream)
    gate.touch()
    events = [*first.events, *(event for message in stream for event in message.events)]

    assert [event.sequence for event in events] == list(range(position + 1, service.status(job_id).last_sequence + 1))


def test_many_subscribers_see_the_same(service: Service, experiment: str, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    job_id = service.trigger(config(scripted("m", wait_on=DATES[0], wait_for=str(gate))), experiment=experiment).job_id
    seen: list[list[job_pb2.ProgressEvent]] = []
    subscribers = [threading.Thread(target=lambda: seen.append(service.events(job_id))) for _ in range(20)]
    for subscriber in subscribers:
        subscriber.start()

    gate.touch()
    for subscriber in subscribers:
        subscriber.join(DEADLINE)

    assert len(seen) == 20
    assert all(events == seen[0] for events in seen)


def test_quiet_stream_repeats_its_position(new_service: Callable[..., Service], tmp_path: Path) -> None:
    service = new_service(heartbeat_seconds=0.02)
    gate = tmp_path / "gate"
    job_id = service.trigger(config(scripted("m", wait_on=DATES[0], wait_for=str(gate)), end=DATES[0])).job_id
    stream = service.stub.StreamProgress(StreamProgressRequest(job_id=job_id), timeout=DEADLINE)
    messages: list[StreamProgressResponse] = []

    while sum(not message.events for message in messages) < 5:
        messages.append(next(stream))
    gate.touch()
    messages += stream

    position = 0
    for message in messages:
        position = message.events[-1].sequence if message.events else position
        assert message.last_sequence == position
    assert messages[-1].events[-1].type == job_pb2.EVENT_TYPE_JOB_ENDED


def test_messages_have_no_gap_and_carry_their_position(service: Service, experiment: str) -> None:
    status = service.run(config(*(model(f"m{n}") for n in range(60))), experiment=experiment)

    messages = service.messages(status.job_id)

    sequences = [event.sequence for message in messages for event in message.events]
    assert sequences == list(range(1, 60 * 10 * 2 + 4))
    assert all(message.last_sequence == message.events[-1].sequence for message in messages)
    assert len(messages) > 1


def test_stream_that_the_caller_ends_leaves_the_job_alone(service: Service, experiment: str, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    job_id = service.trigger(config(scripted("m", wait_on=DATES[1], wait_for=str(gate))), experiment=experiment).job_id
    stream = service.stub.StreamProgress(StreamProgressRequest(job_id=job_id), timeout=DEADLINE)
    next(stream)

    stream.cancel()
    gate.touch()

    assert service.ended(job_id).status == job_pb2.JOB_STATUS_COMPLETED


def test_deadline_of_a_stream_is_respected(service: Service, experiment: str, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    job_id = service.trigger(config(scripted("m", wait_on=DATES[1], wait_for=str(gate))), experiment=experiment).job_id

    with pytest.raises(grpc.RpcError) as caught:
        list(service.stub.StreamProgress(StreamProgressRequest(job_id=job_id), timeout=0.1))

    gate.touch()
    assert caught.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED  # type: ignore[attr-defined]
    assert service.ended(job_id).status == job_pb2.JOB_STATUS_COMPLETED


def test_stopping_service_ends_streams_as_draining_and_the_rest_is_streamed_after_the_restart(
    new_service: Callable[..., Service], tmp_path: Path
) -> None:
    service = new_service()
    gate = tmp_path / "gate"
    job_id = service.trigger(config(scripted("m", wait_on=DATES[1], wait_for=str(gate)))).job_id
    wait_until((tmp_path / "gate.reached").exists, "the second day")
    ends: list[tuple[grpc.StatusCode, int]] = []
    first = threading.Event()
    channel = grpc.insecure_channel(f"127.0.0.1:{service.port}", options=[("grpc.use_local_subchannel_pool", 1)])

    def follow() -> None:
        last = 0
        try:
            stub = type(service.stub)(channel)
            for message in stub.StreamProgress(StreamProgressRequest(job_id=job_id), timeout=DEADLINE):
                last = message.last_sequence
                first.set()
        except grpc.RpcError as error:
            ends.append((error.code(), last))  # type: ignore[attr-defined]

    subscriber = threading.Thread(target=follow)
    subscriber.start()
    first.wait(DEADLINE)
    service.restart()
    subscriber.join(DEADLINE)
    channel.close()
    gate.touch()

    ((code, last),) = ends
    rest = service.events(job_id, last)
    assert code == grpc.StatusCode.UNAVAILABLE
    assert [event.sequence for event in rest] == list(range(last + 1, last + 1 + len(rest)))
    assert "JOB_RESUMED" in kinds(rest)
    assert kinds(rest)[-1] == "JOB_ENDED"
