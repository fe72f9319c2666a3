"""`GET /simulate/status` through the gateway, by turns with the design of earlier versions on the same database."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median
from time import monotonic
from typing import Any

import psutil

from tests.performance.client import Client, client
from tests.performance.figure import Figure, at_least, plain, rounded
from tests.performance.process import ROOT, ServerProcess, clean_environment, serving
from tests.performance.workbench import SIX, Workbench

ANCESTOR = ("-m", "tests.performance.ancestor")

ROUNDS = 5

CALLERS = 50

#: seconds
DEADLINE = 30.0

HOW = f"{CALLERS} callers on open connections, by turns with a handler that reads SQLite; median of {ROUNDS} rounds; "


def measure(bench: Workbench) -> list[Figure]:
    """Measure the requests a second of status."""
    config = bench.config("sixty.json", SIX, 10)
    database = bench.database("gateway")
    with bench.serve(database) as server, client() as caller:
        jobs = [
            caller.ask("run_job", address=server.address, config=config, experiment=f"gateway-{number}")["job_id"]
            for number in range(CALLERS)
        ]
        with (
            gateway(server.address, workers=1) as one,
            gateway(server.address, workers=2) as two,
            serving(bench.folder / "ancestor.log", ANCESTOR, db=database) as ancestor,
        ):
            sides = {
                "one_job": (one, jobs[:1]),
                "many_jobs": (one, jobs),
                "two_workers_one_job": (two, jobs[:1]),
                "two_workers_many_jobs": (two, jobs),
                "ancestor": (ancestor, jobs),
            }
            found = _rounds(caller, sides, server, bench.seconds)
    return [*_figures(found)]


def _rounds(
    caller: Client, sides: dict[str, tuple[ServerProcess, list[str]]], server: ServerProcess, seconds: float
) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in sides}
    for _ in range(ROUNDS):
        for name, (asked, jobs) in sides.items():
            before = asked.cpu_seconds, server.cpu_seconds
            paths = [f"/simulate/status/{job}" for job in jobs]
            answer = caller.ask("http_rate", address=asked.address, paths=paths, callers=CALLERS, seconds=seconds)
            if answer["errors"]:
                raise RuntimeError(f"{name}: {answer['errors']} answers were no 200")
            answer["us"] = 1e6 * (asked.cpu_seconds - before[0]) / answer["answers"]
            answer["server_us"] = 1e6 * (server.cpu_seconds - before[1]) / answer["answers"]
            found[name].append(answer)
    return found


def _figures(found: dict[str, list[dict[str, Any]]]) -> Iterator[Figure]:
    base = found.pop("ancestor")
    yield plain("ancestor_status", median(one["per_second"] for one in base), "/s", HOW, **_details(base))
    for name, rounds in found.items():
        ratio = median(one["per_second"] / other["per_second"] for one, other in zip(rounds, base, strict=True))
        yield at_least(
            f"gateway_status_{name}_ratio", ratio, 2.0, "x", HOW + name.replace("_", " "), **_details(rounds)
        )


def _details(rounds: list[dict[str, Any]]) -> dict[str, float]:
    return {key: rounded(median(one[key] for one in rounds)) for key in ("per_second", "p50", "p95", "us", "server_us")}


@contextmanager
def gateway(server: str, workers: int, **variables: int) -> Iterator[ServerProcess]:
    """Start a gateway with environment variables and wait until it listens."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [
        sys.executable,
        "-c",
        "from client.cli import main; main()",
        "--server",
        server,
        "gateway",
        "--port",
        str(port),
    ]
    environment = clean_environment() | {name: str(value) for name, value in variables.items()}
    with subprocess.Popen(
        [*command, "--workers", str(workers)], cwd=ROOT, env=environment, stderr=subprocess.DEVNULL
    ) as process:
        try:
            _wait_for(port)
            yield ServerProcess(address=f"127.0.0.1:{port}", process=psutil.Process(process.pid))
        finally:
            process.terminate()
            process.wait(DEADLINE)


def _wait_for(port: int) -> None:
    end = monotonic() + DEADLINE
    while monotonic() < end:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
    raise RuntimeError("the gateway did not start")
