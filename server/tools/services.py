"""The four tool services: which tools each of them serves."""

from enum import StrEnum


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
