"""Where a progress stream stands and what to do when it breaks: everything of `follow` but the waiting and calling.

A stream has ended when the server closed it behind a final event: a job that was retried has events behind that one.
"""

import time
from collections.abc import Callable, Iterable

import grpc

from aitrader.v1.job_pb2 import EVENT_TYPE_JOB_ENDED
from aitrader.v1.simulation_pb2 import GetStatusResponse, StreamProgressRequest, StreamProgressResponse

from .backoff import Backoff
from .errors import AiTraderError, Unavailable
from .words import FINAL_STATUSES, include_values


class ProgressCursor:
    """The position in a job's event log, across as many streams as it takes to reach the end."""

    def __init__(
        self,
        job_id: str,
        *,
        after_sequence: int,
        backoff: Backoff,
        include: Iterable[str] = (),
        timeout: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.job_id = job_id
        self.position = after_sequence
        self.ended = False
        #: seconds to wait before the next stream
        self.delay = 0.0
        self._include = include_values(include)
        self._at_end = False
        self._backoff = backoff
        self._clock = clock
        self._deadline = None if timeout is None else clock() + timeout

    def request(self) -> StreamProgressRequest:
        """Build the request that goes on from here."""
        return StreamProgressRequest(job_id=self.job_id, after_sequence=self.position, include=self._include)

    def remaining(self) -> float | None:
        """Tell the seconds left to the caller's deadline; None without one."""
        return None if self._deadline is None else max(0.0, self._deadline - self._clock())

    def take(self, response: StreamProgressResponse) -> StreamProgressResponse | None:
        """Give what of a message was not given before; None when that is nothing."""
        self._backoff.reset()
        events = [event for event in response.events if event.sequence > self.position]
        if not events and not response.steps:
            return None
        if len(events) < len(response.events):
            orders = [day for day in response.orders if day.sequence > self.position]
            response = StreamProgressResponse(
                events=events,
                orders=orders,
                steps=response.steps,
                last_sequence=response.last_sequence,
                missed_steps=response.missed_steps,
            )
        if events:
            self.position = events[-1].sequence
            self._at_end = events[-1].type == EVENT_TYPE_JOB_ENDED
        return response

    @property
    def wants_status(self) -> bool:
        """Tell, of a stream that the server closed, whether its end is to be asked about."""
        return not self._at_end

    def close(self, status: GetStatusResponse | None) -> None:
        """Note a stream that the server closed: fine behind a final event, or when the position is the end already."""
        self.ended = status is None or (status.status in FINAL_STATUSES and status.last_sequence <= self.position)
        if not self.ended:
            self.cut(Unavailable(f"the stream of job '{self.job_id}' was closed before its end"))

    def cut(self, error: AiTraderError) -> None:
        """Note a broken stream and set the delay. Raises the error when going on cannot help or did not help."""
        delay = self._backoff.next_delay() if _is_cut(error) else None
        if delay is None:
            raise error
        remaining = self.remaining()
        self.delay = delay if remaining is None else min(delay, remaining)


def _is_cut(error: AiTraderError) -> bool:
    # a server that is killed shows as UNAVAILABLE, as CANCELLED or, through some proxies, as a reset stream
    cancelled = error.code is grpc.StatusCode.CANCELLED
    return isinstance(error, Unavailable) or cancelled or (not error.reason and "RST_STREAM" in error.message)
