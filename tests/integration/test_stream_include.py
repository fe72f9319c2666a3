"""StreamProgress with fills, and what compaction leaves of a stream."""

from datetime import timedelta
from pathlib import Path

import grpc
import pytest

from aitrader.v1 import portfolio_pb2
from aitrader.v1.progress_pb2 import PROGRESS_INCLUDE_FILLS, ModelDayOrders
from aitrader.v1.simulation_pb2 import StreamProgressRequest, StreamProgressResponse
from server.jobs.retention import Retention
from tests.service import DATES, DEADLINE, Service, config, model, refusal, scripted, wait_until

ORDERS = {
    DATES[0]: [("buy", "UP", 5), ("buy", "FLAT", 1000)],
    DATES[2]: [("sell", "UP", 2)],
}


def with_fills(service: Service, job_id: str, after: int = 0) -> list[StreamProgressResponse]:
    request = StreamProgressRequest(job_id=job_id, after_sequence=after, include=[PROGRESS_INCLUDE_FILLS])
    return list(service.stub.StreamProgress(request, timeout=DEADLINE))


def told(messages: list[StreamProgressResponse]) -> list[ModelDayOrders]:
    return [orders for message in messages for orders in message.orders]


def test_fills_and_rejections_come_with_the_event_that_commits_their_day(service: Service, experiment: str) -> None:
    job_id = service.trigger(config(scripted("m", ORDERS), end=DATES[3]), experiment=experiment).job_id

    messages = with_fills(service, job_id)

    for message in messages:
        assert {orders.sequence for orders in message.orders} <= {event.sequence for event in message.events}
    first, third = told(messages)
    assert (first.date, first.model, third.date) == (DATES[0], "m", DATES[2])
    assert [(trade.symbol, trade.amount, trade.price) for trade in first.trades] == [("UP", 5, 10.0)]
    assert [refused.reason for refused in first.rejections] == [portfolio_pb2.REJECTION_REASON_INSUFFICIENT_CASH]
    assert [(trade.symbol, trade.action) for trade in third.trades] == [("UP", portfolio_pb2.TRADE_ACTION_SELL)]


def test_fills_are_the_same_live_and_from_any_position_later(service: Service, experiment: str, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    entry = scripted("m", ORDERS, wait_on=DATES[1], wait_for=str(gate))
    job_id = service.trigger(config(entry, end=DATES[3]), experiment=experiment).job_id
    wait_until((tmp_path / "gate.reached").exists, "the second day")
    gate.touch()
    live = told(with_fills(service, job_id))
    last = service.status(job_id).last_sequence

    for position in range(last + 1):
        assert told(with_fills(service, job_id, position)) == [day for day in live if day.sequence > position]


def test_who_did_not_ask_for_fills_gets_none(service: Service, experiment: str) -> None:
    job_id = service.trigger(config(scripted("m", ORDERS), end=DATES[3]), experiment=experiment).job_id

    assert told(service.messages(job_id)) == []


def test_every_fill_of_a_large_job_is_told(service: Service, experiment: str) -> None:
    orders = {date: [("buy", "UP", 1), ("sell", "UP", 1)] * 300 for date in DATES}
    models = [scripted(f"m{n}", orders) for n in range(4)]
    job_id = service.trigger(config(*models), experiment=experiment).job_id
    service.ended(job_id)

    messages = with_fills(service, job_id)

    assert sum(len(day.trades) for day in told(messages)) == 4 * len(DATES) * 600


def test_unknown_include_is_refused(service: Service, experiment: str) -> None:
    job_id = service.run(config(model("m"), end=DATES[0]), experiment=experiment).job_id

    refused = refusal(service.stub.StreamProgress, StreamProgressRequest(job_id=job_id, include=[77]))

    assert refused.code == grpc.StatusCode.INVALID_ARGUMENT
    assert set(refused.violations) == {"include"}


@pytest.fixture
def compacted(service: Service, experiment: str) -> tuple[str, int]:
    """A job whose events were compacted, and the sequence of its last."""
    status = service.run(config(model("m"), end=DATES[1]), experiment=experiment)
    parts = service.app.parts
    retention = Retention(parts.journal, lambda: parts.clock() + timedelta(days=2), days=1)
    assert service.call(retention.compact()) > 0
    return status.job_id, status.last_sequence


def test_position_that_is_too_old_is_out_of_range_with_the_oldest_there_is(
    service: Service, compacted: tuple[str, int]
) -> None:
    job_id, last = compacted

    refused = refusal(service.stub.StreamProgress, StreamProgressRequest(job_id=job_id))

    assert (refused.code, refused.reason) == (grpc.StatusCode.OUT_OF_RANGE, "SEQUENCE_OUT_OF_RANGE")
    assert dict(refused.info.metadata) == {
        "after_sequence": "0",
        "oldest_sequence": str(last),
        "last_sequence": str(last),
    }


def test_last_event_of_a_compacted_job_is_still_streamed(service: Service, compacted: tuple[str, int]) -> None:
    job_id, last = compacted

    assert [event.sequence for event in service.events(job_id, last - 1)] == [last]
    assert service.events(job_id, last) == []


def test_status_of_a_compacted_job_is_what_it_was(service: Service, compacted: tuple[str, int]) -> None:
    job_id, last = compacted

    status = service.status(job_id)

    assert (status.last_sequence, status.progress.completed) == (last, 2)
