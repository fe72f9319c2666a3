"""Whose turn it is: places are handed to jobs in rotation, however many of their model-days wait."""

import asyncio
from collections import deque


class Turns:
    """A number of places, each given to the next job in turn; within a job, first come, first served."""

    def __init__(self, places: int) -> None:
        self._free = places
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}

    async def take(self, job_id: str) -> None:
        """Wait for a place."""
        if self._free:
            self._free -= 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(job_id, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # it came in the same moment
                self.give()
            raise

    def give(self) -> None:
        """Give a place back: the job that waited for its turn longest has it."""
        while self._waiting:
            job_id = next(iter(self._waiting))
            turns = self._waiting.pop(job_id)
            turn = turns.popleft()
            if turns:
                self._waiting[job_id] = turns
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1
