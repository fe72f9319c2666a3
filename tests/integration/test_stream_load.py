"""What streams cost: readers that do not read, and readers that vanish."""

import asyncio
import gc
from collections.abc import Callable
from pathlib import Path

import grpc
import psutil

from aitrader.v1 import job_pb2
from aitrader.v1.progress_pb2 import PROGRESS_INCLUDE_REASONING
from aitrader.v1.simulation_pb2 import StreamProgressRequest
from aitrader.v1.simulation_pb2_grpc import SimulationServiceStub
from storage.events import EventRow, EventType, append
from tests.service import DATES, DEADLINE, Service, config, scripted, wait_until

FLOOD = 100_000
CHUNK = 1000

ABANDONED = 1000

#: bytes; a hundred thousand events encoded are some 15 MB, and as rows some 100 MB
FLOOD_ROOM = 64 * 1024 * 1024
ABANDONED_ROOM = 32 * 1024 * 1024


def memory() -> int:
    gc.collect()
    return int(psutil.Process().memory_info().rss)


def waiting_job(service: Service, gate: Path) -> str:
    entry = scripted("m", wait_on=DATES[0], wait_for=str(gate))
    job_id = service.trigger(config(entry, end=DATES[0])).job_id
    wait_until(gate.with_name("gate.reached").exists, "the first day")
    return job_id


async def flood(service: Service, job_id: str) -> None:
    """Let events of a job pass as its runner does: stored, then published."""
    parts = service.app.parts

    def some(db: object) -> list[EventRow]:
        event_type, now = EventType.MODEL_DAY_STARTED, parts.clock()
        return [append(db, job_id, event_type, now, date=DATES[0], model="m", attempt=1) for _ in range(CHUNK)]  # type: ignore[arg-type]

    for _ in range(FLOOD // CHUNK):
        for row in await parts.journal.write(some):
            service.app._logs.publish(row)


def test_reader_that_does_not_read_costs_no_memory_and_gets_everything_in_the_end(
    new_service: Callable[..., Service], tmp_path: Path
) -> None:
    service = new_service(heartbeat_seconds=300)
    gate = tmp_path / "gate"
    job_id = waiting_job(service, gate)
    slow = service.stub.StreamProgress(StreamProgressRequest(job_id=job_id), timeout=DEADLINE * 5)
    first = next(slow)
    before = memory()

    service.call(flood(service, job_id))
    grown = memory() - before
    gate.touch()
    ended = service.events(job_id, after_sequence=FLOOD)
    sequences = [event.sequence for message in (first, *slow) for event in message.events]

    assert grown < FLOOD_ROOM
    assert ended[-1].type == job_pb2.EVENT_TYPE_JOB_ENDED
    assert sequences == list(range(1, ended[-1].sequence + 1))


async def tasks() -> int:
    return len(asyncio.all_tasks())


def test_abandoned_streams_leave_no_task_and_no_memory_behind(
    new_service: Callable[..., Service], tmp_path: Path
) -> None:
    service = new_service(heartbeat_seconds=300)
    gate = tmp_path / "gate"
    job_id = waiting_job(service, gate)
    abandon(service, job_id, ABANDONED)  # so that what allocators keep for the next thousand is there before
    wait_until(lambda: not service.app._logs.get(job_id).steps.wanted, "the end of the first streams")  # type: ignore[union-attr]
    before = service.call(tasks()), memory()

    abandon(service, job_id, ABANDONED)

    wait_until(lambda: service.call(tasks()) <= before[0], "the end of the tasks")
    wait_until(lambda: not service.app._logs.get(job_id).steps.wanted, "the end of the streams")  # type: ignore[union-attr]
    assert memory() - before[1] < ABANDONED_ROOM
    gate.touch()
    assert service.ended(job_id).status == job_pb2.JOB_STATUS_COMPLETED


def abandon(service: Service, job_id: str, count: int) -> None:
    """Open streams, read one message of each, cancel half of them and drop the connection of the others."""
    options = [("grpc.use_local_subchannel_pool", 1)]
    with grpc.insecure_channel(f"127.0.0.1:{service.port}", options=options) as channel:
        stub = SimulationServiceStub(channel)
        request = StreamProgressRequest(job_id=job_id, include=[PROGRESS_INCLUDE_REASONING])
        streams = [stub.StreamProgress(request) for _ in range(count)]
        for stream in streams:
            next(stream)
        for stream in streams[::2]:
            stream.cancel()
