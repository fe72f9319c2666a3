"""What jobs ask of a worker pool."""

from contextlib import AbstractAsyncContextManager
from typing import Protocol

from server.engine.model_day import ModelDayOutcome, ModelDayTask


class Place(Protocol):
    """A free place in the pool."""

    async def run(self, task: ModelDayTask, snapshot: str) -> ModelDayOutcome:
        """Run one attempt at a model-day over the named price snapshot.

        Never raises for what happens inside the attempt: that is a `ModelDayFailure`.
        """
        ...


class WorkerPool(Protocol):
    """Runs model-days, as many at a time as it has places."""

    def place(self, *, session: bool) -> AbstractAsyncContextManager[Place]:
        """Wait for a free place and hold it inside the `async with`; agents' sessions have places of their own."""
        ...
