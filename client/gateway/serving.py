"""The gateway as a process, or as several that share the port."""

import os
import signal
import sys

import uvicorn
from fastapi import FastAPI
from uvicorn.supervisors import Multiprocess

from .app import create_app
from .guarded_protocol import GuardedProtocol
from .settings import GatewaySettings, as_environment

#: seconds that open streams get when the gateway stops; browsers connect again by themselves
GRACE = 3

#: seconds that a connection may idle between requests
KEEP_ALIVE = 75


def config_of(settings: GatewaySettings, app: FastAPI | str) -> uvicorn.Config:
    """Return how uvicorn is to serve an application, or one that is made by the function of a name."""
    return uvicorn.Config(
        app,
        factory=isinstance(app, str),
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        http=GuardedProtocol,
        ws="none",
        limit_concurrency=settings.max_connections,
        timeout_graceful_shutdown=GRACE,
        timeout_keep_alive=KEEP_ALIVE,
        access_log=False,
        server_header=False,
        log_level="info",
    )


def serve(settings: GatewaySettings) -> None:
    """Serve until a signal says to stop."""
    signal.signal(signal.SIGTERM, _leave)  # uvicorn raises the signal again once it has stopped
    if settings.workers == 1:
        uvicorn.Server(config_of(settings, create_app(settings))).run()
        return
    os.environ.update(as_environment(settings))  # where the other processes read them
    config = config_of(settings, f"{__package__}.app:create_app")
    Multiprocess(config, sockets=[config.bind_socket()]).run()


def _leave(*_: object) -> None:
    """End as a service does that was told to."""
    sys.exit(0)
