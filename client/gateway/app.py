"""The gateway's application: settings → server behind it → routes, wrapped in what every answer needs."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import APIRouter, FastAPI
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp

from . import current, dashboard, documentation, events, health, models, routes, trigger
from .asking import MIN_GZIP, REQUEST_ID, REQUEST_TIMEOUT
from .envelope import MAX_BODY, Envelope
from .errors import install_handlers
from .events import Streams
from .settings import GatewaySettings, load_settings
from .shortcut import StatusShortcut
from .upstream import GZIP_LEVEL, Upstream

#: where callers may be refused, whatever the route
REFUSALS: dict[int | str, dict[str, Any]] = {
    400: {"model": models.Refusal, "description": "A field is missing or wrong."},
    429: {"model": models.Refusal, "description": "A limit is reached; `Retry-After` says when to try again."},
    500: {"model": models.Refusal, "description": "Unforeseen; the log holds it under `details.error_id`."},
    503: {"model": models.Refusal, "description": "The server is away, stops or is busy; try again."},
    504: {"model": models.Refusal, "description": "The answer did not come in time."},
}

ROUTERS: tuple[APIRouter, ...] = (
    trigger.router,
    current.router,
    routes.router,
    events.router,
    health.router,
    documentation.router,
)


class GatewayApp(FastAPI):
    """The application with the envelope around everything, also around what Starlette answers by itself."""

    def build_middleware_stack(self) -> ASGIApp:
        settings: GatewaySettings = self.state.settings
        app: ASGIApp = StatusShortcut(super().build_middleware_stack())
        for middleware, arguments, options in reversed(_middleware(settings)):
            app = middleware(app, *arguments, **options)
        return Envelope(app, settings.origins)


def create_app(settings: GatewaySettings | None = None) -> FastAPI:
    """Return the application; without settings, with those of the environment."""
    known = settings or load_settings()
    app = GatewayApp(
        title="AI-Trader simulation service",
        version="1",
        description="Trading simulations as durable jobs: start them, follow them, read what the models did.",
        docs_url=None,  # ours needs no script of others
        redoc_url=None,
        redirect_slashes=False,
        responses=REFUSALS,
        max_body_size=MAX_BODY,
        lifespan=_lifespan,
    )
    app.state.settings = known
    app.state.streams = Streams(known.max_streams)
    for router in ROUTERS:
        app.include_router(router)
    install_handlers(app)
    documentation.install(app)
    app.include_router(dashboard.create_router())
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    upstream = app.state.upstream = Upstream(app.state.settings.server)
    yield
    await upstream.close()


def _middleware(settings: GatewaySettings) -> list[Middleware]:
    gzip = Middleware(GZipMiddleware, minimum_size=MIN_GZIP, compresslevel=GZIP_LEVEL)
    if not settings.origins:
        return [gzip]
    cors = Middleware(
        CORSMiddleware,
        allow_origins=settings.origins,
        allow_methods=["GET", "POST"],
        allow_headers=["content-type", "last-event-id", REQUEST_ID, REQUEST_TIMEOUT],
        expose_headers=["location", "retry-after", REQUEST_ID],
    )
    return [cors, gzip]
