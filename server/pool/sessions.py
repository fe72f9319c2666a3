"""The session pool: agents' sessions, which wait for others most of the time, as coroutines of one process.

The process is started with the first session, as its libraries take seconds to import, and anew when it died; then the
attempts that it was running have failed.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count

import structlog

from server.engine.model_day import STOPPED, FailureKind, ModelDayFailure, ModelDayOutcome, ModelDayTask
from server.engine.session_record import Step
from server.pool.process import STOP_GRACE, PoolProcess
from server.pool.turns import Turns
from server.pool.worker import Setup

#: the program of the session process; it gets the number of its socket as an argument
SESSION_WORKER = (sys.executable, "-m", "server.pool.session_worker")

#: is told each step of a task's session
Onlooker = Callable[[ModelDayTask, Step], None]

logger = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Running:
    """The process, and the sessions that wait for its answer, by their number."""

    process: PoolProcess
    answers: "dict[int, asyncio.Future[ModelDayOutcome]]" = field(default_factory=dict)
    tasks: dict[int, ModelDayTask] = field(default_factory=dict)
    listening: "asyncio.Task[None] | None" = None


class SessionPool:
    """Runs at most `size` sessions at a time; their steps are told to `onlooker` as they happen."""

    def __init__(
        self,
        size: int,
        setup: Setup,
        command: Sequence[str] = SESSION_WORKER,
        onlooker: Onlooker = lambda _task, _step: None,
    ) -> None:
        self._onlooker = onlooker
        self._turns = Turns(size)
        self._setup = setup
        self._command = tuple(command)
        self._starting = asyncio.Lock()
        self._running: _Running | None = None
        self._numbers = count(1)

    @asynccontextmanager
    async def place(self, job_id: str) -> AsyncIterator["_Place"]:
        """Wait until another session may run."""
        await self._turns.take(job_id)
        try:
            yield _Place(self, next(self._numbers))
        finally:
            self._turns.give()

    async def stop(self) -> None:
        """End the process, whatever it is doing."""
        if self._running is None:
            return
        running, self._running = self._running, None
        await running.process.stop(STOP_GRACE)
        if running.listening is not None:
            await running.listening

    @property
    def pid(self) -> int | None:
        """Process id, None before the first session."""
        return None if self._running is None else self._running.process.pid

    async def process(self) -> _Running:
        """Return the process, started if there is none."""
        async with self._starting:
            if self._running is None or self._running.process.ended:
                self._running = await self._start()
            return self._running

    async def _start(self) -> _Running:
        running = _Running(await PoolProcess.start(self._command, self._setup))
        running.listening = asyncio.create_task(self._listen(running))
        return running

    async def _listen(self, running: _Running) -> None:
        """Hand out answers until the process is gone."""
        error: Exception
        try:
            while True:
                self._take(running, *await running.process.receive())
        except (OSError, EOFError) as gone:
            error = gone
        running.process.close()
        if running.answers:
            logger.warning("session_process_died", sessions=len(running.answers))
        if self._running is running:
            self._running = None
        for answer in running.answers.values():
            if not answer.done():
                answer.set_result(_died(error))

    def _take(self, running: _Running, number: int, told: ModelDayOutcome | Step) -> None:
        """Hand on a step or an outcome; of a session that was cancelled, neither is wanted."""
        answer = running.answers.get(number)
        if answer is None or answer.done():
            return
        if isinstance(told, Step):
            self._onlooker(running.tasks[number], told)
        else:
            answer.set_result(told)


class _Place:
    """The place of one session."""

    winds_up = True

    def __init__(self, pool: SessionPool, number: int) -> None:
        self._pool = pool
        self._number = number
        self._process: PoolProcess | None = None
        self._told = False

    async def run(self, task: ModelDayTask, snapshot: str) -> ModelDayOutcome:
        """Run one session; when the caller is cancelled, so is the session."""
        running = await self._pool.process()
        if self._told:
            return ModelDayFailure(kind=FailureKind.CANCELLED, message=STOPPED)
        self._process = running.process
        answer: asyncio.Future[ModelDayOutcome] = asyncio.get_running_loop().create_future()
        running.answers[self._number] = answer
        running.tasks[self._number] = task
        try:
            await running.process.send((self._number, task, snapshot))
            return await answer
        except OSError as error:
            return _died(error)
        except asyncio.CancelledError:
            self._give_up(running.process)
            raise
        finally:
            running.answers.pop(self._number, None)
            running.tasks.pop(self._number, None)

    def stop(self) -> None:
        """Tell the session to hand over its record."""
        self._told = True
        if self._process is not None:
            self._process.post((self._number, None, ""))

    def _give_up(self, process: PoolProcess) -> None:
        """Let go of the session; a process that did not answer when it was told to stop hangs, with all of them."""
        if self._told:
            logger.warning("session_process_hangs", pid=process.pid)
            process.kill()
        else:
            process.post((self._number, None, ""))


def _died(error: Exception) -> ModelDayFailure:
    message = f"the session process ended ({type(error).__name__})"
    return ModelDayFailure(kind=FailureKind.WORKER_DIED, message=message)
