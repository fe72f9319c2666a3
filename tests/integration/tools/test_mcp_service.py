"""The tool services with the official SDK's client over real HTTP."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import pytest
from mcp.client import Client

from server.agents.llm.search import Search
from server.agents.llm.toolbox import Toolbox
from server.engine.model_day import ModelDayOutcome, ModelDayResult
from server.engine.prices import PriceTable
from server.tools.open_sessions import OpenSessions
from server.tools.paper_day import PaperDay, run_paper_day
from server.tools.services import ToolService
from server.tools.tool_servers import ToolServers
from tests.integration.tools.mcp_client import answer, connected, status_of
from tests.unit.server.agents.llm.test_toolbox import MARKET, TODAY, Found, article, session_on
from tests.unit.server.agents.llm.test_toolbox_probing import DATES, LATER, ROW, SYMBOLS
from tests.unit.server.agents.llm.test_toolbox_probing import MARKET as DRAWN
from tests.unit.server.agents.llm.test_toolbox_probing import TODAY as DRAWN_TODAY
from tests.unit.server.engine.synthetic_market import with_other_future

PORTS = dict.fromkeys(ToolService, 0)
DEADLINE = 60.0
FORBIDDEN = ("__import__('os').environ", "price('S000')", LATER[0], "open", "().__class__")

#: questions for the future, of those that can be written in a request
PROBES: dict[ToolService, list[tuple[str, dict[str, Any]]]] = {
    ToolService.PRICE: [
        *(("get_price_local", {"symbol": "S000", "date": date}) for date in DATES if date.isprintable()),
        *(("get_price_local", {"symbol": name, "date": LATER[0]}) for name in SYMBOLS if name.isprintable()),
        *(("get_price_history", {"symbol": name, "days": 100}) for name in SYMBOLS if name.isprintable()),
        *(("get_price_history", {"symbol": "S000", "days": days}) for days in (-1, 0, 101, 10**9)),
    ],
    ToolService.MATH: [("calculate", {"expression": expression}) for expression in FORBIDDEN],
    ToolService.SEARCH: [("get_information", {"query": f"price of S000 on {LATER[0]}"})],
    ToolService.TRADE: [
        ("buy", {"symbol": f"S000@{LATER[0]}", "amount": 1}),
        ("sell", {"symbol": "S000", "amount": 1}),
    ],
}


class Day:
    """A model-day that is open to the test."""

    def __init__(self, token: str, urls: Mapping[ToolService, str], outcome: "asyncio.Task[ModelDayOutcome]") -> None:
        self.token = token
        self.urls = urls
        self.outcome = outcome

    async def result(self) -> ModelDayResult:
        async with asyncio.timeout(DEADLINE):
            outcome = await self.outcome
        assert isinstance(outcome, ModelDayResult), outcome
        return outcome


@asynccontextmanager
async def open_day(
    prices: PriceTable = MARKET,
    date: str = TODAY,
    *,
    search: Search | None = None,
    ttl: float = DEADLINE,
    stop: asyncio.Event | None = None,
) -> AsyncIterator[Day]:
    """Open a model-day with 1000 dollars."""
    stop = stop or asyncio.Event()
    announced: asyncio.Future[tuple[str, Mapping[ToolService, str]]] = asyncio.get_running_loop().create_future()
    outcome = asyncio.create_task(
        run_paper_day(
            PaperDay(date=date, cash=Decimal(1000), symbols=None, ttl=ttl),
            prices,
            host="127.0.0.1",
            ports=PORTS,
            announce=lambda token, urls: announced.set_result((token, urls)),
            stop=stop,
            search=search,
        )
    )
    await asyncio.wait([announced, outcome], timeout=DEADLINE, return_when=asyncio.FIRST_COMPLETED)
    try:
        yield Day(*announced.result(), outcome)
    finally:
        stop.set()
        await asyncio.wait([outcome], timeout=DEADLINE)


async def names(client: Client) -> set[str]:
    return {tool.name for tool in (await client.list_tools()).tools}


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_each_service_lists_its_tools_with_schemas_to_clients_of_either_protocol(mode: str) -> None:
    async with open_day(search=Found()) as day:
        for service in ToolService:
            async with connected(day.urls[service], day.token, mode) as client:
                found = (await client.list_tools()).tools

            assert {tool.name for tool in found} == service.tools
            assert all(tool.description and tool.input_schema["type"] == "object" for tool in found)


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_an_agent_trades_a_day_over_mcp_and_the_day_is_valued_at_its_close(mode: str) -> None:
    async with open_day() as day:
        async with connected(day.urls[ToolService.PRICE], day.token, mode) as client:
            price = answer(await client.call_tool("get_price_local", {"symbol": "AAPL", "date": TODAY}))
        async with connected(day.urls[ToolService.MATH], day.token, mode) as client:
            affordable = answer(await client.call_tool("calculate", {"expression": f"1000 // {price['open']}"}))
        async with connected(day.urls[ToolService.TRADE], day.token, mode) as client:
            bought = answer(await client.call_tool("buy", {"symbol": "AAPL", "amount": int(affordable["result"])}))
            done = answer(await client.call_tool("finish", {"summary": "Bought what there was cash for."}))
        result = await day.result()

    assert price == {"symbol": "AAPL", "date": TODAY, "open": 104.1}
    assert bought == {"AAPL": 9, "CASH": 63.1}
    assert done == {"finished": True}
    assert result.trading_day.portfolio_value == Decimal("63.1") + 9 * 777
    assert result.record is not None
    assert result.record.summary.startswith("Bought what there was cash for.")
    assert [(use.tool_name, use.call_count) for use in result.record.tool_usage] == [
        ("buy", 1),
        ("calculate", 1),
        ("finish", 1),
        ("get_price_local", 1),
    ]
    assert [(seen.tool_name, seen.source_date, seen.opening) for seen in result.record.observations] == [
        ("get_price_local", TODAY, True),
        ("buy", TODAY, True),
    ]


async def test_a_call_that_cannot_be_done_is_an_error_that_says_why() -> None:
    async with open_day() as day, connected(day.urls[ToolService.TRADE], day.token) as client:
        refused = await client.call_tool("buy", {"symbol": "AAPL", "amount": 1000})
        unknown = await client.call_tool("sell_everything", {})
        missing = await client.call_tool("buy", {"symbol": "AAPL"})
        elsewhere = await client.call_tool("get_price_local", {"symbol": "AAPL", "date": TODAY})
        as_text = await client.call_tool("buy", {"symbol": " aapl", "amount": "2"})

    assert all(result.is_error for result in (refused, unknown, missing, elsewhere))
    assert answer(refused)["error"] == "insufficient_cash"
    assert answer(refused)["max_affordable"] == 9
    assert answer(unknown)["error"] == answer(elsewhere)["error"] == "unknown_tool"
    assert answer(missing)["error"] == "invalid_arguments"
    assert answer(as_text)["AAPL"] == 2


async def test_without_the_token_of_an_open_session_nothing_is_told() -> None:
    async with open_day() as other, open_day() as day:
        for url in day.urls.values():
            for token in (None, "-", "wrong", day.token[:-1], day.token.swapcase(), f"{day.token} {other.token}"):
                assert await status_of(url, token) == 401, token
            with pytest.raises(BaseException) as caught:  # noqa: PT011 (a group of whatever the SDK raises)
                async with connected(url, "wrong"):
                    pass
            assert "AAPL" not in repr(caught.value)
            assert await status_of(url, day.token) == 200


async def test_the_token_is_refused_once_the_session_has_finished() -> None:
    sessions = OpenSessions()
    async with ToolServers(sessions, "127.0.0.1", PORTS) as servers:
        url = servers.addresses[ToolService.TRADE]
        with sessions.opened(_toolbox()) as (token, opened):
            async with connected(url, token) as client:
                assert "finish" in await names(client)
                await client.call_tool("finish", {"summary": ""})
                assert opened.ended.is_set()
                with pytest.raises(BaseException):  # noqa: B017, PT011
                    await client.call_tool("get_positions", {})
            assert await status_of(url, token) == 401
        with sessions.opened(_toolbox()) as (next_token, _):
            assert await status_of(url, token) == 401
            assert await status_of(url, next_token) == 200
        assert await status_of(url, next_token) == 401


async def test_a_session_whose_time_is_up_counts_what_was_ordered() -> None:
    async with open_day(ttl=0.0) as day:
        result = await day.result()

    assert result.trading_day.portfolio_value == 1000
    assert result.record is not None
    assert result.record.stop_reason is None


async def test_two_sessions_at_the_same_servers_are_kept_apart() -> None:
    sessions = OpenSessions()
    async with ToolServers(sessions, "127.0.0.1", PORTS) as servers:
        url = servers.addresses[ToolService.TRADE]
        with sessions.opened(_toolbox()) as (one, _), sessions.opened(_toolbox()) as (two, _):
            async with connected(url, one) as first, connected(url, two) as second:
                await first.call_tool("buy", {"symbol": "AAPL", "amount": 3})

                assert answer(await first.call_tool("get_positions", {}))["AAPL"] == 3
                assert "AAPL" not in answer(await second.call_tool("get_positions", {}))


async def test_a_port_in_use_is_an_error_that_names_the_service_and_opens_none() -> None:
    sessions = OpenSessions()
    async with ToolServers(sessions, "127.0.0.1", PORTS) as servers:
        taken = int(servers.addresses[ToolService.TRADE].rpartition(":")[2].partition("/")[0])

        with pytest.raises(OSError, match=f"port {taken} of the trade tools"):
            async with ToolServers(sessions, "127.0.0.1", {**PORTS, ToolService.TRADE: taken}):
                pass


async def test_a_prober_over_mcp_sees_the_same_whatever_the_future_is() -> None:
    articles = [article(day) for day in (*LATER, DRAWN_TODAY)]
    seen = [await _probe(prices, Found(*articles)) for prices in (DRAWN, with_other_future(DRAWN, ROW, seed=9))]

    assert seen[0] == seen[1]
    assert not [day for day in LATER[:4] if f'"date":"{day}"' in seen[0]]
    assert '"articles":[]' in seen[0]


async def _probe(prices: PriceTable, search: Search) -> str:
    """Ask for the future in every form and return all that was answered."""
    async with open_day(prices, DRAWN_TODAY, search=search) as day:
        seen = []
        for service, calls in PROBES.items():
            async with connected(day.urls[service], day.token) as client:
                seen += [await _text(client, tool, arguments) for tool, arguments in calls]
    return "\n".join(seen)


async def _text(client: Client, tool: str, arguments: dict[str, Any]) -> str:
    result = await client.call_tool(tool, arguments)
    return json.dumps(answer(result), separators=(",", ":"))


def _toolbox() -> Toolbox:
    return Toolbox(session_on())
