"""The real gateway for tests: uvicorn on a thread of its own, on a free port, with the protocol that guards it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import uvicorn

from client.gateway.app import create_app
from client.gateway.serving import config_of
from client.gateway.settings import GatewaySettings
from tests.service import DEADLINE, wait_until


class Gateway:
    """A running gateway, with an HTTP client to it."""

    def __init__(self, target: str, **settings: Any) -> None:
        self.settings = GatewaySettings(server=target, port=0, **settings)
        self.app = create_app(self.settings)
        self._server = uvicorn.Server(config_of(self.settings, self.app))
        self._thread = threading.Thread(target=self._server.run, name="gateway", daemon=True)
        self._thread.start()
        wait_until(lambda: self._server.started, "the start of the gateway")
        self.port = self._server.servers[0].sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.http = httpx.Client(base_url=self.url, timeout=DEADLINE)

    def get(self, path: str, **query: Any) -> httpx.Response:
        """Ask with GET."""
        return self.http.get(path, params=query)

    def post(self, path: str, body: Any = None) -> httpx.Response:
        """Ask with POST."""
        return self.http.post(path) if body is None else self.http.post(path, json=body)

    def close(self) -> None:
        """Stop the gateway."""
        self.http.close()
        self._server.should_exit = True
        self._thread.join(DEADLINE)


@contextmanager
def running_gateway(target: str, **settings: Any) -> Iterator[Gateway]:
    """Run a gateway in front of a server."""
    gateway = Gateway(target, **settings)
    try:
        yield gateway
    finally:
        gateway.close()
