"""Load of jobs: triggers them and follows them to their end."""

import asyncio
from time import monotonic
from typing import Any

import grpc

from aitrader.v1 import simulation_pb2
from aitrader.v1.simulation_pb2_grpc import SimulationServiceStub
from tests.performance.call import Call, of_service, status
from tests.performance.unary_load import probe_for


async def trigger(address: str, config: str, experiment: str) -> dict[str, Any]:
    """Trigger a job; tell when that began and ended and what came of it."""
    async with grpc.aio.insecure_channel(address) as channel:
        await channel.channel_ready()
        return await _trigger(channel, config, experiment)


async def run_job(address: str, config: str, experiment: str) -> dict[str, Any]:
    """Trigger a job and follow its events to the last; tell the seconds from the one to the other."""
    async with grpc.aio.insecure_channel(address) as channel:
        await channel.channel_ready()
        answer = await _trigger(channel, config, experiment)
        await _follow(channel, answer["job_id"])
        return {**answer, "seconds": monotonic() - answer["started"]}


async def run_jobs(
    address: str, config: str, experiment: str, calls: dict[str, dict[str, Any]], every: float, seconds: float
) -> dict[str, Any]:
    """Run jobs back to back, each in a new experiment, and meanwhile probe the calls given.

    A call without a method is GetStatus of the job that runs at that moment.
    """
    async with grpc.aio.insecure_channel(address) as jobs, grpc.aio.insecure_channel(address) as channel:
        first = await _trigger(jobs, config, f"{experiment}-0")
        running = RunningJob(first["job_id"])
        stop = asyncio.Event()
        runner = asyncio.create_task(_back_to_back(jobs, config, experiment, running, stop))
        made = {name: Call.from_json(call) if call else running for name, call in calls.items()}
        probes = await asyncio.gather(*(probe_for(call, channel, every, seconds) for call in made.values()))
        stop.set()
        return {**dict(zip(made, probes, strict=True)), "jobs": await runner}


class RunningJob(Call):
    """GetStatus of the job that runs at the moment."""

    __slots__ = ("job_id",)

    def __init__(self, job_id: str) -> None:
        self.become(job_id)
        object.__setattr__(self, "method", status(job_id).method)
        object.__setattr__(self, "response", status(job_id).response)

    def become(self, job_id: str) -> None:
        """Go on with another job."""
        object.__setattr__(self, "request", status(job_id).request)


async def _back_to_back(
    channel: grpc.aio.Channel, config: str, experiment: str, running: RunningJob, stop: asyncio.Event
) -> int:
    number, job_id = 0, simulation_pb2.GetStatusRequest.FromString(running.request).job_id
    while True:
        await _follow(channel, job_id)
        number += 1
        if stop.is_set():
            return number
        job_id = (await _trigger(channel, config, f"{experiment}-{number}"))["job_id"]
        running.become(job_id)


async def _trigger(channel: grpc.aio.Channel, config: str, experiment: str) -> dict[str, Any]:
    call = of_service("Trigger", simulation_pb2.TriggerRequest(config_path=config, experiment=experiment))
    started = monotonic()
    response = await call.on(channel)(call.request)
    ended = monotonic()
    return {
        "started": started,
        "ended": ended,
        "milliseconds": (ended - started) * 1000,
        "job_id": response.job_id,
        "model_days": response.total_model_days,
    }


async def _follow(channel: grpc.aio.Channel, job_id: str) -> None:
    """Read the events of a job to the end of the stream, which comes after the last one."""
    request = simulation_pb2.StreamProgressRequest(job_id=job_id)
    async for _ in SimulationServiceStub(channel).StreamProgress(request):
        pass
