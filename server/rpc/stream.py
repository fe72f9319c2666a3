"""StreamProgress: history from storage, then the live log, until the job's last event.

The log of a running job is looked up before storage is read, so no event can fall between the two.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from peewee import SqliteDatabase

from aitrader.v1 import progress_pb2, simulation_pb2
from server.jobs.errors import DrainingError
from server.jobs.progress import EventLog, ProgressLogs
from server.rpc.convert import encoded_event, encoded_orders
from server.rpc.errors import OutOfRangeError
from server.rpc.fields import Fields
from server.rpc.paging import MAX_RESPONSE
from storage import jobs
from storage.events import EventType, events_after
from storage.orders import orders_between
from storage.retention import oldest_sequence

#: events in one message; some 60 KiB, or with their orders some hundred
BATCH = 500
BATCH_WITH_ORDERS = 100

#: steps in one message; together with a batch of events they fit into it
STEPS = 16

#: bytes that the orders of one day may take
MAX_ORDERS = 2_000_000

#: seconds between looks at a job that is unfinished and that nobody runs
UNATTENDED = 1.0


class ProgressStreamer:
    """Streams the events of jobs."""

    def __init__(self, db: SqliteDatabase, logs: ProgressLogs) -> None:
        self._db = db
        self._logs = logs

    async def stream(self, request: simulation_pb2.StreamProgressRequest) -> AsyncIterator[bytes]:
        """Yield serialized StreamProgressResponse messages.

        Raises:
            InvalidRequestError: a field is wrong.
            JobNotFoundError: there is no such job.
            OutOfRangeError: the position is later than the last event, or events after it are no longer stored.
            DrainingError: the service stops while the job goes on.
        """
        reader = _Reader(self._db, self._logs, await asyncio.to_thread(_asked, self._db, request))
        with reader:
            async for message in reader.messages():
                yield message


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """A request in order."""

    job_id: str
    after: int
    fills: bool
    steps: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Batch:
    """Encoded events in order, and whether the job ends with them."""

    events: Sequence[bytes]
    ended: bool


class _Reader:
    """One stream: a position in the log of a job, and a place among its live steps."""

    def __init__(self, db: SqliteDatabase, logs: ProgressLogs, asked: _Asked) -> None:
        self._db = db
        self._logs = logs
        self._asked = asked
        self._sequence = asked.after
        self._log: EventLog | None = None
        self._place = 0
        self._listening = ExitStack()

    def __enter__(self) -> None:
        self._attend()

    def __exit__(self, *_: object) -> None:
        self._listening.close()

    async def messages(self) -> AsyncIterator[bytes]:
        """Yield messages until the job has ended."""
        while True:
            self._attend()
            batch = await self._batch()
            for message, count in joined(batch.events):
                self._sequence += count
                yield message
            steps = self._steps()
            if steps:
                yield steps
            if batch.ended:
                return
            if not batch.events and not steps:
                await self._wait()
                if self._quiet():
                    yield heartbeat(self._sequence)

    def _attend(self) -> None:
        """Look for the log of the job, which has another when it is retried, and listen to its steps from then on."""
        log = self._logs.get(self._asked.job_id)
        if log is None or log is self._log:
            return
        self._log = log
        self._listening.close()
        if self._asked.steps:
            self._place = self._listening.enter_context(log.steps.listening())

    async def _batch(self) -> _Batch:
        if self._log is not None and self._log.reaches(self._sequence):
            events = self._log.after(self._sequence, BATCH_WITH_ORDERS if self._asked.fills else BATCH)
            ended = self._log.ended and self._sequence + len(events) == self._log.last_sequence
            ended = ended and self._logs.get(self._asked.job_id) in (None, self._log)
            if self._asked.fills and events:
                events = await asyncio.to_thread(self._with_orders, events)
            return _Batch(events=events, ended=ended)
        return await asyncio.to_thread(self._stored)

    def _stored(self) -> _Batch:
        """Return what storage has after the position."""
        limit = BATCH_WITH_ORDERS if self._asked.fills else BATCH
        over = self._log is None and _is_over(self._db, self._asked.job_id, self._sequence)
        rows = events_after(self._db, self._asked.job_id, self._sequence, limit)
        if rows and rows[0].sequence != self._sequence + 1:  # compacted while this stream was read slowly
            raise OutOfRangeError(self._sequence, rows[0].sequence, rows[-1].sequence)
        events = [encoded_event(row) for row in rows]
        if rows and rows[-1].event_type is EventType.JOB_ENDED:
            over = _is_over(self._db, self._asked.job_id, rows[-1].sequence)
        return _Batch(events=self._with_orders(events) if self._asked.fills else events, ended=over)

    def _with_orders(self, events: Sequence[bytes]) -> list[bytes]:
        """Return events, each joined with the orders of the model-day that it commits."""
        first = self._sequence + 1
        told = list(events)
        for day in orders_between(self._db, self._asked.job_id, self._sequence, self._sequence + len(told)):
            told[day.sequence - first] += encoded_orders(day, MAX_ORDERS)
        return told

    def _steps(self) -> bytes:
        """Return a message with the steps that came meanwhile; empty when there are none."""
        if self._log is None or not self._asked.steps:
            return b""
        steps, missed = self._log.steps.after(self._place, STEPS)
        if not steps:
            return b""
        self._place += missed + len(steps)
        head = simulation_pb2.StreamProgressResponse(last_sequence=self._sequence, missed_steps=missed)
        return b"".join([head.SerializeToString(), *steps])

    async def _wait(self) -> None:
        """Wait for something new, or for a heartbeat to be due."""
        if self._logs.closed:
            raise DrainingError
        if self._log is None:
            await asyncio.sleep(UNATTENDED)
        else:
            await self._log.wait(steps=self._asked.steps)
        if self._logs.closed:
            raise DrainingError

    def _quiet(self) -> bool:
        if self._log is None:
            return True
        steps = self._asked.steps and self._log.steps.count > self._place
        return self._log.last_sequence == self._sequence and not steps


def _asked(db: SqliteDatabase, request: simulation_pb2.StreamProgressRequest) -> _Asked:
    fields = Fields()
    job_id = fields.required("job_id", request.job_id, 128)
    after = fields.not_negative("after_sequence", request.after_sequence)
    include = set(request.include)
    if not include <= set(progress_pb2.ProgressInclude.values()):
        fields.refuse("include", "holds a number that nothing stands for")
    fields.check()
    last = jobs.find_job(db, job_id).last_sequence
    oldest = oldest_sequence(db, job_id) or 1
    if after > last or after < oldest - 1:
        raise OutOfRangeError(after, oldest, last)
    return _Asked(
        job_id=job_id,
        after=after,
        fills=progress_pb2.PROGRESS_INCLUDE_FILLS in include,
        steps=progress_pb2.PROGRESS_INCLUDE_REASONING in include,
    )


def _is_over(db: SqliteDatabase, job_id: str, sequence: int) -> bool:
    """Tell whether a job has ended with the event of a sequence; one that was retried has not."""
    job = jobs.find_job(db, job_id)
    return job.status.final and job.last_sequence == sequence


def joined(events: Sequence[bytes]) -> Iterator[tuple[bytes, int]]:
    """Join encoded events to messages of bounded size, each with how many events it has."""
    start, size = 0, 0
    for i, event in enumerate(events):
        if i > start and size + len(event) > MAX_RESPONSE:
            yield b"".join(events[start:i]), i - start
            start, size = i, 0
        size += len(event)
    if events:
        yield b"".join(events[start:]), len(events) - start


def heartbeat(sequence: int) -> bytes:
    """Return a message without events that repeats the position."""
    return simulation_pb2.StreamProgressResponse(last_sequence=sequence).SerializeToString()
