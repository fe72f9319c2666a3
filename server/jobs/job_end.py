"""The end of a job, stored however long the database refuses it: until then the job holds its portfolios."""

import asyncio
from contextlib import suppress
from itertools import count

import structlog

from server.jobs.journal import Events, Journal
from storage.errors import JobNotFoundError, JobStateError, StorageError
from storage.writer import Operation

#: seconds until a job's end that the database refused is tried again, the last of them for ever
END_WAITS = (0.5, 2.0, 8.0, 30.0)

logger = structlog.get_logger(__name__)


async def store_end(journal: Journal, job_id: str, end: Operation[Events]) -> None:
    """Store a job's end, unless somebody else did; a process that stops meanwhile leaves it to the next one."""
    for tries in count():
        try:
            with suppress(JobStateError, JobNotFoundError):  # somebody else has ended it, or deleted it
                await journal.record(end)
            break
        except StorageError as refused:
            logger.warning("job_end_not_stored", job_id=job_id, tries=tries + 1, error=str(refused))
            await asyncio.sleep(END_WAITS[min(tries, len(END_WAITS) - 1)])
