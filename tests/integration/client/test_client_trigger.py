import uuid
from typing import Any

import grpc

from aitrader.v1 import job_pb2
from aitrader.v1 import simulation_pb2 as pb
from aitrader.v1.control_pb2 import RetryJobRequest
from tests.integration.client.fake_service import FakeService, failure
from tests.integration.client.job_story import JOB_ID, accepted, up_to_date
from tests.integration.client.twin import answer, items


async def test_trigger_gives_a_handle_with_the_answer(client: Any, service: FakeService) -> None:
    service.trigger = accepted()

    job = await answer(client.trigger("demo.json"))

    assert (job.id, job.response, job.up_to_date) == (JOB_ID, accepted(), False)
    assert JOB_ID in repr(job)


async def test_trigger_sends_what_it_was_given(client: Any, service: FakeService) -> None:
    fields = {
        "request_id": "daily",
        "models": ["gpt-5"],
        "start_date": "2025-10-01",
        "end_date": "2025-10-02",
        "experiment": "e",
    }

    await answer(client.trigger("demo.json", **fields))

    assert service.requests == [pb.TriggerRequest(config_path="demo.json", **fields)]


async def test_a_retried_trigger_keeps_its_generated_request_id(client: Any, service: FakeService) -> None:
    service.retryable = True
    service.failures.append(failure(grpc.StatusCode.UNAVAILABLE, "STORAGE_BUSY"))

    await answer(client.trigger("demo.json"))

    first, second = service.requests
    assert uuid.UUID(first.request_id).version == 4
    assert first == second


async def test_two_triggers_have_different_request_ids(client: Any, service: FakeService) -> None:
    await answer(client.trigger("demo.json"))
    await answer(client.trigger("demo.json"))

    assert service.requests[0].request_id != service.requests[1].request_id


async def test_an_up_to_date_handle_answers_without_calling(client: Any, service: FakeService) -> None:
    service.trigger = up_to_date()

    job = await answer(client.trigger("demo.json"))
    final = await answer(job.wait())

    assert (job.id, job.up_to_date) == ("", True)
    assert final.status == job_pb2.JOB_STATUS_COMPLETED
    assert await items(job.watch()) == await items(job.results()) == []
    assert len(service.requests) == 1


async def test_retry_sends_what_it_was_given_and_a_request_id_of_its_own(client: Any, service: FakeService) -> None:
    given = await answer(client.retry(JOB_ID, models=["gpt-5"], request_id="again"))
    made = await answer(client.job(JOB_ID).retry())

    assert given == made
    assert (given.job_id, given.status, given.pending_model_days) == (JOB_ID, job_pb2.JOB_STATUS_RUNNING, 3)
    first, second = service.requests
    assert first == RetryJobRequest(job_id=JOB_ID, models=["gpt-5"], request_id="again")
    assert uuid.UUID(second.request_id).version == 4
