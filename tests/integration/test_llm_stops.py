"""Sessions of agents that are stopped while their vendor is silent: by a cancel, or by the time of their model-day."""

from collections.abc import Callable
from typing import Any

from aitrader.v1 import job_pb2, simulation_pb2
from aitrader.v1.control_pb2 import CancelJobRequest
from tests.integration.llm_record import KEY, MODELS, llm_config, settings_for
from tests.llm_server import ANY_MODEL, Fault, FaultKind, LlmServer, Reply, ToolCall
from tests.llm_server.faults import once
from tests.service import DATES, DEADLINE, Service, wait_until

#: the second request of the first session is never answered
SILENT = once(Fault(FaultKind.TIMEOUT), at=2)


def buying(_: Any) -> Reply:
    return Reply("I buy.", (ToolCall("buy", {"symbol": "FLAT", "amount": 1}),))


def one_agent(**agent: Any) -> dict[str, Any]:
    """Return a config of one agent on two dates."""
    content = llm_config(models=MODELS[:1], date_range={"init_date": DATES[0], "end_date": DATES[1]})
    content["agent_config"] |= agent
    return content


def booked(service: Service) -> list[tuple[Any, ...]]:
    return service.rows("SELECT date FROM trading_days UNION ALL SELECT date FROM positions")


def attempts(service: Service) -> list[tuple[Any, ...]]:
    return service.rows("SELECT date, number, outcome, error_kind FROM attempts ORDER BY date, number")


def test_cancelled_session_hands_over_its_record_and_books_nothing(new_service: Callable[..., Service]) -> None:
    with LlmServer({ANY_MODEL: buying}, key=KEY, faults=SILENT) as vendor:
        service = new_service(cancel_grace=DEADLINE, **settings_for(vendor))
        job_id = service.trigger(one_agent()).job_id
        wait_until(lambda: len(vendor.requests) == 2, "the request that is not answered")
        process = service.app.pool.sessions.pid

        service.stub.CancelJob(CancelJobRequest(job_id=job_id), timeout=DEADLINE)
        status = service.ended(job_id)

    assert status.status == job_pb2.JOB_STATUS_CANCELLED
    assert status.progress.cancelled == 2
    assert service.app.pool.sessions.pid == process  # it answered when it was told to stop
    assert attempts(service) == [(DATES[0], 1, "cancelled", None)]
    assert booked(service) == []
    assert service.rows("SELECT outcome FROM sessions") == [("failed",)]
    told = simulation_pb2.GetReasoningRequest(job_id=job_id, date=DATES[0], model="one")
    assert "I buy." in str(service.stub.GetReasoning(told, timeout=DEADLINE))


def test_session_whose_time_is_spent_fails_its_model_day_and_the_job_goes_on(
    new_service: Callable[..., Service],
) -> None:
    with LlmServer({ANY_MODEL: buying}, key=KEY, faults=SILENT) as vendor:
        service = new_service(**settings_for(vendor))
        status = service.run(one_agent(model_day_timeout=2.0, max_retries=0), end_date=DATES[0])

    (day,) = status.progress.details
    assert status.status == job_pb2.JOB_STATUS_FAILED
    assert (day.status, day.error_kind) == (job_pb2.MODEL_DAY_STATUS_FAILED, job_pb2.FAILURE_KIND_TIMEOUT)
    assert attempts(service) == [(DATES[0], 1, "failed", "timeout")]
    assert booked(service) == []
    assert service.rows("SELECT COUNT(*) FROM portfolios WHERE claimed_by IS NOT NULL") == [(0,)]
