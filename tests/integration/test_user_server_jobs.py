"""Jobs whose agents have the tools of a user's own MCP server."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import SecretStr

from aitrader.v1 import job_pb2, simulation_pb2
from tests.integration.agents.user_server import TOKEN, user_server
from tests.llm_server import LlmServer, Reply, ToolCall, saying
from tests.service import DATES, DEADLINE, Service, config, refusal

NEWS = [{"date": DATES[0], "text": "old"}, {"date": DATES[-1], "text": "of a later date"}]
SCRIPT = saying(Reply(None, (ToolCall("mine__news", {"query": "UP"}),)), Reply("Done. <FINISH_SIGNAL>"))
ENTRY = {"signature": "m", "basemodel": "vendor/m"}


def with_servers(*servers: dict[str, Any]) -> dict[str, Any]:
    """Return the config of a model that trades the second date."""
    values = config(ENTRY, start=DATES[1], end=DATES[1])
    return {**values, "agent_config": {**values["agent_config"], "mcp_servers": list(servers)}}


async def test_answers_from_before_the_day_are_shown_and_no_key_or_address_is_stored(
    new_service: Callable[..., Service], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MCP_NEWS_TOKEN", TOKEN)
    with LlmServer({"*": SCRIPT}) as vendor:
        service = new_service(openai_api_base=vendor.base_url, openai_api_key=SecretStr("sk-0123456789"))
        async with user_server(news=lambda query: NEWS) as server:
            entry = {"name": "mine", "url": server.url, "token_env": "MCP_NEWS_TOKEN"}
            status = await asyncio.to_thread(service.run, with_servers(entry))

    assert status.status == job_pb2.JOB_STATUS_COMPLETED, status
    audit = service.stub.AuditJob(simulation_pb2.AuditJobRequest(job_id=status.job_id), timeout=DEADLINE)
    assert audit.violation_count == 0
    assert [(row.tool_name, row.reason, row.count) for row in audit.dropped] == [
        ("mine__news", "not_before_decision", 1)
    ]
    stored = repr(service.contents())
    assert "old" in stored
    assert "of a later date" not in [row[0] for row in service.rows("SELECT content FROM reasoning_logs")]
    assert TOKEN not in stored
    assert str(server.url) not in stored


@pytest.mark.parametrize(
    ("entry", "field", "words"),
    [
        ({"name": "Mine", "url": "http://x.test"}, "name", "match pattern"),
        ({"name": "mine", "url": "ftp://x.test"}, "url", "is not an http or https address"),
        ({"name": "mine", "url": "http://x.test", "token_env": "OPENAI_API_KEY"}, "token_env", "match pattern"),
        ({"name": "mine", "url": "http://x.test", "token_env": "MCP_NOWHERE"}, "token_env", "is not set"),
        ({"name": "mine", "url": "http://x.test", "headers": {"A": "b\nc"}}, "headers.A", "match pattern"),
        ({"name": "mine", "url": "http://x.test", "tools": []}, "tools", "at least 1 item"),
    ],
)
def test_wrong_entry_of_a_server_is_refused_by_its_field(
    service: Service, entry: dict[str, Any], field: str, words: str
) -> None:
    request = simulation_pb2.TriggerRequest(config_path=service.write_config(with_servers(entry)))

    refused = refusal(service.stub.Trigger, request)

    assert words in refused.violations[f"config.agent_config.mcp_servers[0].{field}"]


def test_two_servers_of_one_name_are_refused(service: Service) -> None:
    entry = {"name": "mine", "url": "http://x.test"}
    request = simulation_pb2.TriggerRequest(config_path=service.write_config(with_servers(entry, entry)))

    refused = refusal(service.stub.Trigger, request)

    assert "'mine' is the name of more than one server" in refused.violations["config.agent_config.mcp_servers"]
