"""Delivers what is to be told of jobs' ends: posts what is due, and stores what came of it, for ever.

At least once: a service that dies between an answer and its record posts again, with the same id. Receivers that are
slow hold up a place each and nobody's job.
"""

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

import structlog
from peewee import SqliteDatabase

from server.callbacks.hosts import CallbackHosts, CallbackRefusedError
from server.callbacks.post import Poster, PostFailedError
from server.callbacks.signature import signed_headers
from storage.deliveries import DeliveryAttempt, DeliveryRow, DeliveryStatus, due_deliveries, record_attempt
from storage.errors import StorageError
from storage.writer import Patience, Writer

#: seconds between looks for what is due
GLANCE = 0.5

#: deliveries under way at the same time
PARALLEL = 16

#: the waits between attempts grow by this factor up to four hours, each with up to a quarter more at random
GROWTH = 4.0
LONGEST_WAIT = 4 * 3600.0
JITTER = 0.25

GONE = 410

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackRules:
    """How callbacks are delivered; times are seconds."""

    hosts: CallbackHosts
    keys: Sequence[bytes]
    retry_delay: float
    give_up_after: float


class Deliverer:
    """Delivers callbacks."""

    def __init__(
        self, db: SqliteDatabase, writer: Writer, poster: Poster, rules: CallbackRules, clock: Callable[[], datetime]
    ) -> None:
        self._db = db
        self._writer = writer
        self._poster = poster
        self._rules = rules
        self._clock = clock
        self._under_way: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Deliver what is due, for ever; without a key nothing can be signed, and nothing is done."""
        try:
            while self._rules.keys:
                try:
                    await self._start_due()
                except Exception:  # the loop's edge: callbacks must go on whatever happened to one look
                    logger.exception("callbacks_failed")
                await asyncio.sleep(GLANCE)
        finally:
            for task in list(self._under_way.values()):
                task.cancel()
            await self._poster.close()

    async def _start_due(self) -> None:
        if len(self._under_way) >= PARALLEL:
            return
        limit = PARALLEL + len(self._under_way)  # those under way are due as well
        for delivery in await asyncio.to_thread(due_deliveries, self._db, self._clock(), limit):
            if delivery.delivery_id not in self._under_way and len(self._under_way) < PARALLEL:
                task = asyncio.create_task(self._deliver(delivery))
                self._under_way[delivery.delivery_id] = task
                task.add_done_callback(partial(self._forget, delivery.delivery_id))

    def _forget(self, delivery_id: str, _: "asyncio.Task[None]") -> None:
        self._under_way.pop(delivery_id, None)

    async def _deliver(self, delivery: DeliveryRow) -> None:
        attempt = await self._attempt(delivery)
        facts = {"job_id": delivery.job_id, "delivery_id": delivery.delivery_id, "attempts": delivery.attempts + 1}
        logger.info(
            "callback_posted", status=attempt.status, http_status=attempt.http_status, error=attempt.error, **facts
        )
        try:
            await asyncio.wrap_future(
                self._writer.submit(partial(record_attempt, attempt=attempt), patience=Patience.LOCK)
            )
        except StorageError as error:  # a full disk, say; it will be posted again, but not at once
            logger.warning("callback_not_recorded", error=str(error), **facts)
            await asyncio.sleep(self._rules.retry_delay)

    async def _attempt(self, delivery: DeliveryRow) -> DeliveryAttempt:
        body = delivery.body.encode()
        headers = signed_headers(self._rules.keys, delivery.delivery_id, int(self._clock().timestamp()), body)
        try:
            answer = await self._poster.post(self._rules.hosts.target(delivery.url), headers, body)
        except CallbackRefusedError as error:
            return self._ended(delivery, DeliveryStatus.GIVEN_UP, None, str(error))
        except PostFailedError as error:
            return self._failed(delivery, None, str(error))
        except Exception as error:  # the edge to a library and to anybody's server
            logger.exception("callback_broke", delivery_id=delivery.delivery_id)
            return self._failed(delivery, None, f"the attempt broke: {type(error).__name__}")
        if 200 <= answer.status < 300:
            return self._ended(delivery, DeliveryStatus.DELIVERED, answer.status)
        if answer.status == GONE:
            return self._ended(delivery, DeliveryStatus.GIVEN_UP, GONE, "the receiver answered that it is gone")
        redirected = "; redirects are not followed" if 300 <= answer.status < 400 else ""
        told = f"the receiver answered {answer.status}{redirected}"
        return self._failed(delivery, answer.status, told, answer.retry_after or 0)

    def _failed(
        self, delivery: DeliveryRow, http_status: int | None, error: str, at_least: float = 0
    ) -> DeliveryAttempt:
        """Return a failed attempt with the time of the next, unless that would be too late."""
        wait = max(self._wait(delivery.attempts), min(at_least, LONGEST_WAIT))
        due = self._clock() + timedelta(seconds=wait)
        created = datetime.fromisoformat(delivery.created_at)
        if (due - created).total_seconds() > self._rules.give_up_after:
            return self._ended(delivery, DeliveryStatus.GIVEN_UP, http_status, error)
        return replace(self._ended(delivery, DeliveryStatus.PENDING, http_status, error), next_attempt_at=due)

    def _wait(self, failures: int) -> float:
        nominal: float = min(self._rules.retry_delay * GROWTH ** min(failures, 20), LONGEST_WAIT)
        return nominal * (1 + JITTER * random.random())  # noqa: S311 (it spreads load, it hides nothing)  # nosec B311

    def _ended(
        self, delivery: DeliveryRow, status: DeliveryStatus, http_status: int | None, error: str | None = None
    ) -> DeliveryAttempt:
        return DeliveryAttempt(
            delivery_id=delivery.delivery_id, status=status, at=self._clock(), http_status=http_status, error=error
        )
