"""What jobs ask of a worker pool."""

from contextlib import AbstractAsyncContextManager
from typing import Protocol

from server.engine.model_day import ModelDayOutcome, ModelDayTask


class Place(Protocol):
    """A free place in the pool."""

    @property
    def winds_up(self) -> bool:
        """Whether an attempt that is told to stop hands over what it did; if not, it can only be waited for."""
        ...

    async def run(self, task: ModelDayTask, snapshot: str) -> ModelDayOutcome:
        """Run one attempt at a model-day over the named price snapshot.

        Never raises for what happens inside the attempt: that is a `ModelDayFailure`. When the caller is cancelled, the
        attempt is given up, and the process killed that does not let go of it.
        """
        ...

    def stop(self) -> None:
        """Tell the attempt under way to stop soon, without waiting."""
        ...


class WorkerPool(Protocol):
    """Runs model-days, as many at a time as it has places."""

    def place(self, *, job_id: str, session: bool) -> AbstractAsyncContextManager[Place]:
        """Wait for a free place and hold it inside the `async with`; agents' sessions have places of their own.

        Jobs have their turns one after the other, however many of their model-days wait.
        """
        ...
