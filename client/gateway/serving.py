"""The gateway as a process, or as several that share the port."""

import multiprocessing
import os
import signal
import sys
import threading

import uvicorn
from fastapi import FastAPI
from uvicorn.supervisors import Multiprocess

from .app import create_app
from .guarded_protocol import GuardedProtocol
from .open_files import allow_connections
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
        proxy_headers=False,  # nothing here asks who called or how
        timeout_graceful_shutdown=GRACE,
        timeout_keep_alive=KEEP_ALIVE,
        access_log=False,
        server_header=False,
        log_level="info",
    )


def serve(settings: GatewaySettings) -> None:
    """Serve until a signal says to stop."""
    signal.signal(signal.SIGTERM, _leave)  # uvicorn raises the signal again once it has stopped
    settings = settings.model_copy(update={"max_connections": allow_connections(settings.max_connections)})
    if settings.workers == 1:
        uvicorn.Server(config_of(settings, create_app(settings))).run()
        return
    os.environ.update(as_environment(settings))  # where the other processes read them
    config = config_of(settings, f"{__name__}:{create_shared_app.__name__}")
    Multiprocess(config, sockets=[config.bind_socket()]).run()


def create_shared_app() -> FastAPI:
    """Return the application of one of several processes, which stops when the process that started it is gone."""
    threading.Thread(target=_stop_with_parent, name="parent-watch", daemon=True).start()
    return create_app()


def _stop_with_parent() -> None:
    """Wait for the end of the parent, which does not tell of it when it is killed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)


def _leave(*_: object) -> None:
    """End as a service does that was told to."""
    sys.exit(0)
