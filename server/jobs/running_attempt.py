"""An attempt on its place in the pool, within its time."""

import asyncio
from dataclasses import replace

from server.engine.model_day import FailureKind, ModelDayFailure, ModelDayOutcome, ModelDayTask
from server.pool.protocol import Place

#: seconds that a session gets to hand over its record once the time of its model-day is spent
WIND_UP = 5.0


class RunningAttempt:
    """Runs one attempt; `limit` is the time of the model-day in seconds, after which it is told to stop."""

    def __init__(self, place: Place, limit: float) -> None:
        self._place = place
        self._limit = limit
        self._deadline = asyncio.timeout(None)
        self._late = False

    async def run(self, task: ModelDayTask, snapshot: str) -> ModelDayOutcome:
        """Return what the attempt leaves; when it had to be stopped, a failure (TIMEOUT or CANCELLED)."""
        alarm = asyncio.get_running_loop().call_later(self._limit, self._overrun)
        outcome: ModelDayOutcome
        try:
            async with self._deadline:
                outcome = await self._place.run(task, snapshot)
        except TimeoutError:
            outcome = ModelDayFailure(kind=FailureKind.CANCELLED, message="the attempt was given up")
        finally:
            alarm.cancel()
        return self._told(outcome)

    def stop(self, grace: float) -> None:
        """Tell the attempt to stop, and give it up after `grace` seconds."""
        if self._deadline.expired():
            return
        deadline = asyncio.get_running_loop().time() + grace
        before = self._deadline.when()
        self._deadline.reschedule(deadline if before is None else min(before, deadline))
        self._place.stop()

    def _overrun(self) -> None:
        self._late = True
        self.stop(WIND_UP if self._place.winds_up else 0.0)

    def _told(self, outcome: ModelDayOutcome) -> ModelDayOutcome:
        """Say of what was stopped for its time that it was."""
        if not isinstance(outcome, ModelDayFailure) or outcome.kind is not FailureKind.CANCELLED or not self._late:
            return outcome
        message = f"the model-day took more than {self._limit:g} seconds"
        return replace(outcome, kind=FailureKind.TIMEOUT, message=message)
