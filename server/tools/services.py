"""The four tool services: which tools each of them serves."""

from enum import StrEnum

from server.settings import Settings

#: path of an MCP server, and of the answer to whoever asks whether it is there
MCP_PATH = "/mcp"
HEALTH_PATH = "/health"


class ToolService(StrEnum):
    """A tool service; its value is its name in addresses, settings and health."""

    MATH = "math"
    SEARCH = "search"
    TRADE = "trade"
    PRICE = "price"

    @property
    def tools(self) -> frozenset[str]:
        """Names of the tools that it serves."""
        return _TOOLS[self]


_TOOLS = {
    ToolService.MATH: frozenset({"add", "multiply", "calculate"}),
    ToolService.SEARCH: frozenset({"get_information"}),
    ToolService.TRADE: frozenset({"buy", "sell", "get_positions", "finish"}),
    ToolService.PRICE: frozenset({"get_price_local", "get_price_history"}),
}


def tool_ports(settings: Settings) -> dict[ToolService, int]:
    """Return the port of each tool service."""
    return {
        ToolService.MATH: settings.math_http_port,
        ToolService.SEARCH: settings.search_http_port,
        ToolService.TRADE: settings.trade_http_port,
        ToolService.PRICE: settings.getprice_http_port,
    }
