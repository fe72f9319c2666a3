import asyncio

import pytest

from server.engine.model_day import ModelDayTask
from server.engine.session_record import Role, Step
from server.jobs.live_steps import KEPT as KEPT_STEPS
from server.jobs.live_steps import LiveSteps
from server.jobs.progress import KEPT, EventLog, ProgressLogs
from storage.events import EventRow, EventType
from tests.unit.server.engine.model_day_chain import model_day_task


def event(sequence: int, event_type: EventType = EventType.MODEL_DAY_STARTED, job_id: str = "j") -> EventRow:
    return EventRow(
        job_id=job_id,
        sequence=sequence,
        created_at="",
        event_type=event_type,
        status="running",
        date=None,
        model=None,
        attempt=None,
        duration_seconds=None,
        error=None,
        portfolio_value=None,
        fills=None,
        total_model_days=1,
        completed=0,
        failed=0,
    )


def encode(row: EventRow) -> bytes:
    return str(row.sequence).encode()


def encode_step(task: ModelDayTask, step: Step) -> bytes:
    return f"{task.job_id}{step.number}".encode()


async def test_log_gives_what_comes_after_a_position() -> None:
    log = EventLog(4, encode)
    for sequence in (5, 6, 7):
        log.append(event(sequence))

    assert log.last_sequence == 7
    assert log.after(4, 10) == [b"5", b"6", b"7"]
    assert log.after(5, 1) == [b"6"]
    assert log.after(7, 10) == []


async def test_log_reaches_back_to_where_it_was_opened() -> None:
    log = EventLog(4, encode)
    log.append(event(5))

    assert log.reaches(4)
    assert not log.reaches(3)


async def test_log_forgets_the_oldest_events_of_a_long_job() -> None:
    log = EventLog(0, encode)

    for sequence in range(1, 2 * KEPT + 2):
        log.append(event(sequence))

    assert log.last_sequence == 2 * KEPT + 1
    assert not log.reaches(KEPT - 1)
    assert log.after(KEPT, 1) == [str(KEPT + 1).encode()]
    assert log.after(2 * KEPT, 10) == [str(2 * KEPT + 1).encode()]


async def test_append_wakes_every_subscriber() -> None:
    log = EventLog(0, encode)
    subscribers = [asyncio.create_task(log.wait()) for _ in range(10)]
    await asyncio.sleep(0)

    log.append(event(1))

    await asyncio.wait_for(asyncio.gather(*subscribers), 10)


async def test_log_ends_with_the_last_event_of_its_job() -> None:
    logs = ProgressLogs(encode, encode_step)
    logs.open("j", 0)
    log = logs.get("j")
    assert log is not None

    logs.publish(event(1))
    assert not log.ended
    logs.publish(event(2, EventType.JOB_ENDED))

    assert log.ended
    assert logs.get("j") is None


async def test_dropped_log_is_gone() -> None:
    logs = ProgressLogs(encode, encode_step)
    logs.open("j", 0)

    logs.drop("j")

    assert logs.get("j") is None


async def test_beat_wakes_subscribers_without_an_event() -> None:
    logs = ProgressLogs(encode, encode_step)
    logs.open("j", 0)
    log = logs.get("j")
    assert log is not None
    beat = asyncio.create_task(logs.beat(0.001))

    await asyncio.wait_for(log.wait(), 10)

    beat.cancel()
    with pytest.raises(asyncio.CancelledError):
        await beat
    assert log.last_sequence == 0


async def test_close_wakes_subscribers_for_good() -> None:
    logs = ProgressLogs(encode, encode_step)
    logs.open("j", 0)
    log = logs.get("j")
    assert log is not None
    subscriber = asyncio.create_task(log.wait())
    await asyncio.sleep(0)

    logs.close()

    await asyncio.wait_for(subscriber, 10)
    assert logs.closed


async def test_step_wakes_those_who_listen_to_steps_and_nobody_else() -> None:
    log = EventLog(0, encode)
    subscriber = asyncio.create_task(log.wait())
    with log.steps.listening():
        listener = asyncio.create_task(log.wait(steps=True))
        await asyncio.sleep(0)

        log.append_step(b"a")
        await asyncio.wait_for(listener, 10)

    assert not subscriber.done()
    log.wake()
    await asyncio.wait_for(subscriber, 10)


async def test_steps_are_encoded_only_while_somebody_listens() -> None:
    logs = ProgressLogs(encode, encode_step)
    logs.open("job", 0)
    log = logs.get("job")
    assert log is not None
    task = model_day_task("2025-10-01")

    logs.publish_step(task, Step(number=1, role=Role.USER, content="unheard"))
    with log.steps.listening() as place:
        logs.publish_step(task, Step(number=2, role=Role.USER, content="heard"))
        heard = log.steps.after(place, 10)

    assert heard == ([b"job2"], 0)


def test_listener_that_falls_behind_is_told_how_many_steps_it_missed() -> None:
    steps = LiveSteps()

    with steps.listening() as place:
        for number in range(KEPT_STEPS + 3):
            steps.append(str(number).encode())

        assert steps.after(place, 2) == ([b"3", b"4"], 3)
        assert steps.after(place + 3 + 2, 2) == ([b"5", b"6"], 0)


def test_steps_are_forgotten_with_the_last_listener() -> None:
    steps = LiveSteps()

    with steps.listening():
        with steps.listening() as place:
            steps.append(b"a")
        assert steps.after(place, 10) == ([b"a"], 0)

    assert not steps.wanted
    assert steps.after(0, 10) == ([], 1)
