"""The session pool: agents' sessions, which wait for others most of the time, as coroutines of one process.

The process is started with the first session, as its libraries take seconds to import, and anew when it died; then the
attempts that it was running have failed.
"""

import asyncio
import socket
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import count

import structlog

from server.engine.model_day import FailureKind, ModelDayFailure, ModelDayOutcome, ModelDayTask
from server.pool.wire import pack, receive
from server.pool.worker import Setup

#: the program of the session process; it gets the number of its socket as an argument
SESSION_WORKER = (sys.executable, "-m", "server.pool.session_worker")

#: bytes; holds the record of a long session
_BUFFER = 64 * 1024 * 1024

#: seconds that the process gets to end by itself
STOP_GRACE = 1.0

logger = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Running:
    """The process, and the sessions that wait for its answer, by their number."""

    process: Process
    writer: asyncio.StreamWriter
    answers: "dict[int, asyncio.Future[ModelDayOutcome]]" = field(default_factory=dict)
    listening: "asyncio.Task[None] | None" = None


class SessionPool:
    """Runs at most `size` sessions at a time."""

    def __init__(self, size: int, setup: Setup, command: Sequence[str] = SESSION_WORKER) -> None:
        self._places = asyncio.Semaphore(size)
        self._setup = setup
        self._command = tuple(command)
        self._starting = asyncio.Lock()
        self._running: _Running | None = None
        self._numbers = count(1)

    @asynccontextmanager
    async def place(self) -> AsyncIterator["SessionPool"]:
        """Wait until another session may run."""
        async with self._places:
            yield self

    async def run(self, task: ModelDayTask, snapshot: str) -> ModelDayOutcome:
        """Run one session; when the caller is cancelled, so is the session."""
        running = await self._process()
        number = next(self._numbers)
        answer: asyncio.Future[ModelDayOutcome] = asyncio.get_running_loop().create_future()
        running.answers[number] = answer
        try:
            running.writer.write(pack((number, task, snapshot)))
            await running.writer.drain()
            return await answer
        except OSError as error:
            return _died(error)
        except asyncio.CancelledError:
            running.writer.write(pack((number, None, "")))
            raise
        finally:
            running.answers.pop(number, None)

    async def stop(self) -> None:
        """End the process, whatever it is doing."""
        if self._running is None:
            return
        running, self._running = self._running, None
        running.writer.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(STOP_GRACE):
                await running.process.wait()
        with suppress(ProcessLookupError):
            running.process.kill()
        await running.process.wait()
        if running.listening is not None:
            await running.listening

    @property
    def pid(self) -> int | None:
        """Process id, None before the first session."""
        return None if self._running is None else self._running.process.pid

    async def _process(self) -> _Running:
        async with self._starting:
            if self._running is None or self._running.process.returncode is not None:
                self._running = await self._start()
            return self._running

    async def _start(self) -> _Running:
        ours, theirs = socket.socketpair()
        with theirs:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                str(theirs.fileno()),
                pass_fds=[theirs.fileno()],
                stdin=asyncio.subprocess.DEVNULL,
                start_new_session=True,  # a signal to the server's group is the server's to handle
            )
        reader, writer = await asyncio.open_connection(sock=ours, limit=_BUFFER)
        writer.write(pack(self._setup))
        running = _Running(process, writer)
        running.listening = asyncio.create_task(self._listen(reader, running))
        return running

    async def _listen(self, reader: asyncio.StreamReader, running: _Running) -> None:
        """Hand out answers until the process is gone."""
        error: Exception
        try:
            while True:
                number, outcome = await receive(reader)
                answer = running.answers.get(number)
                if answer is not None and not answer.done():
                    answer.set_result(outcome)
        except (OSError, EOFError) as gone:
            error = gone
        running.writer.close()
        if running.answers:
            logger.warning("session_process_died", sessions=len(running.answers))
        if self._running is running:
            self._running = None
        for answer in running.answers.values():
            if not answer.done():
                answer.set_result(_died(error))


def _died(error: Exception) -> ModelDayFailure:
    message = f"the session process ended ({type(error).__name__})"
    return ModelDayFailure(kind=FailureKind.WORKER_DIED, message=message)
