"""The command `ai-trader-server tools` and an agent that speaks MCP."""

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.process import BIN, DEADLINE, ROOT, clean_environment, run
from tests.integration.tools.mcp_client import answer, connected, status_of

FREE_PORTS = dict.fromkeys(("MATH_HTTP_PORT", "SEARCH_HTTP_PORT", "TRADE_HTTP_PORT", "GETPRICE_HTTP_PORT"), "0")


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tools")
    command = ["ai-trader-server", "prices"]
    run([*command, "generate", str(folder / "p.csv"), "--symbols", "2", "--days", "20", "--seed", "1"])
    imported = run([*command, "import", str(folder / "p.csv"), "--db", str(folder / "jobs.db")])
    assert imported.returncode == 0, imported.stderr
    return folder / "jobs.db"


@contextmanager
def opened(database: Path, *options: str) -> Iterator[tuple["subprocess.Popen[str]", dict[str, Any]]]:
    """Run the command; yield the process and what it said of the session."""
    command = [str(BIN / "ai-trader-server"), "tools", "--db", str(database), "--json", *options]
    environment = {**clean_environment(), **FREE_PORTS}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process, json.loads(process.stdout.readline())
        finally:
            process.kill()


async def test_agent_trades_the_day_and_the_command_prints_what_came_of_it(database: Path) -> None:
    with opened(database, "--cash", "5000") as (process, session):
        async with connected(session["price"], session["token"]) as client:
            tools = (await client.list_tools()).tools
        async with connected(session["trade"], session["token"]) as client:
            await client.list_tools()
            positions = answer(await client.call_tool("get_positions", {}))
            await client.call_tool("finish", {"summary": "Nothing to do."})
        output, _ = process.communicate(timeout=DEADLINE)

    assert {tool.name for tool in tools} == {"get_price_local", "get_price_history"}
    assert positions == {"CASH": 5000.0}
    assert process.returncode == 0
    assert json.loads(output)["portfolio_value"] == 5000.0
    assert json.loads(output)["summary"].startswith("Nothing to do.")


async def test_interrupt_ends_the_session_and_counts_what_was_ordered(database: Path) -> None:
    with opened(database) as (process, session):
        assert await status_of(session["trade"], "wrong") == 401
        assert await status_of(session["trade"], session["token"]) == 200
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=DEADLINE)

    assert process.returncode == 0
    assert json.loads(output)["positions"] == {"CASH": 10000.0}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--date", "2030-01-01"], "there are no prices for 2030-01-01"),
        (["--symbols", "NOPE,S000"], "there are no prices of NOPE"),
        (["--db", "nowhere.db"], "there is no database 'nowhere.db'"),
    ],
)
def test_day_that_cannot_be_opened_is_refused_in_words(options: list[str], words: str, database: Path) -> None:
    environment = {**clean_environment(), **FREE_PORTS}

    refused = run(["ai-trader-server", "tools", "--db", str(database), *options], environment=environment)

    assert refused.returncode != 0
    assert words in refused.stderr
    assert "Traceback" not in refused.stderr
