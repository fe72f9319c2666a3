"""The user's own MCP servers, asked over streamable HTTP with the official SDK. Imported with the first of them.

Each question is a connection of its own: a server that fails, hangs or restarts costs that answer and nothing else.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

import httpx2
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult, TextContent

from server.agents.llm.provider import ssl_context
from server.agents.llm.tool_source import OfferedTool, ToolAnswer, ToolSourceError
from server.engine.llm import McpServer

#: bytes of an answer, tens of times what a model is shown of it
MAX_BODY = 4_000_000

#: pages of a list of tools
MAX_PAGES = 10

#: a shorter value of a header would be found in ordinary words
MIN_SECRET = 6

T = TypeVar("T")


class McpSource:
    """Asks MCP servers (`ToolSource`); `timeout` bounds each question, in seconds."""

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout

    async def offered(self, server: McpServer) -> Sequence[OfferedTool]:
        """Return the tools of a server."""
        return await self._ask(server, _listed)

    async def call(self, server: McpServer, tool: str, arguments: Mapping[str, Any]) -> ToolAnswer:
        """Call a tool; no value of the server's headers is in the answer."""
        result = await self._ask(server, lambda client: client.call_tool(tool, dict(arguments)))
        content = _without(_content(result), _secrets(server))
        return ToolAnswer(content=content, fetched=datetime.now(UTC), failed=result.is_error)

    async def _ask(self, server: McpServer, question: Callable[[Client], Awaitable[T]]) -> T:
        if server.url is None:
            raise ToolSourceError(f"mcp server '{server.name}' is not in the config any more")
        try:
            async with (
                asyncio.timeout(self._timeout),
                _http_client(server) as http_client,
                Client(streamable_http_client(server.url, http_client=http_client), cache=None) as client,
            ):
                return await question(client)
        except TimeoutError:
            raise ToolSourceError(f"mcp server '{server.name}' did not answer in time") from None
        except Exception:  # the edge to a server that may answer anything: groups of whatever the libraries raise
            raise ToolSourceError(f"mcp server '{server.name}' could not be used") from None


class _BoundedTransport(httpx2.AsyncHTTPTransport):
    """Breaks off an answer that is too long."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        response = await super().handle_async_request(request)
        response.stream = _BoundedStream(response.stream)
        return response


class _BoundedStream(httpx2.AsyncByteStream):
    def __init__(self, stream: Any) -> None:  # noqa: ANN401 (the library's own kinds)
        self._stream = stream

    async def __aiter__(self) -> Any:  # noqa: ANN401 (as above)
        room = MAX_BODY
        async for chunk in self._stream:
            room -= len(chunk)
            if room < 0:
                raise httpx2.ReadError("the answer was too long")
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()


def _http_client(server: McpServer) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(
        headers=dict(server.headers),
        transport=_BoundedTransport(verify=ssl_context()),
        timeout=None,
        follow_redirects=False,
    )


async def _listed(client: Client) -> list[OfferedTool]:
    tools: list[OfferedTool] = []
    cursor: str | None = None
    for _ in range(MAX_PAGES):
        page = await client.list_tools(cursor=cursor)
        tools += [
            OfferedTool(name=tool.name, description=tool.description or "", schema=tool.input_schema)
            for tool in page.tools
        ]
        cursor = page.next_cursor
        if not cursor:
            break
    return tools


def _content(result: CallToolResult) -> Any:  # noqa: ANN401 (whatever JSON holds)
    """Return the structured content or, without one, the texts, those that are JSON as what they say."""
    if result.structured_content is not None:
        return result.structured_content
    texts = [_parsed(block.text) for block in result.content if isinstance(block, TextContent)]
    return texts[0] if len(texts) == 1 else texts


def _parsed(text: str) -> Any:  # noqa: ANN401 (as above)
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _secrets(server: McpServer) -> list[str]:
    values = [value.removeprefix("Bearer ").strip() for value in server.headers.values()]
    return [value for value in values if len(value) >= MIN_SECRET]


def _without(content: Any, secrets: Sequence[str]) -> Any:  # noqa: ANN401 (as above)
    """Return an answer without the keys that its question carried, should the server repeat them."""
    text = json.dumps(content)
    if not any(json.dumps(secret)[1:-1] in text for secret in secrets):
        return content
    for secret in secrets:
        text = text.replace(json.dumps(secret)[1:-1], "[removed]")
    return json.loads(text)
