"""The official SDK's client, as an agent from outside uses it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult


@asynccontextmanager
async def connected(url: str, token: str | None, mode: str = "auto") -> AsyncIterator[Client]:
    """Connect to an MCP server with a bearer token."""
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=30) as http_client,
        Client(streamable_http_client(url, http_client=http_client), mode=mode) as client,
    ):
        yield client


def answer(result: CallToolResult) -> Any:
    """Return the JSON that a call was answered with."""
    return result.structured_content


async def status_of(url: str, token: str | None) -> int:
    """Return the HTTP status of a request to list tools."""
    headers = {"Accept": "application/json, text/event-stream"} | (
        {} if token is None else {"Authorization": f"Bearer {token}"}
    )
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    async with httpx2.AsyncClient(timeout=30) as client:
        return (await client.post(url, headers=headers, json=body)).status_code
