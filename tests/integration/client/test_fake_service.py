import grpc
import pytest

from aitrader.v1 import simulation_pb2 as pb
from aitrader.v1.portfolio_pb2 import DayResult
from aitrader.v1.simulation_pb2_grpc import SimulationServiceStub
from tests.integration.client.fake_service import FakeService, StreamPlan, failure
from tests.integration.client.job_story import final_status, story


@pytest.fixture
def stub(target: str) -> SimulationServiceStub:
    with grpc.insecure_channel(target) as channel:
        yield SimulationServiceStub(channel)


def test_lists_are_paged(stub: SimulationServiceStub, service: FakeService) -> None:
    service.results.results.extend(DayResult(date=f"2025-10-0{day}") for day in (1, 2, 3))

    first = stub.GetResults(pb.GetResultsRequest())
    second = stub.GetResults(pb.GetResultsRequest(page_token=first.next_page_token))

    assert [day.date for day in [*first.results, *second.results]] == ["2025-10-01", "2025-10-02", "2025-10-03"]
    assert not second.next_page_token


def test_status_pages_its_model_days(stub: SimulationServiceStub, service: FakeService) -> None:
    service.status = final_status()

    page = stub.GetStatus(pb.GetStatusRequest(page_size=4))

    assert len(page.progress.details) == 4
    assert page.next_page_token == "4"


def test_a_stream_sends_what_comes_after_the_position(stub: SimulationServiceStub, service: FakeService) -> None:
    service.events = story()

    messages = list(stub.StreamProgress(pb.StreamProgressRequest(after_sequence=3)))

    assert [event.sequence for message in messages for event in message.events] == list(range(4, 16))


def test_a_planned_stream_is_cut(stub: SimulationServiceStub, service: FakeService) -> None:
    service.events = story()
    service.streams.append(StreamPlan(messages=1))

    with pytest.raises(grpc.RpcError, match="Socket closed"):
        list(stub.StreamProgress(pb.StreamProgressRequest()))


def test_a_planned_failure_is_answered_once(stub: SimulationServiceStub, service: FakeService) -> None:
    service.failures.append(failure(grpc.StatusCode.NOT_FOUND, "NO_DATA"))

    with pytest.raises(grpc.RpcError, match="it went wrong"):
        stub.ListJobs(pb.ListJobsRequest())

    assert stub.ListJobs(pb.ListJobsRequest()) == pb.ListJobsResponse()
