"""Where a progress stream stands and what to do when it breaks: everything of `watch` but the waiting and calling."""

import time
from collections.abc import Callable, Iterator

import grpc

from aitrader.v1.job_pb2 import EVENT_TYPE_JOB_ENDED, ProgressEvent
from aitrader.v1.simulation_pb2 import GetStatusResponse, StreamProgressRequest, StreamProgressResponse

from .backoff import Backoff
from .errors import AiTraderError, Unavailable
from .words import FINAL_STATUSES


class ProgressCursor:
    """The position in a job's event log, across as many streams as it takes to reach the end."""

    def __init__(
        self,
        job_id: str,
        *,
        after_sequence: int,
        backoff: Backoff,
        timeout: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.job_id = job_id
        self.position = after_sequence
        self.ended = False
        #: seconds to wait before the next stream
        self.delay = 0.0
        self._backoff = backoff
        self._clock = clock
        self._deadline = None if timeout is None else clock() + timeout

    def request(self) -> StreamProgressRequest:
        """Build the request that goes on from here."""
        return StreamProgressRequest(job_id=self.job_id, after_sequence=self.position)

    def remaining(self) -> float | None:
        """Tell the seconds left to the caller's deadline; None without one."""
        return None if self._deadline is None else max(0.0, self._deadline - self._clock())

    def take(self, response: StreamProgressResponse) -> Iterator[ProgressEvent]:
        """Give the events of a message that were not given before."""
        self._backoff.reset()
        for event in response.events:
            if event.sequence > self.position:
                self.position = event.sequence
                self.ended = event.type == EVENT_TYPE_JOB_ENDED
                yield event

    def close(self, status: GetStatusResponse) -> None:
        """Note a stream that was closed without a final event: fine when the position is the end already."""
        self.ended = status.status in FINAL_STATUSES and status.last_sequence <= self.position
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
