"""An MCP server of a user, on a port of its own: tools whose answers are set by the test."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from mcp.server.lowlevel import Server
from mcp_types import (
    CallToolRequestParams,
    CallToolResult,
    ListToolsResult,
    TextContent,
    Tool,
)
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from server.engine.llm import McpServer
from server.tools.tool_servers import QuietServer, listening

TOKEN = "user-token-0123456789"

#: answers of tools by name; called with the arguments
Answers = Mapping[str, Callable[..., Any]]


class Guarded:
    """Refuses requests without the user's token, and counts those that have it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.requests = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            if Request(scope).headers.get("authorization") != f"Bearer {TOKEN}":
                await send({"type": "http.response.start", "status": 401, "headers": []})
                await send({"type": "http.response.body", "body": b""})
                return
            self.requests += 1
        await self.app(scope, receive, send)


def _app(answers: Answers) -> Starlette:
    async def list_tools(_context: Any, _params: Any) -> ListToolsResult:
        schema = {"type": "object", "properties": {"query": {"type": "string"}}}
        return ListToolsResult(
            tools=[Tool(name=name, description=f"Tool {name}.\nMore.", input_schema=schema) for name in answers]
        )

    async def call_tool(_context: Any, params: CallToolRequestParams) -> CallToolResult:
        answer = answers[params.name](**(params.arguments or {}))
        if asyncio.iscoroutine(answer):
            answer = await answer
        if isinstance(answer, CallToolResult):
            return answer
        if isinstance(answer, str):
            return CallToolResult(content=[TextContent(text=answer)])
        return CallToolResult(content=[], structured_content=answer)

    server: Server[Any] = Server("user", on_list_tools=list_tools, on_call_tool=call_tool)
    return server.streamable_http_app(json_response=True, stateless_http=True)


@asynccontextmanager
async def user_server(**answers: Callable[..., Any]) -> AsyncIterator[McpServer]:
    """Serve tools for a block; yield the server as a session's spec names it."""
    opened = listening("127.0.0.1", 0)
    config = uvicorn.Config(Guarded(_app(answers)), log_config=None, log_level="critical", timeout_graceful_shutdown=1)
    server = QuietServer(config)
    serving = asyncio.create_task(server.serve([opened]))
    try:
        url = f"http://127.0.0.1:{opened.getsockname()[1]}/mcp"
        yield McpServer(name="mine", url=url, headers={"Authorization": f"Bearer {TOKEN}"})
    finally:
        server.should_exit = True
        await serving


def failed(text: str) -> CallToolResult:
    """Return the answer of a tool that failed."""
    return CallToolResult(content=[TextContent(text=text)], is_error=True)
