"""HTTP with bounds on what one connection may cost; uvicorn has none for heads, slow requests and slow readers."""

import asyncio

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from .json_form import to_bytes

#: bytes of request line and headers; browsers send some 2 KiB
MAX_HEAD = 32 * 1024

#: seconds from the first byte, or the connection, to the end of the request
REQUEST_SECONDS = 20.0

#: seconds a caller may leave what was sent unread; the answer waits in memory meanwhile
STALL_SECONDS = 60.0

WORDS = {400: "invalid_request", 408: "request_timeout", 431: "headers_too_large", 503: "unavailable"}
SENTENCES = {
    400: "this is not HTTP/1.1",
    408: f"the request was not complete after {REQUEST_SECONDS:.0f} seconds",
    431: f"request line and headers are larger than {MAX_HEAD} bytes",
    503: "too many connections are open",
}


class HeadTooLargeError(Exception):
    """Request line and headers are larger than allowed."""


class GuardedProtocol(HttpToolsProtocol):
    """One connection. Refusals are answered in JSON as far as HTTP allows, then the connection is closed."""

    _head = 0
    _reason = 400
    _in_head = True
    _in_request = True
    _patience: asyncio.TimerHandle | None = None
    _stall: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        super().connection_made(transport)
        if self.config.limit_concurrency is not None and len(self.connections) >= self.config.limit_concurrency:
            self.connections.discard(self)
            self._refuse(503)
        else:
            self._patience = self.loop.call_later(REQUEST_SECONDS, self._on_slow_request)

    def connection_lost(self, exc: Exception | None) -> None:
        self._cancel_timers()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        if self._in_head:
            self._head += len(data)
        super().data_received(data)
        if self._in_head and self._head > MAX_HEAD and not self.transport.is_closing():
            self._refuse(431)
        if self._in_request and self._patience is None:
            self._patience = self.loop.call_later(REQUEST_SECONDS, self._on_slow_request)

    def on_message_begin(self) -> None:
        self._in_head = self._in_request = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head, self._head = False, 0
        if sum(len(name) + len(value) for name, value in self.headers) + len(self.url) > MAX_HEAD:
            self._reason = 431
            raise HeadTooLargeError
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._in_request = False
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse what the parser stumbled over."""
        self._refuse(self._reason)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stall = self.loop.call_later(STALL_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None

    def _on_slow_request(self) -> None:
        if self.cycle is None or self.cycle.response_complete:
            self._refuse(408)
        else:
            self.transport.abort()

    def _refuse(self, status: int) -> None:
        body = to_bytes({"error": WORDS[status], "message": SENTENCES[status], "details": {}})
        head = b"content-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n" % len(body)
        retry = b"retry-after: 2\r\n" if status == 503 else b""
        self.transport.write(b"".join([STATUS_LINE[status], head, retry, b"\r\n", body]))
        self.transport.close()

    def _cancel_timers(self) -> None:
        for timer in (self._patience, self._stall):
            if timer is not None:
                timer.cancel()
