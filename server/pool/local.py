"""The local pool: worker processes on this machine.

A worker that dies takes only the attempt it was running with it; another takes its place.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import structlog

from server.engine.model_day import FailureKind, ModelDayFailure, ModelDayOutcome, ModelDayTask
from server.pool.process import STOP_GRACE, PoolProcess
from server.pool.turns import Turns
from server.pool.worker import Setup

#: the program of a worker; it gets the number of its socket as an argument
WORKER = (sys.executable, "-m", "server.pool.worker")

logger = structlog.get_logger(__name__)


class LocalPool:
    """Runs model-days in `size` worker processes."""

    def __init__(self, size: int, setup: Setup, command: Sequence[str] = WORKER) -> None:
        self.size = size
        self._setup = setup
        self._command = tuple(command)
        self._turns = Turns(size)
        self._idle: list[PoolProcess | None] = []
        self._workers: set[PoolProcess] = set()

    async def start(self) -> None:
        """Start the worker processes."""
        for _ in range(self.size):
            self._idle.append(await self.spawn())

    async def stop(self) -> None:
        """End the worker processes, whatever they are doing."""
        await asyncio.gather(*(worker.stop(STOP_GRACE) for worker in self._workers))
        self._workers.clear()

    @property
    def pids(self) -> tuple[int, ...]:
        """Process ids of the workers."""
        return tuple(worker.pid for worker in self._workers)

    def count(self) -> tuple[int, int]:
        """Return how many worker processes are alive, and how many there are to be."""
        return sum(not worker.ended for worker in self._workers), self.size

    @asynccontextmanager
    async def place(self, job_id: str) -> AsyncIterator["_Place"]:
        """Wait for a free worker and hold it; the one that was used last is the first to be used again."""
        await self._turns.take(job_id)
        place = _Place(self, self._idle.pop())
        try:
            yield place
        finally:
            self._idle.append(place.worker)
            self._turns.give()

    async def spawn(self) -> PoolProcess:
        """Start a worker process."""
        worker = await PoolProcess.start(self._command, self._setup)
        self._workers.add(worker)
        return worker

    async def discard(self, worker: PoolProcess) -> int:
        """End a worker process and return its exit status."""
        self._workers.discard(worker)
        return await worker.stop()


class _Place:
    """A place in the pool; `worker` is None while it has no process that can be talked to."""

    #: a strategy has nothing to hand over and is over in milliseconds, or hangs
    winds_up = False

    def __init__(self, pool: LocalPool, worker: PoolProcess | None) -> None:
        self._pool = pool
        self.worker = worker

    async def run(self, task: ModelDayTask, snapshot: str) -> ModelDayOutcome:
        """Run one attempt at a model-day, on a new process if the last one died meanwhile."""
        worker, self.worker = self.worker, None
        try:
            if worker is None or worker.ended:
                worker = await self._replacement(worker)
            await worker.send((task, snapshot))
            outcome: ModelDayOutcome = await worker.receive()
        except (OSError, EOFError) as error:
            return await self._died(worker, task, error)
        except BaseException:
            # interrupted in the middle of a message: the process cannot be talked to any more
            if worker is not None:
                await asyncio.shield(self._pool.discard(worker))
            raise
        self.worker = worker
        return outcome

    def stop(self) -> None:
        """Do nothing: a worker that computes reads no messages. It ends, or it is killed with its attempt."""

    async def _replacement(self, worker: PoolProcess | None) -> PoolProcess:
        if worker is not None:
            await self._pool.discard(worker)
        return await self._pool.spawn()

    async def _died(self, worker: PoolProcess | None, task: ModelDayTask, error: Exception) -> ModelDayFailure:
        status = None if worker is None else await self._pool.discard(worker)
        logger.warning("worker_died", job_id=task.job_id, model=task.model, date=task.date, exit_status=status)
        message = f"the worker process ended with status {status} ({type(error).__name__})"
        return ModelDayFailure(kind=FailureKind.WORKER_DIED, message=message)


def default_size() -> int:
    """Return a worker process per core."""
    return os.cpu_count() or 1
