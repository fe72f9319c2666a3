"""Progress of running jobs: one append-only event log per job, one cursor per subscriber.

The log holds the events of this process's lifetime, encoded once for all subscribers; what came before is read from
storage. Nothing is queued per subscriber, so a slow one costs no memory and delays nobody.
"""

import asyncio
from collections.abc import Callable

from server.engine.model_day import ModelDayTask
from server.engine.session_record import Step
from server.jobs.live_steps import LiveSteps
from storage.events import EventRow, EventType

#: encodes an event as the bytes of a message that can be joined with others
Encode = Callable[[EventRow], bytes]

#: encodes a step of a task's session likewise
EncodeStep = Callable[[ModelDayTask, Step], bytes]

#: seconds; events within it wake subscribers once, which bounds the work of a job at full speed
WAKE_DELAY = 0.005

#: events kept in memory per job; a subscriber further behind is served from storage
KEPT = 10_000


class EventLog:
    """Events of one running job since the log was opened."""

    def __init__(self, after_sequence: int, encode: Encode) -> None:
        self._encode = encode
        self._first = after_sequence + 1
        self._messages: list[bytes] = []
        self._changed = asyncio.Event()
        self._stirred = asyncio.Event()
        self._wake: asyncio.TimerHandle | None = None
        self._stir: asyncio.TimerHandle | None = None
        self.steps = LiveSteps()
        self.ended = False

    @property
    def last_sequence(self) -> int:
        """Sequence of the last event."""
        return self._first + len(self._messages) - 1

    def reaches(self, sequence: int) -> bool:
        """Tell whether every event after a position is in memory."""
        return sequence >= self._first - 1

    def after(self, sequence: int, limit: int) -> list[bytes]:
        """Return at most `limit` encoded events after a position that the log reaches."""
        start = sequence + 1 - self._first
        return self._messages[start : start + limit]

    def append(self, row: EventRow) -> None:
        """Add the next event and wake the subscribers soon."""
        self._messages.append(self._encode(row))
        self.ended = row.event_type is EventType.JOB_ENDED
        if len(self._messages) > 2 * KEPT:
            del self._messages[:KEPT]
            self._first += KEPT
        if self._wake is None:
            self._wake = asyncio.get_running_loop().call_later(WAKE_DELAY, self.wake)

    def append_step(self, message: bytes) -> None:
        """Add a step of a session and wake those who listen to steps soon."""
        self.steps.append(message)
        if self._stir is None:
            self._stir = asyncio.get_running_loop().call_later(WAKE_DELAY, self._stir_listeners)

    def wake(self) -> None:
        """Wake every subscriber."""
        self._wake = None
        self._changed.set()
        self._changed = asyncio.Event()
        self._stir_listeners()

    async def wait(self, *, steps: bool = False) -> None:
        """Wait until the log grew or a heartbeat is due, or with `steps` until there is a step."""
        await (self._stirred if steps else self._changed).wait()

    def _stir_listeners(self) -> None:
        self._stir = None
        self._stirred.set()
        self._stirred = asyncio.Event()


class ProgressLogs:
    """The event logs of the jobs that run in this process."""

    def __init__(self, encode: Encode, encode_step: EncodeStep) -> None:
        self._encode = encode
        self._encode_step = encode_step
        self._logs: dict[str, EventLog] = {}
        self.closed = False

    def open(self, job_id: str, after_sequence: int) -> None:
        """Begin the log of a job whose last stored event is given."""
        self._logs[job_id] = EventLog(after_sequence, self._encode)

    def get(self, job_id: str) -> EventLog | None:
        """Return the log of a job that runs; None when it has ended or never ran here."""
        return self._logs.get(job_id)

    def drop(self, job_id: str) -> None:
        """Forget the log of a job that did not come to be."""
        del self._logs[job_id]

    def close(self) -> None:
        """Tell every subscriber that this process streams no more."""
        self.closed = True
        for log in self._logs.values():
            log.wake()

    def publish(self, row: EventRow) -> None:
        """Append a stored event to its job's log; the log is closed by the job's last event."""
        log = self._logs.get(row.job_id)
        if log is not None:
            log.append(row)
            if log.ended:
                del self._logs[row.job_id]

    def publish_step(self, task: ModelDayTask, step: Step) -> None:
        """Hand a step to those who listen to its job; it costs nothing when there is nobody."""
        log = self._logs.get(task.job_id)
        if log is not None and log.steps.wanted:
            log.append_step(self._encode_step(task, step))

    async def beat(self, seconds: float) -> None:
        """Wake all subscribers at intervals, for ever, so that each can send its heartbeat."""
        while True:
            await asyncio.sleep(seconds)
            for log in list(self._logs.values()):
                log.wake()
