"""What every HTTP answer carries, whatever the route: the request's id and the headers that keep a browser safe."""

import re
from collections.abc import Collection
from urllib.parse import urlsplit
from uuid import uuid4

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .asking import REQUEST_ID
from .errors import error_response

#: characters of a caller's request id that are taken over
MAX_REQUEST_ID = 128

#: bytes of a body; the largest trigger has 1000 signatures of 512 characters
MAX_BODY = 1024 * 1024

UNPRINTABLE = re.compile(r"[^\x21-\x7e]+")

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

SECURITY_HEADERS: tuple[tuple[bytes, bytes], ...] = (
    (b"content-security-policy", CONTENT_SECURITY_POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
)

#: added unless the route says something else
DEFAULT_HEADERS: tuple[tuple[bytes, bytes], ...] = (
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class Envelope:
    """Wraps the whole application. A page of a foreign origin may not change anything, even where CORS lets it ask."""

    def __init__(self, app: ASGIApp, origins: Collection[str]) -> None:
        self._app = app
        self._origins = frozenset(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        request_id = scope[REQUEST_ID] = clean_request_id(headers.get(REQUEST_ID, ""))
        own = ((REQUEST_ID.encode(), request_id.encode()), *SECURITY_HEADERS)

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                there = {name for name, _ in message["headers"]}
                missing = (header for header in DEFAULT_HEADERS if header[0] not in there)
                message["headers"] = [*message["headers"], *own, *missing]
            await send(message)

        await (self._refusal(scope["method"], headers) or self._app)(scope, receive, dressed)

    def _refusal(self, method: str, headers: Headers) -> ASGIApp | None:
        """Return the answer to a request that no route needs to see; None when it is fine."""
        if method not in SAFE_METHODS and self._is_foreign(headers):
            return _forbidden
        return _too_large if int(headers.get("content-length", "0")) > MAX_BODY else None

    def _is_foreign(self, headers: Headers) -> bool:
        origin = headers.get("origin")
        if origin is None or origin in self._origins or "*" in self._origins:
            return False
        return urlsplit(origin).netloc != headers.get("host")


_forbidden = error_response(403, "forbidden", "a page of another origin may not do this", {})
_too_large = error_response(413, "too_large", f"the body is larger than {MAX_BODY} bytes", {})


def clean_request_id(asked: str) -> str:
    """Return the caller's id as far as it can be passed on, or a new one."""
    return UNPRINTABLE.sub("", asked)[:MAX_REQUEST_ID] or uuid4().hex
