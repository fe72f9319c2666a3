"""The four tool services on ports of their own, all or none of them."""

import asyncio
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import uvicorn

from server.tools.mcp_service import mcp_app
from server.tools.open_sessions import OpenSessions
from server.tools.services import MCP_PATH, ToolService

#: seconds that calls under way get to end when the servers stop
GRACE = 2

#: connections that may wait to be accepted
BACKLOG = 128


class QuietServer(uvicorn.Server):
    """Leaves signals to the command."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class ToolServers:
    """Serves the tools of open sessions for an `async with` block; a port of 0 takes a free one.

    Raises:
        OSError: a port cannot be bound; then none is.
    """

    def __init__(self, sessions: OpenSessions, host: str, ports: Mapping[ToolService, int]) -> None:
        self._sessions = sessions
        self._host = host
        self._ports = dict(ports)
        self._servers: list[QuietServer] = []
        self._serving: list[asyncio.Task[None]] = []

    @property
    def addresses(self) -> dict[ToolService, str]:
        """Address of each MCP server."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return {service: f"http://{host}:{port}{MCP_PATH}" for service, port in self._ports.items()}

    async def __aenter__(self) -> "ToolServers":
        """Listen on every port; calls that come from now on are answered."""
        opened: dict[ToolService, socket.socket] = {}
        try:
            for service, port in self._ports.items():
                opened[service] = listening(self._host, port)
        except OSError as error:
            for each in opened.values():
                each.close()
            raise OSError(error.errno, f"port {port} of the {service} tools could not be opened: {error}") from error
        for service, each in opened.items():
            self._ports[service] = each.getsockname()[1]
            server = QuietServer(_config(self._sessions, service, self._host))
            self._servers.append(server)
            self._serving.append(asyncio.create_task(server.serve([each])))
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Stop listening, and let calls under way end."""
        for server in self._servers:
            server.should_exit = True
        await asyncio.gather(*self._serving)


def _config(sessions: OpenSessions, service: ToolService, host: str) -> uvicorn.Config:
    return uvicorn.Config(
        mcp_app(service, sessions, host),
        http="h11",
        ws="none",
        lifespan="on",
        log_config=None,
        log_level="critical",
        access_log=False,
        timeout_graceful_shutdown=GRACE,
    )


def listening(host: str, port: int) -> socket.socket:
    """Open a port that waits for connections; 0 takes a free one."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=BACKLOG)
