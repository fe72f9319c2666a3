"""A server that plays Jina's search and reader, over real HTTP."""

import asyncio
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from server.agents.llm.search import JinaSearch

KEY = "jina_0123456789abcdef"
FETCHED = datetime(2026, 3, 10, 12, tzinfo=UTC)

#: the server speaks plain HTTP, and to read the real ones for each search takes the tests longer than all else
NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@dataclass
class FakeJina:
    """The vendor: answers a search with `results` or `fault`, the reader with `pages`."""

    url: str = ""
    results: Any = field(default_factory=list)
    pages: dict[str, Any] = field(default_factory=dict)
    fault: Response | None = None
    delay: float = 0.0
    requests: list[Request] = field(default_factory=list)

    def reset(self) -> None:
        self.results, self.pages, self.fault, self.delay, self.requests = [], {}, None, 0.0, []

    async def search(self, request: Request) -> Response:
        self.requests.append(request)
        await asyncio.sleep(self.delay)
        return self.fault or JSONResponse({"code": 200, "data": self.results})

    async def read(self, request: Request) -> Response:
        self.requests.append(request)
        page = self.pages.get(
            request.url.path.removeprefix("/read/") + (f"?{query}" if (query := request.url.query) else "")
        )
        if isinstance(page, Response):
            return page
        return Response(status_code=404) if page is None else JSONResponse({"code": 200, "data": page})

    def client(self, **options: Any) -> JinaSearch:
        search = JinaSearch(
            KEY,
            base_search_url=f"{self.url}/search",
            base_reader_url=f"{self.url}/read",
            clock=lambda: FETCHED,
            **options,
        )
        search._certificates = NO_CERTIFICATES
        return search


@contextmanager
def serving() -> Iterator[FakeJina]:
    """Serve the vendor on a free port."""
    fake = FakeJina()
    app = Starlette(routes=[Route("/search", fake.search), Route("/read/{url:path}", fake.read)])
    config = uvicorn.Config(app, log_level="critical", lifespan="off", ws="none", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        fake.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        deadline = time.monotonic() + 5
        while not server.started and time.monotonic() < deadline:
            threading.Event().wait(0.005)
        yield fake
        server.should_exit = True
        thread.join(5)


def result(name: str, **more: Any) -> dict[str, Any]:
    return {"title": f"Title {name}", "url": f"https://news.test/{name}", "description": f"About {name}", **more}
