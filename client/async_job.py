"""The handle of a job for coroutines. Its twin is `job.py`."""

from collections.abc import AsyncIterator, Iterable
from typing import TYPE_CHECKING, Unpack

from aitrader.v1.control_pb2 import CancelJobResponse, RetryJobResponse
from aitrader.v1.job_pb2 import ProgressEvent
from aitrader.v1.portfolio_pb2 import DayResult
from aitrader.v1.simulation_pb2 import GetStatusResponse, StreamProgressResponse, TriggerResponse, VerifyJobResponse

from .errors import SequenceOutOfRange
from .requests import JobResultsQuery, RetryFields
from .up_to_date import is_up_to_date, up_to_date_status

if TYPE_CHECKING:
    from .async_client import AsyncClient


class AsyncJob:
    """A job of the service.

    When the trigger found nothing to do there is no job: `id` is empty, `up_to_date` true, the status completed, and
    there are no events and no results.
    """

    def __init__(self, client: "AsyncClient", job_id: str, response: TriggerResponse | None = None) -> None:
        self._client = client
        self.id = job_id
        #: the trigger's answer; None for a handle made from an id
        self.response = response

    def __repr__(self) -> str:
        return f"AsyncJob({self.id!r})"

    @property
    def up_to_date(self) -> bool:
        """Whether the trigger found nothing to do."""
        return is_up_to_date(self.response)

    async def status(self) -> GetStatusResponse:
        """Fetch the state with all model-days."""
        if self.response is not None and self.up_to_date:
            return up_to_date_status(self.response)
        return await self._client.status(self.id)

    async def watch(
        self,
        after_sequence: int = 0,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - as the twin's; it is the call's deadline
    ) -> AsyncIterator[ProgressEvent]:
        """Give the events until the job ends, going on where a cut stream stopped."""
        if self.up_to_date:
            return
        async for event in self._client.watch(self.id, after_sequence=after_sequence, timeout=timeout):
            yield event

    async def follow(
        self,
        *,
        include: Iterable[str] = (),
        after_sequence: int = 0,
        timeout: float | None = None,  # noqa: ASYNC109 - as above
    ) -> AsyncIterator[StreamProgressResponse]:
        """Give the events until the job ends, with `fills`, or with `reasoning` as it happens."""
        if self.up_to_date:
            return
        async for message in self._client.follow(
            self.id, include=include, after_sequence=after_sequence, timeout=timeout
        ):
            yield message

    async def results(self, **query: Unpack[JobResultsQuery]) -> AsyncIterator[DayResult]:
        """Give the results that the job committed, by date, then model. Raises NoData when there are none yet."""
        if self.up_to_date:
            return
        async for result in self._client.results(job_id=self.id, **query):
            yield result

    async def cancel(self, *, reason: str = "") -> CancelJobResponse:
        """Stop the job; nothing of it is committed from the answer on. Raises JobStateError when it has ended."""
        return await self._client.cancel(self.id, reason=reason)

    async def retry(self, **fields: Unpack[RetryFields]) -> RetryJobResponse:
        """Run again what did not complete; `watch` and `wait` then go on to the next end."""
        return await self._client.retry(self.id, **fields)

    async def wait(self, timeout: float | None = None) -> GetStatusResponse:  # noqa: ASYNC109 - as above
        """Wait for the end and fetch the final state. Raises DeadlineExceeded after `timeout` seconds."""
        try:
            async for _ in self.watch(timeout=timeout):
                pass
        except SequenceOutOfRange as error:  # the job ended so long ago that its first events are no longer stored
            async for _ in self.watch(error.oldest_position, timeout=timeout):
                pass
        return await self.status()

    async def verify(self, timeout: float | None = None) -> VerifyJobResponse:  # noqa: ASYNC109 - as above
        """Run the job again from its record and compare every row. Raises JobStateError before its end."""
        if self.up_to_date:
            return VerifyJobResponse(equal=True)
        return await self._client.verify(self.id, timeout=timeout)
