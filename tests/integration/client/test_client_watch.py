from typing import Any

import grpc
import pytest

from aitrader.v1 import simulation_pb2 as pb
from aitrader.v1.portfolio_pb2 import Trade
from aitrader.v1.progress_pb2 import PROGRESS_INCLUDE_FILLS, PROGRESS_INCLUDE_REASONING, ModelDayOrders
from client.errors import DeadlineExceeded, SequenceOutOfRange, Unavailable
from tests.integration.client.fake_service import End, FakeService, StreamPlan, failure
from tests.integration.client.job_story import JOB_ID, final_status, pending_status, story
from tests.integration.client.twin import answer, items

LENGTH = len(story())
MESSAGES = len(FakeService(events=story()).messages_after(0))


def sequences(events: list[Any]) -> list[int]:
    return [event.sequence for event in events]


@pytest.fixture(autouse=True)
def whole_story(service: FakeService) -> None:
    service.events = story()
    service.status = final_status()


@pytest.mark.parametrize("end", End)
@pytest.mark.parametrize("messages", range(MESSAGES))
async def test_a_stream_broken_anywhere_goes_on_without_gap_or_double(
    client: Any, service: FakeService, messages: int, end: End
) -> None:
    service.streams.append(StreamPlan(messages=messages, end=end))

    events = await items(client.watch(JOB_ID))

    assert sequences(events) == list(range(1, LENGTH + 1))


async def test_each_message_forgives_the_cuts_before_it(client: Any, service: FakeService) -> None:
    service.streams.extend([StreamPlan(messages=2)] * 6)

    events = await items(client.watch(JOB_ID))

    assert sequences(events) == list(range(1, LENGTH + 1))


async def test_cuts_without_a_message_between_are_an_error_in_the_end(client: Any, service: FakeService) -> None:
    service.streams.extend([StreamPlan(messages=0)] * 10_000)

    with pytest.raises(Unavailable, match="Socket closed"):
        await items(client.watch(JOB_ID))

    assert len(service.received(pb.StreamProgressRequest)) > 1


async def test_retried_job_is_told_beyond_its_first_end(client: Any, service: FakeService) -> None:
    again = story()
    for number, event in enumerate(again, LENGTH + 1):
        event.sequence = number
    service.events = [*service.events, *again]

    events = await items(client.watch(JOB_ID))

    assert sequences(events) == list(range(1, 2 * LENGTH + 1))


async def test_orders_come_with_their_events_once(client: Any, service: FakeService) -> None:
    service.orders = {4: ModelDayOrders(sequence=4, date="2025-10-01", model="gpt-5", trades=[Trade(symbol="UP")])}
    service.streams.append(StreamPlan(messages=5))

    messages = await items(client.follow(JOB_ID, include=["fills", "reasoning"]))

    assert sequences([event for message in messages for event in message.events]) == list(range(1, LENGTH + 1))
    assert [day.sequence for message in messages for day in message.orders] == [4]
    include = [PROGRESS_INCLUDE_FILLS, PROGRESS_INCLUDE_REASONING]
    assert all(list(asked.include) == include for asked in service.received(pb.StreamProgressRequest))


async def test_waiting_for_a_job_whose_events_are_gone_ends(client: Any, service: FakeService) -> None:
    metadata = {"after_sequence": "0", "oldest_sequence": str(LENGTH), "last_sequence": str(LENGTH)}
    service.failures.append(failure(grpc.StatusCode.OUT_OF_RANGE, "SEQUENCE_OUT_OF_RANGE", **metadata))

    assert await answer(client.job(JOB_ID).wait()) == final_status()
    assert service.received(pb.StreamProgressRequest)[1].after_sequence == LENGTH - 1


async def test_watching_begins_after_the_given_position(client: Any, service: FakeService) -> None:
    events = await items(client.watch(JOB_ID, after_sequence=10))

    assert sequences(events) == list(range(11, LENGTH + 1))


async def test_watching_from_the_end_of_an_ended_job_gives_nothing(client: Any, service: FakeService) -> None:
    assert await items(client.watch(JOB_ID, after_sequence=LENGTH)) == []


async def test_a_stream_closed_while_the_job_runs_is_a_cut(client: Any, service: FakeService) -> None:
    service.events, service.status = [], pending_status()
    service.streams.extend([StreamPlan(messages=0, end=End.CLOSED)] * 10_000)

    with pytest.raises(Unavailable, match="closed before its end"):
        await items(client.watch(JOB_ID))


async def test_an_error_of_the_service_is_not_tried_again(client: Any, service: FakeService) -> None:
    service.failures.append(failure(grpc.StatusCode.OUT_OF_RANGE, "SEQUENCE_OUT_OF_RANGE"))

    with pytest.raises(SequenceOutOfRange):
        await items(client.watch(JOB_ID, after_sequence=900))

    assert len(service.requests) == 1


async def test_a_reader_may_leave_in_the_middle(client: Any, service: FakeService) -> None:
    events = client.watch(JOB_ID)

    if hasattr(events, "__anext__"):
        first = await anext(events)
        await events.aclose()
    else:
        first = next(events)
        events.close()

    assert first.sequence == 1


async def test_wait_returns_the_final_state(client: Any, service: FakeService) -> None:
    final = await answer(client.job(JOB_ID).wait())

    assert final == final_status()


async def test_wait_ends_at_its_timeout(client: Any, service: FakeService) -> None:
    service.hang = True

    with pytest.raises(DeadlineExceeded):
        await answer(client.job(JOB_ID).wait(timeout=0.05))
