"""What an LLM session is to do: plain values, resolved from the config before the session begins."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum


class LlmMode(StrEnum):
    """Whether exchanges of sessions are recorded, or answered from the record without a vendor."""

    LIVE = "live"
    RECORD = "record"
    REPLAY = "replay"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenPrices:
    """Dollars per million tokens, by kind; None where the kind costs what input costs."""

    input: Decimal
    output: Decimal
    cache_read: Decimal | None = None
    cache_write: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class McpServer:
    """A user's own MCP server, whose tools a session gets as well.

    `tools` None means all that it has. `dated` False says that the user vouches for its answers: they do not depend on
    the day. `url` and `headers` are never stored or logged; no `url` means that there is no such server any more.
    """

    name: str
    tools: tuple[str, ...] | None = None
    dated: bool = True
    url: str | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class LlmSpec:
    """Provider, limits and prompt of a model's sessions.

    `basemodel` is `provider/name` for an OpenAI-compatible endpoint or `provider:name` for a native one. `api_key` is
    never stored or logged. Times are seconds; `max_tokens` and `max_usd` bound one model-day, None does not.
    `prices` tell the price where the maintained list does not.
    """

    basemodel: str
    prompt: str
    base_url: str | None = None
    api_key: str | None = field(default=None, repr=False)
    max_steps: int = 30
    max_retries: int = 3
    base_delay: float = 1.0
    request_timeout: float = 60.0
    session_timeout: float = 300.0
    max_tokens: int | None = None
    max_usd: Decimal | None = None
    prices: TokenPrices | None = None
    model_summary: bool = False
    mode: LlmMode = LlmMode.RECORD
    mcp_servers: tuple[McpServer, ...] = ()
