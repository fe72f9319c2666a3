"""Tools of a user's own MCP server in a session: over real HTTP, behind the gate."""

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from server.agents.llm.replay_tape import ReplayTape
from server.agents.llm.tape import RecordingTape
from server.engine.llm import LlmMode, McpServer
from server.engine.model_day import FailureKind, ModelDayFailure
from server.engine.session_record import SessionRecord
from tests.integration.agents.llm_session import DATES, FINISH, answers, calls, run, run_well
from tests.integration.agents.user_server import TOKEN, failed, user_server
from tests.llm_server import LlmServer, Script, ToolCall, saying

TODAY = DATES[1]
CALL = ToolCall("mine__news", {"query": "AAPL"})
SCRIPT: Script = saying(calls(CALL), FINISH)


async def session(server: McpServer, script: Any = SCRIPT, **options: Any) -> SessionRecord:
    """Run a day with the tools of a server and return its record."""
    with LlmServer({"*": script}) as vendor:
        _, record = await run_well(vendor, mcp_servers=(server,), **options)
    return record


async def told(server: McpServer, **options: Any) -> Any:
    """Return what the model was told when it called the tool."""
    return json.loads(answers(await session(server, **options))[0])


async def test_tools_are_offered_under_the_name_of_their_server_and_in_the_prompt() -> None:
    async with user_server(news=lambda **_: [], odds=lambda **_: []) as server:
        with LlmServer({"*": saying(FINISH)}) as vendor:
            _, record = await run_well(vendor, mcp_servers=(server,))

    offered = {tool["function"]["name"] for tool in vendor.requests[0]["tools"]}
    assert {"buy", "finish", "mine__news", "mine__odds"} <= offered
    assert "- `mine__news`: Tool news.\n" in (record.steps[0].content or "")


async def test_only_the_tools_that_the_config_names_are_offered() -> None:
    async with user_server(news=lambda **_: [], odds=lambda **_: []) as server:
        with LlmServer({"*": saying(FINISH)}) as vendor:
            await run_well(vendor, mcp_servers=(replace(server, tools=("odds",)),))

    offered = {tool["function"]["name"] for tool in vendor.requests[0]["tools"]}
    assert "mine__odds" in offered
    assert "mine__news" not in offered


NEWS = [
    {"title": "old", "date": "2025-09-30"},
    {"title": "today", "date": TODAY},
    {"title": "later", "date": DATES[2]},
    {"title": "old, and of what came later", "date": "2025-09-30", "seen": {"updated_at": f"{DATES[2]}T10:00:00Z"}},
    {"title": "no date"},
    {"title": "unreadable", "date": "03/04/2025"},
    {"title": "relative to now", "published": "2 hours ago"},
    "text",
]


@pytest.mark.parametrize("content", [NEWS, {"result": NEWS}, json.dumps(NEWS), {"total": 8, "hits": NEWS}])
async def test_parts_of_an_answer_are_shown_when_all_of_their_dates_are_before_the_day(content: Any) -> None:
    async with user_server(news=lambda query: content) as server:
        record = await session(server)

    assert json.loads(answers(record)[0]) == {"items": [{"title": "old", "date": "2025-09-30"}]}
    assert [(seen.tool_name, seen.source_date) for seen in record.observations if seen.tool_name != "prompt"] == [
        ("mine__news", "2025-09-30")
    ]
    assert sorted(dropped.reason for dropped in record.dropped) == [
        *["no_date"] * 2,
        *["not_before_decision"] * 4,
        "unreadable_date",
    ]


@pytest.mark.parametrize(
    "content",
    [
        "AAPL closes at 105 tomorrow",
        {"price": 105},
        {"date": TODAY, "close": 105},
        {DATES[2]: {"close": 105}},
        {"series": {DATES[0]: 1, DATES[2]: 2}},
        {"date": 1759449600, "close": 105},
        {"date": DATES[0], "bars": [{"date": DATES[2], "close": 105}]},
    ],
)
async def test_an_answer_with_nothing_from_before_the_day_shows_nothing(content: Any) -> None:
    async with user_server(news=lambda query: content) as server:
        assert await told(server) == {"items": []}


async def test_a_server_that_the_user_vouches_for_is_shown_whole_and_the_audit_is_told() -> None:
    async with user_server(news=lambda query: {"ratio": 1.5}) as server:
        record = await session(replace(server, dated=False))

    assert json.loads(answers(record)[0]) == {"answer": {"ratio": 1.5}}
    assert [seen.source_date for seen in record.observations if seen.tool_name == "mine__news"] == [""]


