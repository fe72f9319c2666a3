"""Fifty clients watch five jobs, cut at random positions, while their server is stopped, killed and started again."""

import asyncio
import json
import random
import signal
from collections.abc import AsyncIterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import pytest

from aitrader.v1 import job_pb2, simulation_pb2
from aitrader.v1.job_pb2 import ProgressEvent
from aitrader.v1.simulation_pb2_grpc import SimulationServiceStub
from client import AsyncClient, Client
from client.channel import open_async_channel
from tests.e2e.process import DEADLINE, ServerProcess, run, server
from tests.service import free_port

JOBS = 5
CLIENTS = 50

MODELS = 12
DATES = 60

#: how the server ends each time, and which part of all events is to have passed before
ENDS = ((0.1, signal.SIGTERM), (0.3, signal.SIGKILL), (0.5, signal.SIGTERM), (0.7, signal.SIGKILL))

#: seconds for everything; far more than it takes on a busy machine
PATIENCE = 300

#: seconds between tries of a client that is cut off
GLANCE = 0.05


@dataclass(slots=True)
class Watched:
    """What one client saw of its job."""

    job_id: str
    events: list[ProgressEvent] = field(default_factory=list)
    streams: int = 0

    @property
    def position(self) -> int:
        return self.events[-1].sequence if self.events else 0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a database of prices and a config."""
    database, prices = str(tmp_path / "jobs.db"), str(tmp_path / "prices.csv")
    made = run(
        ["ai-trader-server", "prices", "generate", prices, "--symbols", "3", "--days", str(DATES), "--seed", "1"]
    )
    read = run(["ai-trader-server", "prices", "import", "--db", database, prices])
    assert (made.returncode, read.returncode) == (0, 0), made.stderr + read.stderr
    models = [
        {"name": f"m{n}", "basemodel": "rule/equal-weight", "signature": f"m{n}", "enabled": True}
        for n in range(MODELS)
    ]
    config = {
        "agent_type": "BaseAgent",
        "date_range": {"init_date": "2000-01-01"},
        "models": models,
        "agent_config": {"initial_cash": 10_000.0, "max_retries": 3},
    }
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return tmp_path


async def test_clients_miss_nothing_and_see_nothing_twice_however_often_they_are_cut(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAX_CONCURRENT_JOBS", str(JOBS))
    port = free_port()
    with ExitStack() as running:
        current = await started(running, folder, port)
        job_ids = await asyncio.to_thread(triggered, current.address)
        watched = [Watched(job_ids[number % JOBS]) for number in range(CLIENTS)]
        clients = asyncio.gather(*(watch(current.address, seen, number) for number, seen in enumerate(watched)))
        async with asyncio.timeout(PATIENCE):
            for part, end in ENDS:
                await passed(watched, part)
                current.process.send_signal(end)
                await asyncio.to_thread(current.process.wait, DEADLINE)
                current = await started(running, folder, port)
            await clients

    for job_id in job_ids:
        logs = [seen.events for seen in watched if seen.job_id == job_id]
        assert [event.sequence for event in logs[0]] == list(range(1, len(logs[0]) + 1))
        assert logs[0][-1].type == job_pb2.EVENT_TYPE_JOB_ENDED
        assert logs[0][-1].status == job_pb2.JOB_STATUS_COMPLETED
        assert all(log == logs[0] for log in logs)
    assert sum(seen.streams for seen in watched) > CLIENTS * len(ENDS)


async def started(running: ExitStack, folder: Path, port: int) -> ServerProcess:
    manager = server(folder, "--configs", str(folder), "--port", str(port))
    return await asyncio.to_thread(running.enter_context, manager)


def triggered(address: str) -> list[str]:
    with Client(address) as client:
        return [client.trigger("config.json", experiment=f"e{number}").id for number in range(JOBS)]


async def passed(watched: list[Watched], part: float) -> None:
    """Wait until every job has got that far."""
    everything = 2 * MODELS * DATES
    while any(seen.position < part * everything for seen in watched):  # noqa: ASYNC110 (the caller has a deadline)
        await asyncio.sleep(GLANCE)


async def watch(address: str, seen: Watched, number: int) -> None:
    """Watch a job to its end, every other client as a program that knows nothing but the contract."""
    if number % 2:
        await watch_as_the_client_does(address, seen)
    else:
        await watch_by_hand(address, seen, random.Random(number))


async def watch_as_the_client_does(address: str, seen: Watched) -> None:
    async with AsyncClient(address) as client:
        seen.streams += 1
        async for event in client.watch(seen.job_id):
            seen.events.append(event)


async def watch_by_hand(address: str, seen: Watched, chance: random.Random) -> None:
    """Cut the own stream at random, and go on from the last sequence seen until one is closed with OK."""
    async with open_async_channel(address) as channel:
        stub = SimulationServiceStub(channel)
        ended = False
        while not ended:
            seen.streams += 1
            try:
                ended = await read_some(stub, seen, chance.randrange(1, 20))
            except grpc.aio.AioRpcError as error:
                if error.code() not in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED):
                    raise
                await asyncio.sleep(GLANCE)


async def read_some(stub: SimulationServiceStub, seen: Watched, messages: int) -> bool:
    """Read some messages of a new stream, then cut it; tell whether the server closed it before."""
    request = simulation_pb2.StreamProgressRequest(job_id=seen.job_id, after_sequence=seen.position)
    call = stub.StreamProgress(request)
    async for response in counted(call, messages):
        seen.events.extend(response.events)
        assert response.last_sequence == seen.position
    if call.done():
        return True
    call.cancel()
    return False


async def counted(call: AsyncIterator[object], messages: int) -> AsyncIterator[object]:
    async for response in call:
        yield response
        messages -= 1
        if not messages:
            return
