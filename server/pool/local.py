"""The local pool: worker processes on this machine.

Workers are started as new programs, never forked: the server has threads. A worker that dies takes only the attempt it
was running with it; another takes its place.
"""

import asyncio
import os
import socket
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

import structlog

from server.engine.model_day import FailureKind, ModelDayFailure, ModelDayOutcome, ModelDayTask
from server.pool.wire import pack, receive
from server.pool.worker import Setup

#: the program of a worker; it gets the number of its socket as an argument
WORKER = (sys.executable, "-m", "server.pool.worker")

#: bytes; holds the outcome of a day with hundreds of fills without growing
_BUFFER = 8 * 1024 * 1024

#: seconds that idle workers get to end by themselves
STOP_GRACE = 1.0

logger = structlog.get_logger(__name__)


class _Worker:
    """One worker process and the socket to it."""

    def __init__(self, process: Process, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.process = process
        self._reader = reader
        self._writer = writer

    @classmethod
    async def start(cls, command: Sequence[str], setup: Setup) -> "_Worker":
        ours, theirs = socket.socketpair()
        with theirs:
            process = await asyncio.create_subprocess_exec(
                *command,
                str(theirs.fileno()),
                pass_fds=[theirs.fileno()],
                stdin=asyncio.subprocess.DEVNULL,
                start_new_session=True,  # a signal to the server's group is the server's to handle
            )
        reader, writer = await asyncio.open_connection(sock=ours, limit=_BUFFER)
        writer.write(pack(setup))
        return cls(process, reader, writer)

    async def run(self, task: ModelDayTask, snapshot: str) -> ModelDayOutcome:
        """Run a model-day.

        Raises:
            OSError, EOFError: the process died.
        """
        self._writer.write(pack((task, snapshot)))
        await self._writer.drain()
        outcome: ModelDayOutcome = await receive(self._reader)
        return outcome

    async def stop(self, grace: float = 0.0) -> int:
        """Close the socket, at which an idle process ends, kill it after `grace` seconds, return its exit status."""
        self._writer.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(grace):
                return await self.process.wait()
        with suppress(ProcessLookupError):
            self.process.kill()
        return await self.process.wait()


class LocalPool:
    """Runs model-days in `size` worker processes."""

    def __init__(self, size: int, setup: Setup, command: Sequence[str] = WORKER) -> None:
        self.size = size
        self._setup = setup
        self._command = tuple(command)
        self._idle: asyncio.LifoQueue[_Worker | None] = asyncio.LifoQueue()
        self._workers: set[_Worker] = set()

    async def start(self) -> None:
        """Start the worker processes."""
        for _ in range(self.size):
            self._idle.put_nowait(await self.spawn())

    async def stop(self) -> None:
        """End the worker processes, whatever they are doing."""
        await asyncio.gather(*(worker.stop(STOP_GRACE) for worker in self._workers))
        self._workers.clear()

    @property
    def pids(self) -> tuple[int, ...]:
        """Process ids of the workers."""
        return tuple(worker.process.pid for worker in self._workers)

    @asynccontextmanager
    async def place(self) -> AsyncIterator["_Place"]:
        """Wait for a free worker and hold it."""
        place = _Place(self, await self._idle.get())
        try:
            yield place
        finally:
            self._idle.put_nowait(place.worker)

    async def spawn(self) -> _Worker:
        """Start a worker process."""
        worker = await _Worker.start(self._command, self._setup)
        self._workers.add(worker)
        return worker

    async def discard(self, worker: _Worker) -> int:
        """End a worker process and return its exit status."""
        self._workers.discard(worker)
        return await worker.stop()


class _Place:
    """A place in the pool; `worker` is None while it has no process that can be talked to."""

    def __init__(self, pool: LocalPool, worker: _Worker | None) -> None:
        self._pool = pool
        self.worker = worker

    async def run(self, task: ModelDayTask, snapshot: str) -> ModelDayOutcome:
        """Run one attempt at a model-day, on a new process if the last one died meanwhile."""
        worker, self.worker = self.worker, None
        try:
            if worker is None or worker.process.returncode is not None:
                worker = await self._replacement(worker)
            outcome = await worker.run(task, snapshot)
        except (OSError, EOFError) as error:
            return await self._died(worker, task, error)
        except BaseException:
            # interrupted in the middle of a message: the process cannot be talked to any more
            if worker is not None:
                await asyncio.shield(self._pool.discard(worker))
            raise
        self.worker = worker
        return outcome

    async def _replacement(self, worker: _Worker | None) -> _Worker:
        if worker is not None:
            await self._pool.discard(worker)
        return await self._pool.spawn()

    async def _died(self, worker: _Worker | None, task: ModelDayTask, error: Exception) -> ModelDayFailure:
        status = None if worker is None else await self._pool.discard(worker)
        logger.warning("worker_died", job_id=task.job_id, model=task.model, date=task.date, exit_status=status)
        message = f"the worker process ended with status {status} ({type(error).__name__})"
        return ModelDayFailure(kind=FailureKind.WORKER_DIED, message=message)


def default_size() -> int:
    """Return a worker process per core."""
    return os.cpu_count() or 1
