"""`agent_config`: the cash a portfolio begins with, limits of an agent's session and of a model-day, and its tools."""

from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, Field

from server.jobs.config.section import Section
from server.jobs.config.values import (
    Address,
    Dollars,
    HeaderText,
    InitialCash,
    JobTimeLimit,
    Seconds,
    TimeLimit,
    TokenCount,
)


class McpServerEntry(Section):
    """A user's own MCP server: `name` begins the names of its tools, `tools` are those to offer, without it all.

    `token_env` names the environment variable of the service that holds its bearer token. `dated` false vouches for
    answers that bear no dates.
    """

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9]{0,15}$")]
    url: Address = Field(repr=False)
    token_env: Annotated[str, Field(pattern=r"^MCP_[A-Z0-9_]{1,60}$")] | None = None
    headers: dict[str, HeaderText] = Field(default_factory=dict, repr=False)
    tools: Annotated[list[str], Field(min_length=1, max_length=64)] | None = None
    dated: bool = True


def _named_once(servers: "list[McpServerEntry]") -> "list[McpServerEntry]":
    names = [server.name for server in servers]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"'{twice}' is the name of more than one server")
    return servers


class AgentConfig(Section):
    """The cash a portfolio begins with; limits of an agent's session, its prompt and who sums it up.

    Times are seconds. `max_tokens` and `max_usd` bound one model-day. `prompt` is a path in the configs folder, None
    the default for the costs.
    `max_retries` and `base_delay` are those of requests to a model within a session, and of attempts at a model-day;
    `model_day_timeout` bounds an attempt of any model, `job_timeout` the job.
    """

    max_steps: Annotated[int, Field(ge=1, le=10_000)] = 30
    max_retries: Annotated[int, Field(ge=0, le=100)] = 3
    base_delay: Seconds = 1.0
    initial_cash: InitialCash = Decimal(10_000)
    request_timeout: Seconds = 60.0
    session_timeout: Seconds = 300.0
    model_day_timeout: TimeLimit = 300.0
    job_timeout: JobTimeLimit | None = None
    max_tokens: TokenCount | None = None
    max_usd: Dollars | None = None
    prompt: str | None = None
    model_summary: bool = False
    mcp_servers: Annotated[list[McpServerEntry], Field(max_length=8), AfterValidator(_named_once)] = Field(
        default_factory=list
    )
