"""A job of two models on three dates, told as events and as the status at its end."""

from datetime import UTC, datetime, timedelta

from google.protobuf.timestamp_pb2 import Timestamp

from aitrader.v1 import job_pb2
from aitrader.v1 import simulation_pb2 as pb

JOB_ID = "1f0c5c1e-8f4e-4f6e-9c7e-0d7b8a9b6c5d"
DATES = ["2025-10-01", "2025-10-02", "2025-10-03"]
MODELS = ["gpt-5", "momentum"]
_START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def story(final: job_pb2.JobStatus.ValueType = job_pb2.JOB_STATUS_COMPLETED) -> list[job_pb2.ProgressEvent]:
    """Give the events of the whole job, one a second; the last model-day fails when the job ended partial."""
    events = [_event(job_pb2.EVENT_TYPE_JOB_ACCEPTED, job_pb2.JOB_STATUS_PENDING)]
    events.append(_event(job_pb2.EVENT_TYPE_JOB_STARTED))
    for date in DATES:
        for model in MODELS:
            events.append(_event(job_pb2.EVENT_TYPE_MODEL_DAY_STARTED, date=date, model=model))
            events.append(_event(job_pb2.EVENT_TYPE_MODEL_DAY_COMPLETED, date=date, model=model, value=10_100.0))
    if final == job_pb2.JOB_STATUS_PARTIAL:
        events[-1] = _event(job_pb2.EVENT_TYPE_MODEL_DAY_FAILED, date=DATES[-1], model=MODELS[-1])
    events.append(_event(job_pb2.EVENT_TYPE_JOB_ENDED, final))
    for index, event in enumerate(events):
        event.sequence = index + 1
        event.event_time.FromDatetime(_START + timedelta(seconds=index))
    return events


def pending_status() -> pb.GetStatusResponse:
    """Give the state of the job before its first model-day."""
    status = pb.GetStatusResponse(
        job_id=JOB_ID,
        status=job_pb2.JOB_STATUS_PENDING,
        config_path="demo.json",
        experiment="default",
        date_range=DATES,
        models=MODELS,
        last_sequence=1,
    )
    status.progress.total_model_days = status.progress.pending = len(DATES) * len(MODELS)
    for date in DATES:
        for model in MODELS:
            status.progress.details.add(date=date, model=model, status=job_pb2.MODEL_DAY_STATUS_PENDING)
    return status


def final_status(final: job_pb2.JobStatus.ValueType = job_pb2.JOB_STATUS_COMPLETED) -> pb.GetStatusResponse:
    """Give the state of the job after its last event."""
    status = pending_status()
    status.status = final
    status.last_sequence = len(story(final))
    status.total_duration_seconds = 13.0
    status.progress.pending = 0
    status.progress.completed = status.progress.total_model_days
    for day in status.progress.details:
        day.status = job_pb2.MODEL_DAY_STATUS_COMPLETED
    if final == job_pb2.JOB_STATUS_PARTIAL:
        status.progress.completed -= 1
        status.progress.failed = 1
        day = status.progress.details[-1]
        day.status, day.error = job_pb2.MODEL_DAY_STATUS_FAILED, "the model gave up"
    return status


def accepted() -> pb.TriggerResponse:
    """Give the answer to the trigger that started the job."""
    return pb.TriggerResponse(
        outcome=pb.TRIGGER_OUTCOME_ACCEPTED,
        job_id=JOB_ID,
        status=job_pb2.JOB_STATUS_PENDING,
        experiment="default",
        date_range=DATES,
        models=MODELS,
        total_model_days=6,
        created_time=Timestamp(seconds=1_767_000_000),
        message="the job was accepted",
        warnings=["2025-10-04 was left out: no prices"],
    )


def session_story() -> pb.GetReasoningResponse:
    """Give the session of the first model-day: a prompt, a call, its answer and a closing text."""
    call = {"tool_name": "get_price", "tool_call_id": "call-1"}
    session = job_pb2.Session(
        attempt=2,
        outcome=job_pb2.SESSION_OUTCOME_SUCCEEDED,
        stop_reason=job_pb2.STOP_REASON_FINISH_SIGNAL,
        total_steps=4,
        usage=job_pb2.TokenUsage(
            requests=2, input_tokens=1200, output_tokens=340, cache_read_tokens=1000, reasoning_tokens=200
        ),
        cost_usd=0.000123,
        summary="It bought 3 AAPL.",
        tool_usage=[job_pb2.ToolUsage(tool_name="get_price", call_count=1)],
    )
    steps = [
        job_pb2.ReasoningStep(role=job_pb2.REASONING_ROLE_USER, content="Trade the day.\n\nKeep to the rules."),
        job_pb2.ReasoningStep(role=job_pb2.REASONING_ROLE_ASSISTANT, arguments='{"symbol": "AAPL"}', **call),
        job_pb2.ReasoningStep(
            role=job_pb2.REASONING_ROLE_TOOL, content="255.50\n256.00", duration_seconds=0.25001, **call
        ),
        job_pb2.ReasoningStep(role=job_pb2.REASONING_ROLE_ASSISTANT, content="Done."),
    ]
    for number, step in enumerate(steps):
        step.step_number = number
    return pb.GetReasoningResponse(job_id=JOB_ID, date=DATES[0], model=MODELS[0], session=session, steps=steps)


def up_to_date() -> pb.TriggerResponse:
    """Give the answer to a trigger that found nothing to do."""
    return pb.TriggerResponse(
        outcome=pb.TRIGGER_OUTCOME_UP_TO_DATE,
        experiment="default",
        message="every model is up to date",
        last_simulation_date="2025-10-03",
        next_trading_day="2025-10-06",
    )


def _event(
    kind: job_pb2.EventType.ValueType,
    status: job_pb2.JobStatus.ValueType = job_pb2.JOB_STATUS_RUNNING,
    *,
    date: str = "",
    model: str = "",
    value: float | None = None,
) -> job_pb2.ProgressEvent:
    return job_pb2.ProgressEvent(
        type=kind, job_id=JOB_ID, status=status, date=date, model=model, portfolio_value=value, total_model_days=6
    )
