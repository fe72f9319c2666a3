from typing import Any

import pytest

from aitrader.v1 import callbacks_pb2, job_pb2, portfolio_pb2, prices_pb2, schedule_pb2
from aitrader.v1 import simulation_pb2 as pb
from aitrader.v1.service_status_pb2 import GetServiceStatusRequest, GetServiceStatusResponse
from aitrader.v1.upkeep_pb2 import GetStorageStatusRequest, GetStorageStatusResponse
from tests.integration.client.fake_service import FakeService
from tests.integration.client.job_story import JOB_ID, final_status
from tests.integration.client.twin import answer, items

DAYS = [portfolio_pb2.DayResult(date=f"2025-10-0{day}", model="gpt-5") for day in range(1, 6)]


async def test_status_has_the_model_days_of_all_pages(client: Any, service: FakeService) -> None:
    service.status = final_status()

    status = await answer(client.job(JOB_ID).status())

    assert status == final_status()
    assert [request.page_token for request in service.requests] == ["", "2", "4"]


async def test_results_go_through_all_pages_with_the_same_query(client: Any, service: FakeService) -> None:
    service.results.results.extend(DAYS)

    found = await items(client.results(model="gpt-5", detail="full"))

    assert found == DAYS
    assert {request.model for request in service.requests} == {"gpt-5"}
    assert {request.detail for request in service.requests} == {pb.RESULT_DETAIL_FULL}


async def test_results_of_a_job_are_asked_by_its_id(client: Any, service: FakeService) -> None:
    service.results.results.extend(DAYS)

    found = await items(client.job(JOB_ID).results(page_size=3))

    assert found == DAYS
    assert [(request.job_id, request.page_size) for request in service.requests] == [(JOB_ID, 3)] * 2


async def test_one_page_can_be_fetched_alone(client: Any, service: FakeService) -> None:
    service.results.results.extend(DAYS)

    page = await answer(client.get_results(page_size=1, page_token="3"))

    assert list(page.results) == DAYS[3:4]
    assert page.next_page_token == "4"


async def test_iteration_can_begin_at_a_page(client: Any, service: FakeService) -> None:
    service.results.results.extend(DAYS)

    assert await items(client.results(page_token="3")) == DAYS[3:]


async def test_leaderboard_timeseries_and_jobs_go_through_all_pages(client: Any, service: FakeService) -> None:
    service.leaderboard.leaderboard.extend(portfolio_pb2.LeaderboardEntry(rank=rank) for rank in (1, 2, 3))
    service.timeseries.timeseries.extend(portfolio_pb2.TimeseriesPoint(date=day.date) for day in DAYS)
    service.jobs.jobs.extend(job_pb2.Job(job_id=name) for name in "abc")

    ranks = [entry.rank for entry in await items(client.leaderboard(curve_points=9))]
    dates = [point.date for point in await items(client.timeseries("gpt-5", start_date="2025-10-01"))]
    names = [job.job_id for job in await items(client.jobs(statuses=["running"], experiment="e"))]

    assert (ranks, dates, names) == ([1, 2, 3], [day.date for day in DAYS], ["a", "b", "c"])
    assert service.received(pb.ListJobsRequest)[1] == pb.ListJobsRequest(
        statuses=[job_pb2.JOB_STATUS_RUNNING], experiment="e", page_token="2"
    )


async def test_reasoning_goes_through_all_pages(client: Any, service: FakeService) -> None:
    service.reasoning.steps.extend(job_pb2.ReasoningStep(step_number=number) for number in range(5))

    found = await items(client.reasoning(JOB_ID, "gpt-5", "2025-10-01", attempt=2))

    asked = {"job_id": JOB_ID, "model": "gpt-5", "date": "2025-10-01", "attempt": 2}
    assert [step.step_number for step in found] == [0, 1, 2, 3, 4]
    assert service.requests == [pb.GetReasoningRequest(**asked, page_token=token) for token in ("", "2", "4")]


async def test_one_page_of_reasoning_tells_the_session(client: Any, service: FakeService) -> None:
    service.reasoning = pb.GetReasoningResponse(session=job_pb2.Session(attempt=3, cost_usd=0.25))

    page = await answer(client.get_reasoning(JOB_ID, "gpt-5", "2025-10-01", page_size=1))

    assert page == service.reasoning
    assert [request.page_size for request in service.requests] == [1]


async def test_deliveries_go_through_all_pages(client: Any, service: FakeService) -> None:
    service.deliveries.deliveries.extend(callbacks_pb2.Delivery(delivery_id=name) for name in "abc")

    assert [found.delivery_id for found in await items(client.deliveries(JOB_ID))] == ["a", "b", "c"]


async def test_price_coverage_goes_through_all_pages(client: Any, service: FakeService) -> None:
    service.prices.symbols.extend(prices_pb2.SymbolCoverage(symbol=name) for name in "abc")

    assert [found.symbol for found in await items(client.price_coverage())] == ["a", "b", "c"]


async def test_schedules_go_through_all_pages(client: Any, service: FakeService) -> None:
    service.schedules.schedules.extend(schedule_pb2.Schedule(name=name) for name in "abc")

    assert [found.name for found in await items(client.schedules())] == ["a", "b", "c"]


async def test_status_of_the_service_is_one_answer(client: Any, service: FakeService) -> None:
    service.condition = GetServiceStatusResponse(version="1.2.3")

    assert await answer(client.service_status()) == service.condition
    assert service.requests == [GetServiceStatusRequest()]


async def test_status_of_the_storage_is_one_answer(client: Any, service: FakeService) -> None:
    service.storage = GetStorageStatusResponse(database_bytes=2**40)

    assert await answer(client.storage_status()) == service.storage
    assert service.requests == [GetStorageStatusRequest()]


async def test_audit_is_one_answer(client: Any, service: FakeService) -> None:
    service.audit = pb.AuditJobResponse(job_id=JOB_ID, observations=9)

    assert await answer(client.audit(JOB_ID)) == service.audit
    assert service.requests == [pb.AuditJobRequest(job_id=JOB_ID)]


async def test_verification_is_one_answer_also_through_the_handle(client: Any, service: FakeService) -> None:
    service.verification = pb.VerifyJobResponse(job_id=JOB_ID, equal=True)

    answers = [await answer(client.verify(JOB_ID)), await answer(client.job(JOB_ID).verify(timeout=9))]

    assert answers == [service.verification] * 2
    assert service.requests == [pb.VerifyJobRequest(job_id=JOB_ID)] * 2


async def test_an_unknown_word_is_refused_with_the_known_ones(client: Any) -> None:
    with pytest.raises(ValueError, match="'done' is not one of pending, running, completed"):
        await answer(client.list_jobs(statuses=["done"]))
