"""Progress as server-sent events: `id` is the sequence, so that a browser's `Last-Event-ID` goes on where it was.

The stream ends after an event named `end`. A stream that ends without it was cut: go on from the last id.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager
from typing import Annotated

import grpc
from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import StreamingResponse

from aitrader.v1 import simulation_pb2 as pb
from aitrader.v1.job_pb2 import EVENT_TYPE_JOB_ENDED, ProgressEvent

from ..error_mapping import from_rpc_error
from ..errors import AiTraderError, SequenceOutOfRange
from ..words import FINAL_STATUSES, status_word
from .asking import ask_for, metadata_of, upstream_of
from .errors import TooManyStreamsError
from .json_form import encode, plain, to_bytes
from .questions import MAX_INT32, JobId, ProgressQuestion
from .routes import NOT_FOUND
from .upstream import Stream

router = APIRouter()

#: milliseconds after which a browser connects again
RETRY = b"retry: 1000\n\n"

HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}  # proxies are not to hold events back

_EVENT = {
    "type": "object",
    "properties": {
        "id": {"type": "string", "description": "Sequence of the event."},
        "event": {"type": "string", "description": "`message`, `step`, `missed_steps`, or `end` after the last."},
        "data": {"type": "string", "contentMediaType": "application/json"},
    },
}
_RESPONSES = NOT_FOUND | {
    200: {"content": {"text/event-stream": {"schema": _EVENT}}, "description": "The events."},
    204: {"description": "The job has ended and there is no event after this position: do not connect again."},
}


class Streams:
    """Counts the open streams."""

    def __init__(self, maximum: int) -> None:
        self._maximum = maximum
        self.open = 0

    @contextmanager
    def place(self) -> Iterator[None]:
        """Take a place and give it back. Raises TooManyStreamsError."""
        if self.open >= self._maximum:
            raise TooManyStreamsError(f"{self._maximum} event streams are open already", max_streams=self._maximum)
        self.open += 1
        try:
            yield
        finally:
            self.open -= 1


@router.get(
    "/simulate/progress/{job_id}", operation_id="StreamProgress", response_class=StreamingResponse, responses=_RESPONSES
)
async def progress(
    request: Request,
    job_id: JobId,
    question: Annotated[ProgressQuestion, Query()],
    last_event_id: Annotated[
        int | None, Header(ge=0, le=MAX_INT32, description="As `after_sequence`, and stronger; browsers send it.")
    ] = None,
) -> Response:
    """Stream the events of a job after a position, then its new ones, until the job ends."""
    after = question.after_sequence if last_event_id is None else last_event_id
    streams: Streams = request.app.state.streams
    with ExitStack() as held:
        held.enter_context(streams.place())  # first, so that who is refused costs the server nothing
        status = await ask_for(request, pb.GetStatusRequest(job_id=job_id, page_size=1), pb.GetStatusResponse)
        if after > status.last_sequence:
            raise _out_of_range(after, status.last_sequence)
        if after == status.last_sequence and status.status in FINAL_STATUSES:
            return Response(status_code=204)
        wanted = pb.StreamProgressRequest(job_id=job_id, after_sequence=after, include=question.includes)
        call = upstream_of(request).progress(wanted, metadata=metadata_of(request))
        held.callback(call.cancel)
        # there are events, so an answer comes at once, and a refusal while it can still be told by its code
        first = await read(call) if after < status.last_sequence else None
        return EventResponse(_events(call, first), held.pop_all())


class EventResponse(StreamingResponse):
    """A stream that gives back what it holds however it ends."""

    media_type = "text/event-stream"

    def __init__(self, content: AsyncIterator[bytes], held: ExitStack) -> None:
        super().__init__(content, headers=HEADERS)
        self._held = held

    async def __call__(self, *arguments: object) -> None:
        with self._held:
            await super().__call__(*arguments)  # type: ignore[arg-type]  # ASGI's three, handed on


async def read(call: Stream) -> pb.StreamProgressResponse | None:
    """Return the next message; None at the end. Raises AiTraderError."""
    try:
        message = await call.read()
    except grpc.RpcError as error:
        raise from_rpc_error(error) from error
    return message if isinstance(message, pb.StreamProgressResponse) else None


async def _events(call: Stream, message: pb.StreamProgressResponse | None) -> AsyncIterator[bytes]:
    """Yield the stream; a failing server ends it without an `end`, and the caller goes on from its last id."""
    last: ProgressEvent | None = None
    try:
        yield RETRY
        message = message or await read(call)
        while message is not None:
            yield b"".join(blocks(message)) or comment(message.last_sequence)
            last = message.events[-1] if message.events else last
            message = await read(call)
        if last is not None and last.type == EVENT_TYPE_JOB_ENDED:
            yield end(last)
    except AiTraderError as error:
        yield b": cut by %s\n\n" % error.code.name.encode()


def blocks(message: pb.StreamProgressResponse) -> Iterator[bytes]:
    """Yield what a message holds; the orders of a model-day are in the data of its event, so that no cut parts them."""
    orders = {found.sequence: plain(found) for found in message.orders}
    for found in message.events:
        data = plain(found)
        if found.sequence in orders:
            data["orders"] = {key: orders[found.sequence][key] for key in ("trades", "rejections", "truncated")}
        yield b"id: %d\ndata: %s\n\n" % (found.sequence, to_bytes(data))
    for step in message.steps:
        yield b"event: step\ndata: %s\n\n" % encode(step)
    if message.missed_steps:
        yield b"event: missed_steps\ndata: %d\n\n" % message.missed_steps


def comment(sequence: int) -> bytes:
    """Return a heartbeat, which browsers pass over."""
    return b": heartbeat %d\n\n" % sequence


def end(last: ProgressEvent) -> bytes:
    """Return the word that nothing follows: close the stream, do not connect again."""
    content = {"job_id": last.job_id, "status": status_word(last.status), "last_sequence": last.sequence}
    return b"event: end\nid: %d\ndata: %s\n\n" % (last.sequence, to_bytes(content))


def _out_of_range(after: int, last: int) -> SequenceOutOfRange:
    return SequenceOutOfRange(
        f"after_sequence {after} is later than the job's last event, {last}",
        code=grpc.StatusCode.OUT_OF_RANGE,
        reason="SEQUENCE_OUT_OF_RANGE",
        metadata={"after_sequence": str(after), "last_sequence": str(last)},
    )
