"""An answer as bytes on a connection, whole or cut."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field

from starlette.types import Receive, Scope, Send


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers and body in pieces; a cut one closes the connection instead of sending the last pieces."""

    status: int
    content_type: str
    pieces: list[bytes]
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False

    async def send(self, send: Send, before_last: Callable[[], None]) -> None:
        """Send all pieces; `before_last` runs before a client can see the end."""
        kept = self._kept()
        await send({"type": "http.response.start", "status": self.status, "headers": self._raw_headers()})
        for piece in kept[:-1]:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        before_last()
        await send({"type": "http.response.body", "body": kept[-1], "more_body": self.cut})

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        await self.send(send, lambda: None)

    def _kept(self) -> list[bytes]:
        if not self.cut:
            return self.pieces
        if len(self.pieces) > 1:
            return self.pieces[: len(self.pieces) // 2]
        return [self.pieces[0][: len(self.pieces[0]) // 2]]

    def _raw_headers(self) -> list[tuple[bytes, bytes]]:
        length = {"content-length": str(len(self.pieces[0]))} if len(self.pieces) == 1 else {}
        headers = {"content-type": self.content_type} | length | self.headers
        return [(name.encode(), value.encode()) for name, value in headers.items()]


def json_answer(status: int, body: object, headers: dict[str, str] | None = None) -> Answer:
    return Answer(status, "application/json", [json.dumps(body).encode()], headers or {})


def error_answer(
    status: int, message: str, *, kind: str, code: str | None, param: str | None = None, retry_after: str | None = None
) -> Answer:
    """Say an error as OpenAI does."""
    error = {"message": message, "type": kind, "param": param, "code": code}
    return json_answer(status, {"error": error}, {"retry-after": retry_after} if retry_after else {})
