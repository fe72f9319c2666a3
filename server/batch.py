"""One job from its trigger to its end in a process of its own: for containers and schedulers that keep no server."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

import grpc

from aitrader.v1 import job_pb2, simulation_pb2
from aitrader.v1.simulation_pb2_grpc import SimulationServiceStub
from server.app import App

if TYPE_CHECKING:
    from aitrader.v1.simulation_pb2_grpc import SimulationServiceAsyncStub  # exists in the type stubs alone

#: what the exit status tells; the same as that of `ai-trader trigger --wait`
EXIT_STATUS = {
    job_pb2.JOB_STATUS_COMPLETED: 0,
    job_pb2.JOB_STATUS_PARTIAL: 3,
    job_pb2.JOB_STATUS_FAILED: 4,
    job_pb2.JOB_STATUS_CANCELLED: 4,
}
INTERRUPTED = 130

UP_TO_DATE = simulation_pb2.TRIGGER_OUTCOME_UP_TO_DATE

Say = Callable[[str], None]


async def run_job(app: App, config: str, experiment: str, asked_to_stop: asyncio.Event, say: Say) -> int:
    """Start the service, run the job of a config to its end, stop the service, and return the exit status.

    A job that an earlier run left unfinished goes on first. When it is asked to stop, running model-days get their
    grace period and the rest waits for the next run.

    Raises:
        grpc.aio.AioRpcError: the job was refused.
    """
    port = await app.start()
    job = asyncio.create_task(_job(port, config, experiment, say))
    stop = asyncio.create_task(asked_to_stop.wait())
    try:
        await asyncio.wait((job, stop), return_when=asyncio.FIRST_COMPLETED)
        return job.result() if job.done() else INTERRUPTED
    finally:
        for task in (job, stop):
            task.cancel()
        await asyncio.gather(job, stop, return_exceptions=True)
        await app.stop()


async def _job(port: int, config: str, experiment: str, say: Say) -> int:
    """Trigger, tell every event, and return the exit status."""
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = cast("SimulationServiceAsyncStub", SimulationServiceStub(channel))
        request = simulation_pb2.TriggerRequest(
            config_path=config, experiment=experiment, conflict_policy=simulation_pb2.CONFLICT_POLICY_QUEUE
        )
        triggered = await stub.Trigger(request)
        say(triggered.message)
        if triggered.outcome == UP_TO_DATE:
            return 0
        status = triggered.status
        async for response in stub.StreamProgress(simulation_pb2.StreamProgressRequest(job_id=triggered.job_id)):
            for event in response.events:
                status = event.status
                say(_line(event))
        return EXIT_STATUS[status]


def _line(event: job_pb2.ProgressEvent) -> str:
    """Return an event as a line: time, how far the job is, what happened, and why."""
    what = job_pb2.EventType.Name(event.type).removeprefix("EVENT_TYPE_").lower()
    done = f"{event.completed + event.failed}/{event.total_model_days}"
    words = [event.event_time.ToJsonString(), done, what, event.date, event.model, event.error]
    return " ".join(word for word in words if word)
