"""The pool of one machine: worker processes for what computes, a session process for what waits."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager

from server.pool.local import WORKER, LocalPool
from server.pool.protocol import Place
from server.pool.sessions import SESSION_WORKER, Onlooker, SessionPool
from server.pool.worker import Setup


class MachinePool:
    """Runs model-days on this machine: `processes` of traders at a time, and `sessions` of agents.

    Steps of sessions are told to `onlooker` as they happen.
    """

    def __init__(
        self,
        setup: Setup,
        *,
        processes: int,
        sessions: int,
        worker: Sequence[str] = WORKER,
        session_worker: Sequence[str] = SESSION_WORKER,
        onlooker: Onlooker = lambda _task, _step: None,
    ) -> None:
        self.workers = LocalPool(processes, setup, worker)
        self.sessions = SessionPool(sessions, setup, session_worker, onlooker)

    def place(self, *, job_id: str, session: bool) -> AbstractAsyncContextManager[Place]:
        """Wait for a free place of the kind and hold it."""
        return self.sessions.place(job_id) if session else self.workers.place(job_id)

    async def start(self) -> None:
        """Start the worker processes; the session process starts with the first session."""
        await self.workers.start()

    async def stop(self) -> None:
        """End all processes, whatever they are doing."""
        await self.workers.stop()
        await self.sessions.stop()
