"""Every command of the README, in its order, against a server that was started for it."""

import json
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.process import BIN, DEADLINE, ROOT, ServerProcess, require_tool, run, server
from tests.integration.gateway.gateway_server import running_gateway

README = (ROOT / "README.md").read_text(encoding="utf-8")
SHELL = [line for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL) for line in block.splitlines()]
PYTHON = re.findall(r"```python\n(.*?)```", README, re.DOTALL)

#: waits for an agent
TOOLS = [line for line in SHELL if line.startswith(".venv/bin/ai-trader-server tools ")]
COMMANDS = [line for line in SHELL if line.startswith(".venv/bin/") and line not in TOOLS]
GRPCURL = [line for line in SHELL if line.startswith("grpcurl ")]
CURL = [line for line in SHELL if line.startswith("curl ")]
SCRIPTS = [line for line in SHELL if line.startswith("client/grpcurl/")]


@pytest.fixture(scope="module")
def readme_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with server(tmp_path_factory.mktemp("readme"), "--configs", str(ROOT / "configs")) as running:
        for line in COMMANDS:
            words = shlex.split(line.removeprefix(".venv/bin/"))
            done = run(words, environment=running.environment, folder=running.folder)
            assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        yield running


def test_every_shell_line_is_covered_here() -> None:
    assert {"make demo", "make demo-llm", *COMMANDS, *TOOLS, *GRPCURL, *CURL, *SCRIPTS} == set(SHELL)
    assert COMMANDS
    assert GRPCURL
    assert CURL


def test_make_demo_runs_a_job_and_shows_the_leaderboard() -> None:
    done = run([sys.executable, "-m", "client.demo"])

    assert done.returncode == 0, done.stderr
    assert "480 completed" in done.stdout
    assert re.search(r"\b1 +\S+ +[\d,]+\.\d\d", done.stdout)
    assert "the server stopped cleanly" in done.stdout


def test_make_demo_llm_shows_what_agents_did_and_that_they_saw_nothing_of_the_future() -> None:
    done = run([sys.executable, "-m", "tests.llm_server.demo"])

    assert done.returncode == 0, done.stderr
    assert "30 completed" in done.stdout
    assert "summary: " in done.stdout
    assert ": clean" in done.stdout
    assert "a-key-that-is-never-shown" not in done.stdout + done.stderr


@pytest.mark.parametrize("line", GRPCURL)
def test_grpcurl_line_works(line: str, readme_server: ServerProcess) -> None:
    require_tool("grpcurl")

    done = run(shlex.split(line.replace("127.0.0.1:50051", readme_server.address)))

    assert done.returncode == 0, done.stderr
    assert done.stdout


@pytest.mark.parametrize("line", SCRIPTS)
def test_script_line_works(line: str, readme_server: ServerProcess) -> None:
    require_tool("grpcurl")

    done = run(shlex.split(line), environment=readme_server.environment)

    assert done.returncode == 0, done.stderr
    assert "momentum" in done.stdout


@pytest.mark.parametrize("line", CURL)
def test_curl_line_works(line: str, readme_server: ServerProcess) -> None:
    require_tool("curl")

    with running_gateway(readme_server.address) as gateway:
        done = run(shlex.split(line.replace("127.0.0.1:8080", f"127.0.0.1:{gateway.port}")))

    assert done.returncode == 0, done.stderr
    assert "error" not in json.loads(done.stdout)


def test_tools_wait_for_an_agent_until_they_are_interrupted(readme_server: ServerProcess) -> None:
    (line,) = TOOLS
    command = [str(BIN / "ai-trader-server"), *shlex.split(line)[1:]]
    ports = dict.fromkeys(("MATH_HTTP_PORT", "SEARCH_HTTP_PORT", "TRADE_HTTP_PORT", "GETPRICE_HTTP_PORT"), "0")
    with subprocess.Popen(command, env=readme_server.environment | ports, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        process.send_signal(signal.SIGINT)
        printed, _ = process.communicate(timeout=DEADLINE)

    assert process.returncode == 0
    assert "10,000.00" in printed


@pytest.mark.parametrize("code", PYTHON)
def test_python_example_works(code: str, readme_server: ServerProcess, tmp_path: Path) -> None:
    script = tmp_path / "example.py"
    script.write_text(code.replace("127.0.0.1:50051", readme_server.address), encoding="utf-8")

    done = run([sys.executable, str(script)])

    assert done.returncode == 0, done.stderr
    assert "momentum" in done.stdout
