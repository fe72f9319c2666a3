"""A receiver of callbacks over real HTTP, which answers as a test says."""

import ssl
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self, TypeAlias

#: seconds after which a hanging answer is given up, so that a failing test leaves no thread behind
PATIENCE = 60.0


class Fault(Enum):
    """How a receiver fails to answer."""

    HANG = auto()
    CLOSE = auto()
    #: headers at once, and of the body a byte now and then
    DRIP = auto()


#: a status with headers, or a fault
Reply: TypeAlias = "tuple[int, Mapping[str, str]] | Fault"

OK: Reply = (200, {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A request that came in; names of headers are in lower case."""

    path: str
    headers: Mapping[str, str]
    body: bytes


class Receiver:
    """Listens on a port of its own in a `with` block; gives its replies one after the other, and OK from then on.

    With a context it speaks TLS.
    """

    def __init__(self, *replies: Reply, tls: ssl.SSLContext | None = None) -> None:
        self.received: list[Received] = []
        self.replies = deque(replies)
        self._over = threading.Event()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                receiver.received.append(Received(path=self.path, headers=headers, body=body))
                receiver._answer(self)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}/told?flow=7"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, name="receiver", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        reply = self.replies.popleft() if self.replies else OK
        if reply is Fault.HANG:
            self._over.wait(PATIENCE)
        elif isinstance(reply, tuple):
            status, headers = reply
            handler.send_response(status)
            for name, value in {"content-length": "0", **headers}.items():
                handler.send_header(name, value)
            handler.end_headers()
        elif reply is Fault.DRIP:
            handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
            while not self._over.wait(0.02):
                handler.wfile.write(b"x")
        handler.close_connection = True
