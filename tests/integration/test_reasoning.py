"""GetReasoning, AuditJob and the reasoning of results: what agents did, told by the service.

The sessions are those an engine would leave, stored through the functions that store them, so that every word of them
is known here.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import grpc
import pytest

from aitrader.v1 import job_pb2, simulation_pb2
from aitrader.v1.simulation_pb2 import AuditJobRequest, GetReasoningRequest, GetReasoningResponse
from client import Client, JobNotFound, NoData
from server.engine.session_record import (
    Dropped,
    Observation,
    Role,
    SessionRecord,
    Step,
    StopReason,
    TokenUsage,
    ToolUse,
)
from server.jobs.outcome import session_rows
from storage.session_record import SessionOutcome, store_session
from tests.service import DATES, DEADLINE, Service, config, refusal, scripted

STARTED = datetime(2025, 11, 1, 12, tzinfo=UTC)

CALL = {"tool_name": "get_price", "tool_call_id": "call-1"}

STEPS = (
    Step(number=0, role=Role.USER, content="Trade the day."),
    Step(number=1, role=Role.ASSISTANT, content=None, arguments='{"symbol": "UP"}', offset_seconds=0.5, **CALL),
    Step(number=2, role=Role.TOOL, content="10", offset_seconds=0.75, duration_seconds=0.25, **CALL),
    Step(number=3, role=Role.ASSISTANT, content="I am done.", offset_seconds=2.0),
)

RECORD = SessionRecord(
    prompt_digest="ab" * 32,
    steps=STEPS,
    tool_usage=(ToolUse(tool_name="get_price", call_count=1, total_duration_seconds=0.25),),
    usage=TokenUsage(requests=2, input_tokens=1200, output_tokens=340, cache_read_tokens=1000, reasoning_tokens=200),
    cost_usd=Decimal("0.000123456789"),
    stop_reason=StopReason.FINISH_SIGNAL,
    summary="It bought 10 UP.",
)


def seen(source_date: str, *, opening: bool = False, as_of: str = DATES[0]) -> Observation:
    return Observation(
        step=2, tool_name="get_price", subject="UP", as_of=as_of, source_date=source_date, opening=opening, digest="d"
    )


def changed(**fields: object) -> SessionRecord:
    names = ("prompt_digest", "steps", "tool_usage", "usage", "cost_usd", "stop_reason", "summary")
    return SessionRecord(**{**{name: getattr(RECORD, name) for name in names}, **fields})  # type: ignore[arg-type]


@pytest.fixture
def job_id(service: Service, experiment: str) -> str:
    """A job of a model that trades by script on two dates."""
    trader = scripted("m", {DATES[0]: [("buy", "UP", 10)]})
    return service.run(config(trader, end=DATES[1]), experiment=experiment).job_id


@pytest.fixture
def store(service: Service, job_id: str) -> Callable[..., None]:
    """Store a record as the session of the job's first model-day."""

    def run(record: SessionRecord, attempt: int = 1, outcome: SessionOutcome = SessionOutcome.SUCCEEDED) -> None:
        rows = session_rows(record, STARTED)
        assert rows is not None
        with service.db.atomic("IMMEDIATE"):
            store_session(service.db, (job_id, DATES[0], "m", attempt), outcome, rows)

    return run


def ask(service: Service, job_id: str, **fields: object) -> GetReasoningResponse:
    request = GetReasoningRequest(**{"job_id": job_id, "date": DATES[0], "model": "m", **fields})
    return service.stub.GetReasoning(request, timeout=DEADLINE)


def test_session_is_told_as_the_engine_left_it(service: Service, job_id: str, store: Callable[..., None]) -> None:
    store(RECORD)

    response = ask(service, job_id)

    session = response.session
    assert (response.job_id, response.date, response.model) == (job_id, DATES[0], "m")
    assert (session.attempt, session.outcome, session.stop_reason) == (
        1,
        job_pb2.SESSION_OUTCOME_SUCCEEDED,
        job_pb2.STOP_REASON_FINISH_SIGNAL,
    )
    assert (session.cost_usd, session.prompt_digest, session.summary) == (
        0.000123456789,
        RECORD.prompt_digest,
        RECORD.summary,
    )
    assert session.usage == job_pb2.TokenUsage(
        requests=2, input_tokens=1200, output_tokens=340, cache_read_tokens=1000, reasoning_tokens=200
    )
    assert [
        (step.step_number, step.content, step.tool_name, step.tool_call_id, step.arguments) for step in response.steps
    ] == [
        (step.number, step.content or "", step.tool_name or "", step.tool_call_id or "", step.arguments or "")
        for step in STEPS
    ]
    assert [step.time.ToDatetime(UTC) - STARTED for step in response.steps] == [
        timedelta(seconds=step.offset_seconds) for step in STEPS
    ]
    assert [step.HasField("duration_seconds") for step in response.steps] == [False, False, True, False]


