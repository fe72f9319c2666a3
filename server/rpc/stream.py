"""StreamProgress: history from storage, then the live log, until the job's last event.

The log of a running job is looked up before storage is read, so no event can fall between the two.
"""

import asyncio
from collections.abc import AsyncIterator

from peewee import SqliteDatabase

from aitrader.v1 import simulation_pb2
from server.jobs.errors import DrainingError
from server.jobs.progress import EventLog, ProgressLogs
from server.rpc.convert import encoded_event
from server.rpc.errors import OutOfRangeError
from server.rpc.fields import Fields
from storage import jobs
from storage.events import EventType, events_after

#: events in one message; some 60 KiB
BATCH = 500

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
            OutOfRangeError: the position is later than the last event.
            DrainingError: the service stops while the job goes on.
        """
        job_id, sequence = await asyncio.to_thread(self._start, request)
        log: EventLog | None = None
        while True:
            log = log or self._logs.get(job_id)
            if log is None or not log.reaches(sequence):
                rows = await asyncio.to_thread(events_after, self._db, job_id, sequence, BATCH)
                messages = [encoded_event(row) for row in rows]
                ended = bool(rows) and rows[-1].event_type is EventType.JOB_ENDED
            else:
                messages = log.after(sequence, BATCH)
                ended = log.ended and sequence + len(messages) == log.last_sequence
            if messages:
                sequence += len(messages)
                yield b"".join(messages)
            if ended or (not messages and log is None and await asyncio.to_thread(self._is_final, job_id)):
                return
            if not messages:
                await self._wait(log)
                if log is None or log.last_sequence == sequence:
                    yield heartbeat(sequence)

    async def _wait(self, log: EventLog | None) -> None:
        """Wait for the log to grow, or for a heartbeat to be due."""
        if self._logs.closed:
            raise DrainingError
        if log is None:
            await asyncio.sleep(UNATTENDED)
        else:
            await log.wait()
        if self._logs.closed:
            raise DrainingError

    def _start(self, request: simulation_pb2.StreamProgressRequest) -> tuple[str, int]:
        fields = Fields()
        job_id = fields.required("job_id", request.job_id, 128)
        after = fields.not_negative("after_sequence", request.after_sequence)
        fields.check()
        last = jobs.find_job(self._db, job_id).last_sequence
        if after > last:
            raise OutOfRangeError(after, last)
        return job_id, after

    def _is_final(self, job_id: str) -> bool:
        return jobs.find_job(self._db, job_id).status.final


def heartbeat(sequence: int) -> bytes:
    """Return a message without events that repeats the position."""
    return simulation_pb2.StreamProgressResponse(last_sequence=sequence).SerializeToString()
