"""A tool service as an MCP server: an application that refuses every request without the token of an open session.

What it lists and calls are the functions of the session that the token names, so a call from outside passes the same
gate, and is checked and repaired in the same way, as one of an agent in this process.
"""

import json
from typing import Any

import structlog
from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.auth.provider import AccessToken
from mcp.server.auth.settings import AuthSettings
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INTERNAL_ERROR,
    INVALID_REQUEST,
    CallToolRequestParams,
    CallToolResult,
    ListToolsResult,
    PaginatedRequestParams,
    TextContent,
)
from mcp_types import Tool as ToolDescription
from pydantic import AnyHttpUrl
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from server.tools.open_sessions import OpenSession, OpenSessions, SessionEndedError
from server.tools.services import HEALTH_PATH, MCP_PATH, ToolService

#: bytes of a request; an order or a query has a thousandth of it
MAX_REQUEST = 65_536

#: only named to clients that have no token; nobody but a session issues one
_ISSUER = AnyHttpUrl("https://aitrader.invalid")

Context = ServerRequestContext[Any, Any]

logger = structlog.get_logger(__name__)


class _Tokens:
    """Tells the SDK which tokens are good at this moment."""

    def __init__(self, sessions: OpenSessions) -> None:
        self._sessions = sessions

    async def verify_token(self, token: str) -> AccessToken | None:
        return None if self._sessions.find(token) is None else AccessToken(token=token, client_id="agent", scopes=[])


class _Handlers:
    """Answers what a client asks of one service."""

    def __init__(self, service: ToolService, sessions: OpenSessions) -> None:
        self._service = service
        self._sessions = sessions

    async def list_tools(self, context: Context, params: PaginatedRequestParams | None) -> ListToolsResult:
        definitions = self._session().tools(self._service).definitions
        return ListToolsResult(
            tools=[
                ToolDescription(name=tool.name, description=tool.description, input_schema=tool.parameters_json_schema)
                for tool in definitions
            ]
        )

    async def call_tool(self, context: Context, params: CallToolRequestParams) -> CallToolResult:
        try:
            text = await self._session().call(self._service, params.name, params.arguments)
        except SessionEndedError:
            raise _ended() from None
        except Exception:  # the server's edge: whatever a tool raises stays in the log
            logger.exception("tool_failed", service=self._service.value, tool=params.name[:100])
            raise MCPError(INTERNAL_ERROR, "internal error") from None
        answer = json.loads(text)
        return CallToolResult(content=[TextContent(text=text)], structured_content=answer, is_error="error" in answer)

    def _session(self) -> OpenSession:
        token = get_access_token()
        session = None if token is None else self._sessions.find(token.token)
        if session is None:
            raise _ended()
        return session


def mcp_app(service: ToolService, sessions: OpenSessions, host: str) -> Starlette:
    """Return the application of a tool service; no state is kept between requests, each shows its token."""
    handlers = _Handlers(service, sessions)
    server: Server[Any] = Server(
        f"aitrader-{service}", on_list_tools=handlers.list_tools, on_call_tool=handlers.call_tool
    )

    async def health(_: Request) -> JSONResponse:
        return JSONResponse({"service": service.value})

    return server.streamable_http_app(
        streamable_http_path=MCP_PATH,
        json_response=True,
        stateless_http=True,
        max_request_body_size=MAX_REQUEST,
        host=host,
        auth=AuthSettings(issuer_url=_ISSUER, resource_server_url=None),
        token_verifier=_Tokens(sessions),
        custom_starlette_routes=[Route(HEALTH_PATH, health)],
    )


def _ended() -> MCPError:
    return MCPError(INVALID_REQUEST, "the session has ended")
