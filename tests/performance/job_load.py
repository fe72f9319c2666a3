"""Load of jobs: triggers them and follows them to their end."""

import asyncio
from time import monotonic
from typing import Any

import grpc

from aitrader.v1 import simulation_pb2
from aitrader.v1.simulation_pb2_grpc import SimulationServiceStub
from tests.performance.call import Call, of_service, status
from tests.performance.unary_load import probes


async def trigger(address: str, config: str, experiment: str) -> dict[str, Any]:
    """Trigger a job; tell when that began and ended and what came of it."""
    async with grpc.aio.insecure_channel(address) as channel:
        await channel.channel_ready()
        return await _trigger(channel, config, experiment)


async def follow(address: str, job_id: str) -> dict[str, Any]:
    """Follow a job to its end."""
    async with grpc.aio.insecure_channel(address) as channel:
        await _follow(channel, job_id)
    return {}


async def run_job(address: str, config: str, experiment: str) -> dict[str, Any]:
    """Trigger a job and follow its events to the last; tell the seconds from the one to the other."""
    async with grpc.aio.insecure_channel(address) as channel:
        await channel.channel_ready()
        answer = await _trigger(channel, config, experiment)
        await _follow(channel, answer["job_id"])
        return {**answer, "seconds": monotonic() - answer["started"]}


async def run_jobs(
    address: str, config: str, experiment: str, calls: list[dict[str, Any]], seconds: float
) -> dict[str, Any]:
    """Run jobs back to back, each in a new experiment, and meanwhile probe the calls given.

    GetStatus without a request asks for the job that runs at that moment.
    """
    async with grpc.aio.insecure_channel(address) as jobs, grpc.aio.insecure_channel(address) as channel:
        chain = JobChain(jobs, config, experiment)
        await chain.start()
        runner = asyncio.create_task(chain.run())
        samples = await probes(channel, calls, seconds, chain.request)
        chain.stopping = True
        await runner
        return {**samples, "jobs": chain.jobs, "job_seconds": chain.seconds}


class JobChain:
    """Jobs that run back to back."""

    def __init__(self, channel: grpc.aio.Channel, config: str, experiment: str) -> None:
        self._channel = channel
        self._config = config
        self._experiment = experiment
        self._job_id = ""
        self._started = 0.0
        self.jobs = 0
        self.seconds: list[float] = []
        self.stopping = False

    async def start(self) -> None:
        """Trigger the next job."""
        answer = await _trigger(self._channel, self._config, f"{self._experiment}-{self.jobs}")
        self._job_id, self._started = answer["job_id"], answer["started"]
        self.jobs += 1

    async def run(self) -> None:
        """Follow the job that was started and go on with others until asked to stop."""
        while True:
            await _follow(self._channel, self._job_id)
            self.seconds.append(round(monotonic() - self._started, 2))
            if self.stopping:
                return
            await self.start()

    def request(self, call: Call) -> bytes:
        """Return the request of a call, that of GetStatus about the job of the moment."""
        return call.request or status(self._job_id).request


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
    stream: Any = SimulationServiceStub(channel).StreamProgress(request)
    async for _ in stream:
        pass
