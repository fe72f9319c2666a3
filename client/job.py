"""The blocking handle of a job. Its twin is `async_job.py`."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Unpack

from aitrader.v1.control_pb2 import CancelJobResponse, RetryJobResponse
from aitrader.v1.job_pb2 import ProgressEvent
from aitrader.v1.portfolio_pb2 import DayResult
from aitrader.v1.simulation_pb2 import GetStatusResponse, StreamProgressResponse, TriggerResponse, VerifyJobResponse

from .errors import SequenceOutOfRange
from .requests import JobResultsQuery, RetryFields
from .up_to_date import is_up_to_date, up_to_date_status

if TYPE_CHECKING:
    from .client import Client


class Job:
    """A job of the service.

    When the trigger found nothing to do there is no job: `id` is empty, `up_to_date` true, the status completed, and
    there are no events and no results.
    """

    def __init__(self, client: "Client", job_id: str, response: TriggerResponse | None = None) -> None:
        self._client = client
        self.id = job_id
        #: the trigger's answer; None for a handle made from an id
        self.response = response

    def __repr__(self) -> str:
        return f"Job({self.id!r})"

    @property
    def up_to_date(self) -> bool:
        """Whether the trigger found nothing to do."""
        return is_up_to_date(self.response)

    def status(self) -> GetStatusResponse:
        """Fetch the state with all model-days."""
        if self.response is not None and self.up_to_date:
            return up_to_date_status(self.response)
        return self._client.status(self.id)

    def watch(self, after_sequence: int = 0, *, timeout: float | None = None) -> Iterator[ProgressEvent]:
        """Give the events until the job ends, going on where a cut stream stopped."""
        if self.up_to_date:
            return iter(())
        return self._client.watch(self.id, after_sequence=after_sequence, timeout=timeout)

    def follow(
        self, *, include: Iterable[str] = (), after_sequence: int = 0, timeout: float | None = None
    ) -> Iterator[StreamProgressResponse]:
        """Give the events until the job ends, with `fills`, or with `reasoning` as it happens."""
        if self.up_to_date:
            return iter(())
        return self._client.follow(self.id, include=include, after_sequence=after_sequence, timeout=timeout)

    def results(self, **query: Unpack[JobResultsQuery]) -> Iterator[DayResult]:
        """Give the results that the job committed, by date, then model. Raises NoData when there are none yet."""
        if self.up_to_date:
            return iter(())
        return self._client.results(job_id=self.id, **query)

    def cancel(self, *, reason: str = "") -> CancelJobResponse:
        """Stop the job; nothing of it is committed from the answer on. Raises JobStateError when it has ended."""
        return self._client.cancel(self.id, reason=reason)

    def retry(self, **fields: Unpack[RetryFields]) -> RetryJobResponse:
        """Run again what did not complete; `watch` and `wait` then go on to the next end."""
        return self._client.retry(self.id, **fields)

    def wait(self, timeout: float | None = None) -> GetStatusResponse:
        """Wait for the end and fetch the final state. Raises DeadlineExceeded after `timeout` seconds."""
        try:
            for _ in self.watch(timeout=timeout):
                pass
        except SequenceOutOfRange as error:  # the job ended so long ago that its first events are no longer stored
            for _ in self.watch(error.oldest_position, timeout=timeout):
                pass
        return self.status()

    def verify(self, timeout: float | None = None) -> VerifyJobResponse:
        """Run the job again from its record and compare every row. Raises JobStateError before its end."""
        if self.up_to_date:
            return VerifyJobResponse(equal=True)
        return self._client.verify(self.id, timeout=timeout)