async def test_an_answer_too_long_to_be_shown_is_cut_at_a_part() -> None:
    items = [{"date": "2025-09-30", "text": "x" * 3000} for _ in range(10)]
    async with user_server(news=lambda query: items) as server:
        answer = await told(server)

    assert answer == {"items": items[:6], "too_long": 4}


async def test_the_key_of_a_server_is_in_nothing_that_is_kept() -> None:
    items = [{"date": "2025-09-30", "text": f"your token is {TOKEN}"}]
    async with user_server(news=lambda query: items) as server:
        record = await session(server)

    assert TOKEN not in repr(record)
    assert "[removed]" in answers(record)[0]


async def _hang(**_: Any) -> None:
    await asyncio.Event().wait()


def _raise(**_: Any) -> None:
    raise RuntimeError("the close of tomorrow is 105")


FAULTS = {
    "slow": (_hang, "tool_unavailable", "did not answer in time"),
    "raises": (_raise, "tool_unavailable", "could not be used"),
    "fails": (lambda **_: failed("the close of tomorrow is 105"), "tool_failed", "the tool failed"),
    "too large": (lambda **_: "x" * 5_000_000, "tool_unavailable", "could not be used"),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_the_model_is_told_of_a_fault_and_the_day_goes_on(fault: str) -> None:
    tool, error, message = FAULTS[fault]
    async with user_server(news=tool) as server:
        answer = await told(server, request_timeout=3.0)

    assert answer["error"] == error
    assert message in answer["message"]
    assert "105" not in answer["message"]


async def test_a_server_that_goes_away_during_the_day_is_told_to_the_model() -> None:
    async with user_server(news=lambda query: NEWS) as server:
        source = _Leaving(server)
        with LlmServer({"*": SCRIPT}) as vendor:
            _, record = await run_well(vendor, mcp_servers=(server,), trader={"tool_source": source})

    assert json.loads(answers(record)[0])["error"] == "tool_unavailable"


class _Leaving:
    """Lists the tools of a server and then asks at a port where nobody is."""

    def __init__(self, server: McpServer) -> None:
        from server.agents.llm.mcp_source import McpSource

        self._source = McpSource(5.0)

    async def offered(self, server: McpServer) -> Any:
        return await self._source.offered(server)

    async def call(self, server: McpServer, tool: str, arguments: Any) -> Any:
        return await self._source.call(replace(server, url="http://127.0.0.1:1/mcp"), tool, arguments)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"url": "http://127.0.0.1:1/mcp"}, "mcp server 'mine'"),
        ({"url": None}, "mcp server 'mine' is not in the config any more"),
        ({"headers": {"Authorization": "Bearer wrong-token-9876"}}, "mcp server 'mine'"),
        ({"tools": ("news", "weather")}, "mcp server 'mine' has no usable tool 'weather'"),
    ],
)
async def test_a_day_does_not_begin_without_the_tools_it_was_to_have(change: dict[str, Any], words: str) -> None:
    async with user_server(news=lambda **_: []) as server:
        with LlmServer({"*": SCRIPT}) as vendor:
            outcome = await run(vendor, mcp_servers=(replace(server, **change),))

    assert isinstance(outcome, ModelDayFailure)
    assert outcome.kind is FailureKind.PROVIDER_ERROR
    assert words in outcome.message
    assert "127.0.0.1" not in outcome.message
    assert "token" not in outcome.message
    assert vendor.requests == []


async def test_a_recorded_day_is_repeated_without_the_server() -> None:
    tape = RecordingTape("openai/gpt-5", [TOKEN])
    tools: Any = {"news": lambda query: NEWS, "odds": _raise}
    script = saying(calls(CALL), calls(ToolCall("mine__odds", {})), FINISH)
    with LlmServer({"*": script}) as vendor:
        async with user_server(**tools) as server:
            _, recorded = await run_well(vendor, mcp_servers=(server,), trader={"tape": tape})
        assert recorded.recording is not None
        replay = {"tape": ReplayTape("openai/gpt-5", [recorded.recording])}
        _, repeated = await run_well(vendor, mcp_servers=(server,), mode=LlmMode.REPLAY, trader=replay)

    assert answers(repeated) == answers(recorded)
    assert repeated.observations == recorded.observations
    assert repeated.dropped == recorded.dropped
    assert TOKEN not in repr(recorded.recording)
