"""Jobs of LLM agents on real prices, against a vendor that is played over real HTTP."""

import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from threading import Event
from typing import Any, TypeAlias

import pytest
from pydantic import SecretStr

from aitrader.v1 import job_pb2, simulation_pb2
from tests.llm_server import (
    ANY_MODEL,
    ChatRequest,
    Delivery,
    Fault,
    FaultKind,
    LlmServer,
    Reply,
    ToolCall,
    share,
    trading_script,
)
from tests.service import DEADLINE, BackgroundLoop, Service, start_service, wait_until

KEY = "sk-live-0123456789abcdef"
MODELS = ("vendor/one", "vendor/two", "vendor/three")
SCRIPTS = {model: trading_script(seed) for seed, model in enumerate(MODELS)}

#: ten trading dates
FIRST, LAST = "2025-10-01", "2025-10-14"

#: faults that a job is to outlast, in a tenth of all requests
FAULTS = [
    Fault(FaultKind.RATE_LIMIT, retry_after=0.01),
    Fault(FaultKind.SERVER_ERROR),
    Fault(FaultKind.UNAVAILABLE),
    Fault(FaultKind.CLOSED),
    Fault(FaultKind.HTML),
    Fault(FaultKind.EMPTY_CHOICES),
    Fault(FaultKind.EMPTY_CONTENT),
    Fault(FaultKind.CUT_CONTENT),
    Fault(FaultKind.CUT_ARGUMENTS),
    Fault(FaultKind.ENCODED_TWICE),
    Fault(FaultKind.NUMBERS_AS_TEXT),
    Fault(FaultKind.UNKNOWN_TOOL),
    Fault(FaultKind.PARALLEL_CALLS),
    Fault(FaultKind.MALFORMED_ARGUMENTS),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A job that has ended, and what the vendor says that it delivered."""

    service: Service
    status: simulation_pb2.GetStatusResponse
    delivered: list[Delivery]


StartService: TypeAlias = Callable[[LlmServer], Service]


@pytest.fixture(scope="module")
def start_llm_service(
    loop: BackgroundLoop, real_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[StartService]:
    """Start services that know a vendor and the real prices."""
    started: list[Service] = []

    def start(vendor: LlmServer) -> Service:
        settings = {"openai_api_base": vendor.base_url, "openai_api_key": SecretStr(KEY)}
        service = start_service(loop, tmp_path_factory.mktemp("llm"), **settings)
        started.append(service)
        service.import_files(real_data / "merged.jsonl")
        return service

    yield start
    for service in started:
        service.close()


@pytest.fixture(scope="module")
def smooth(start_llm_service: StartService) -> Run:
    """A job that no fault disturbed."""
    with LlmServer(SCRIPTS, key=KEY) as vendor:
        service = start_llm_service(vendor)
        return Run(service=service, status=service.run(llm_config()), delivered=list(vendor.delivered))


def llm_config(**agent: Any) -> dict[str, Any]:
    models = [
        {
            "signature": model.partition("/")[2],
            "basemodel": model,
            "prices": {"input": 1.25, "output": 10},
        }
        for model in MODELS
    ]
    limits = {"initial_cash": 10_000.0, "max_retries": 6, "base_delay": 0.01, **agent}
    return {"date_range": {"init_date": FIRST, "end_date": LAST}, "models": models, "agent_config": limits}


def trades(service: Service) -> list[tuple[Any, ...]]:
    return service.rows(
        "SELECT date, model, action_id, symbol, amount, price, cash FROM positions ORDER BY date, model, action_id"
    )


def test_agents_trade_and_everything_they_cost_is_stored(smooth: Run) -> None:
    (used,) = smooth.service.rows("SELECT SUM(requests), SUM(input_tokens), SUM(output_tokens) FROM sessions")
    cost = sum((Decimal(cost) for (cost,) in smooth.service.rows("SELECT cost_usd FROM sessions")), Decimal(0))

    assert smooth.status.status == job_pb2.JOB_STATUS_COMPLETED
    assert smooth.status.progress.completed == 30
    assert used == (
        len(smooth.delivered),
        sum(delivery.prompt_tokens for delivery in smooth.delivered),
        sum(delivery.completion_tokens for delivery in smooth.delivered),
    )
    assert cost == (Decimal("1.25") * used[1] + Decimal(10) * used[2]) / 1_000_000
    assert len([row for row in trades(smooth.service) if row[2]]) > 30


def test_nothing_that_agents_saw_is_later_than_their_decision(smooth: Run) -> None:
    request = simulation_pb2.AuditJobRequest(job_id=smooth.status.job_id)

    audit = smooth.service.stub.AuditJob(request, timeout=DEADLINE)

    assert audit.observations > 100
    assert not audit.violations


def test_key_is_nowhere_in_the_database_or_in_answers(smooth: Run) -> None:
    assert KEY not in str(smooth.service.contents())
    assert KEY not in str(smooth.status)
    for path in smooth.service.settings.db.parent.glob("jobs.db*"):
        assert KEY.encode() not in path.read_bytes()


def test_faults_of_the_vendor_change_no_trade(smooth: Run, start_llm_service: StartService) -> None:
    with LlmServer(SCRIPTS, key=KEY, faults=share(0.1, 7, FAULTS)) as vendor:
        service = start_llm_service(vendor)
        status = service.run(llm_config())
        faults = {delivery.fault for delivery in vendor.delivered if delivery.fault}

    assert len(faults) > 5
    assert status.progress.completed == 30, [day.error for day in status.progress.details if day.error]
    assert trades(service) == trades(smooth.service)


def test_wrong_key_fails_the_model_days_and_says_so(start_llm_service: StartService) -> None:
    with LlmServer(SCRIPTS, key="another") as vendor:
        status = start_llm_service(vendor).run(llm_config(), end_date=FIRST)

    assert status.status == job_pb2.JOB_STATUS_FAILED
    assert all("401" in day.error for day in status.progress.details)
    assert KEY not in str(status)


def echoing(request: ChatRequest) -> Reply:
    """Say the key, call with it, and in the end fail with it in the error."""
    if request.step:
        raise RuntimeError(f"Incorrect API key provided: {KEY}")
    return Reply(f"My key is {KEY}", (ToolCall("calculate", {"expression": KEY}), ToolCall(KEY, {"key": KEY})))


def test_key_that_the_vendor_echoes_is_nowhere(
    start_llm_service: StartService, capfd: pytest.CaptureFixture[str]
) -> None:
    with LlmServer({ANY_MODEL: echoing}, key=KEY) as vendor:
        service = start_llm_service(vendor)
        status = service.run(llm_config(max_retries=1), end_date=FIRST)
        sent = str(vendor.requests)
    logged = capfd.readouterr()

    request = simulation_pb2.GetReasoningRequest(job_id=status.job_id, date=FIRST, model="one")
    told = service.stub.GetReasoning(request, timeout=DEADLINE)
    assert "My key is" in sent
    assert all("Incorrect API key provided: ***" in day.error for day in status.progress.details)
    assert "My key is ***" in str(told)
    for text in (logged.out, logged.err, str(status), str(told), str(service.events(status.job_id))):
        assert KEY not in text
    assert KEY not in str(service.contents())
    for path in service.settings.db.parent.glob("jobs.db*"):
        assert KEY.encode() not in path.read_bytes()


def test_session_process_that_dies_takes_its_attempts_and_the_job_goes_on(start_llm_service: StartService) -> None:
    killed = Event()
    with LlmServer(SCRIPTS, key=KEY, latency=lambda _: 0.0 if killed.is_set() else DEADLINE) as vendor:
        service = start_llm_service(vendor)
        job_id = service.trigger(llm_config(), end_date="2025-10-03").job_id
        wait_until(lambda: bool(vendor.requests), "the first request")
        process = service.app.pool.sessions.pid
        assert process
        os.kill(process, signal.SIGKILL)
        killed.set()
        status = service.ended(job_id)

    assert status.progress.completed == 9
    assert max(day.attempt for day in status.progress.details) == 2