def test_a_later_attempt_is_told_unless_another_is_asked_for(
    service: Service, job_id: str, store: Callable[..., None]
) -> None:
    store(changed(stop_reason=None, cost_usd=None), 1, SessionOutcome.FAILED)
    store(RECORD, 2)

    assert ask(service, job_id).session.attempt == 2
    first = ask(service, job_id, attempt=1).session
    assert first.outcome == job_pb2.SESSION_OUTCOME_FAILED
    assert not first.HasField("cost_usd")


def test_what_a_model_wrote_can_always_be_stored(service: Service, job_id: str, store: Callable[..., None]) -> None:
    odd = Step(number=0, role=Role.ASSISTANT, content="\ud83d half, \0 and ä", arguments='"\udc00"', tool_name="\ud800")
    usage = TokenUsage(input_tokens=2**70, output_tokens=-1)

    store(changed(steps=(odd,), usage=usage, cost_usd=Decimal("NaN"), summary="\udfff"))

    response = ask(service, job_id)
    assert response.steps[0].content == "? half, \0 and ä"
    assert (response.session.usage.input_tokens, response.session.usage.output_tokens) == (2**31 - 1, 0)
    assert not response.session.HasField("cost_usd")


def test_results_in_full_tell_the_reasoning(service: Service, job_id: str, store: Callable[..., None]) -> None:
    store(changed(cost_usd=Decimal(9)), 1, SessionOutcome.FAILED)
    store(RECORD, 2)

    first, second = service.results(job_id=job_id)
    minimal = service.results(job_id=job_id, detail=simulation_pb2.RESULT_DETAIL_MINIMAL)

    reasoning = first.reasoning
    assert (reasoning.total_steps, reasoning.stop_signal_received) == (4, True)
    assert (reasoning.reasoning_summary, reasoning.cost_usd) == ("It bought 10 UP.", 0.000123456789)
    assert (reasoning.input_tokens, reasoning.output_tokens) == (1200, 340)
    assert [(use.tool_name, use.call_count) for use in reasoning.tool_usage] == [("get_price", 1)]
    assert not second.HasField("reasoning")
    assert not any(day.HasField("reasoning") for day in minimal)


def test_model_day_without_an_agent_has_no_reasoning(service: Service, job_id: str) -> None:
    request = GetReasoningRequest(job_id=job_id, date=DATES[0], model="m")

    refused = refusal(service.stub.GetReasoning, request)

    assert (refused.code, refused.reason) == (grpc.StatusCode.NOT_FOUND, "NO_DATA")
    assert dict(refused.info.metadata) == {"job_id": job_id, "date": DATES[0], "model": "m"}


def test_unknown_job_and_wrong_fields_are_refused(service: Service) -> None:
    unknown = refusal(service.stub.AuditJob, AuditJobRequest(job_id="x"))
    wrong = refusal(service.stub.GetReasoning, GetReasoningRequest(job_id="x", date="2025-02-30", attempt=-1))

    assert (unknown.code, unknown.reason) == (grpc.StatusCode.NOT_FOUND, "JOB_NOT_FOUND")
    assert wrong.code is grpc.StatusCode.INVALID_ARGUMENT
    assert set(wrong.violations) == {"date", "model", "attempt"}


def test_audit_is_clean_until_something_later_is_planted(
    service: Service, job_id: str, store: Callable[..., None]
) -> None:
    kept = Dropped(step=2, tool_name="search", subject="https://example.org", reason="no date")
    store(changed(observations=(seen("2025-02-28"), seen(DATES[0], opening=True)), dropped=(kept, kept)))

    clean = service.stub.AuditJob(AuditJobRequest(job_id=job_id), timeout=DEADLINE)
    store(changed(observations=(seen(DATES[0]), seen(DATES[1]), seen("2025-02-28"))), 2)
    leaking = service.stub.AuditJob(AuditJobRequest(job_id=job_id), timeout=DEADLINE)

    assert (clean.sessions, clean.observations, clean.violation_count, len(clean.violations)) == (1, 2, 0, 0)
    assert [(row.tool_name, row.reason, row.count) for row in clean.dropped] == [("search", "no date", 2)]
    assert (leaking.sessions, leaking.observations, leaking.violation_count) == (2, 5, 2)
    assert [(found.attempt, found.subject, found.as_of, found.source_date) for found in leaking.violations] == [
        (2, "UP", DATES[0], DATES[0]),
        (2, "UP", DATES[0], DATES[1]),
    ]


def test_client_reads_the_session_and_the_audit(service: Service, job_id: str, store: Callable[..., None]) -> None:
    store(RECORD)

    with Client(f"127.0.0.1:{service.port}") as client:
        steps = list(client.reasoning(job_id, "m", DATES[0], page_size=1))
        audit = client.audit(job_id)
        with pytest.raises(NoData):
            client.get_reasoning(job_id, "m", DATES[1])
        with pytest.raises(JobNotFound):
            client.audit("x")

    assert [step.step_number for step in steps] == [0, 1, 2, 3]
    assert audit.violation_count == 0
