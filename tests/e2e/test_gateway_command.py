"""The command `ai-trader gateway` as a process, or as several that share the port."""

import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest

from tests.e2e.process import BIN, DEADLINE, ROOT, ServerProcess, server
from tests.service import wait_until

FRIEND = "https://friend.example"


@dataclass(frozen=True, kw_only=True)
class GatewayProcess:
    """A gateway that listens on `url`."""

    process: "subprocess.Popen[str]"
    url: str

    def stop(self) -> int:
        """Ask for its end and return the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(DEADLINE)

    def is_open(self) -> bool:
        """Whether somebody listens."""
        with socket.socket() as probe:
            return probe.connect_ex((httpx.URL(self.url).host, httpx.URL(self.url).port)) == 0

    @property
    def serving(self) -> set[int]:
        """The processes that share the port."""
        children = [child.as_dict(["pid", "cmdline"]) for child in psutil.Process(self.process.pid).children()]
        return {child["pid"] for child in children if "spawn_main" in " ".join(child["cmdline"] or ())}


@contextmanager
def started(running: ServerProcess, folder: Path, *options: str, **variables: str) -> Iterator[GatewayProcess]:
    """Run a gateway on a free port in front of a server."""
    command = [str(BIN / "ai-trader"), "gateway", "--port", "0", *options]
    log = folder / "gateway.log"
    with log.open("w", encoding="utf-8") as sink:
        process = subprocess.Popen(command, cwd=ROOT, env=running.environment | variables, stderr=sink, text=True)

    def told() -> "re.Match[str] | None":
        return re.search(r"running on (http://\S+)", log.read_text(encoding="utf-8"))

    try:
        wait_until(lambda: told() or process.poll() is not None, "the start of the gateway")
        found = told()
        assert found is not None, log.read_text(encoding="utf-8")
        gateway = GatewayProcess(process=process, url=found[1])
        wait_until(gateway.is_open, "the port")  # several processes listen a little after the word of it
        yield gateway
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(DEADLINE)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with server(tmp_path_factory.mktemp("gateway")) as process:
        yield process


def test_gateway_answers_and_stops_when_it_is_told_to(running: ServerProcess, tmp_path: Path) -> None:
    with started(running, tmp_path) as gateway:
        response = httpx.get(f"{gateway.url}/service/status", timeout=DEADLINE)

        assert (response.status_code, response.json()["symbols"]) == (200, 0)
        assert gateway.serving == set()
        assert gateway.stop() == 0


def test_pages_of_named_origins_may_ask(running: ServerProcess, tmp_path: Path) -> None:
    with started(running, tmp_path, "--cors-origins", f"{FRIEND}, https://other.example/") as gateway:
        friend, stranger = (
            httpx.get(f"{gateway.url}/simulate/jobs", headers={"Origin": origin}, timeout=DEADLINE)
            for origin in (FRIEND, "https://stranger.example")
        )
        asked_before = httpx.options(
            f"{gateway.url}/simulate/trigger",
            headers={
                "Origin": FRIEND,
                "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": "content-type",
            },
            timeout=DEADLINE,
        )

    assert friend.headers["access-control-allow-origin"] == FRIEND
    assert "access-control-allow-origin" not in stranger.headers
    assert asked_before.status_code == 200
    assert asked_before.headers["access-control-allow-origin"] == FRIEND


def test_several_processes_share_the_port_and_one_that_dies_is_replaced(running: ServerProcess, tmp_path: Path) -> None:
    with started(running, tmp_path, API_WORKERS="2", API_CORS_ORIGINS=FRIEND) as gateway:
        wait_until(lambda: len(gateway.serving) == 2, "two processes")
        first = min(gateway.serving)
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: len(gateway.serving - {first}) == 2, "another process")

        responses = [
            httpx.get(f"{gateway.url}/simulate/jobs", headers={"Origin": FRIEND}, timeout=DEADLINE) for _ in range(8)
        ]
        assert {response.status_code for response in responses} == {200}
        assert {response.headers["access-control-allow-origin"] for response in responses} == {FRIEND}
        assert gateway.stop() == 0


def test_processes_that_share_the_port_end_with_the_one_that_started_them(
    running: ServerProcess, tmp_path: Path
) -> None:
    with started(running, tmp_path, API_WORKERS="2") as gateway:
        wait_until(lambda: len(gateway.serving) == 2, "two processes")
        left = [psutil.Process(pid) for pid in gateway.serving]
        gateway.process.kill()

        wait_until(lambda: not any(map(is_alive, left)), "the end of both")
        assert not gateway.is_open()


def is_alive(process: psutil.Process) -> bool:
    """Whether a process runs; nobody may be there to collect an orphan's status."""
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def test_wrong_setting_is_told_in_words(running: ServerProcess) -> None:
    done = subprocess.run(
        [str(BIN / "ai-trader"), "gateway"],
        env=running.environment | {"API_PORT": "http"},
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )

    assert done.returncode == 1
    assert "setting 'port' is wrong" in done.stderr
    assert "Traceback" not in done.stderr
