"""Reads of running jobs: a database that is not ready is waited for, as writes wait for it."""

import asyncio
from collections.abc import Callable
from itertools import count
from typing import TypeVar

import structlog

from server.jobs.halt import Halt
from storage.database import passes

T = TypeVar("T")

#: seconds until a read is tried again, the last of them for ever; a lock is waited for in the read as well
READ_WAITS = (0.1, 0.5, 2.0, 8.0)

logger = structlog.get_logger(__name__)


async def read_patiently(read: Callable[[], T], halt: Halt) -> T:
    """Return what a read that blocks finds, once the database is ready, for as long as the job goes on.

    Raises:
        HaltedError: it does not go on.
        Exception: what the read raises that does not pass.
    """
    for tries in count():
        try:
            return await asyncio.to_thread(read)
        except Exception as error:
            if not passes(error):
                raise
            logger.warning("database_not_read", tries=tries + 1, error=str(error))
        async with halt.waiting():
            await asyncio.sleep(READ_WAITS[min(tries, len(READ_WAITS) - 1)])
    raise AssertionError("the tries have no end")
