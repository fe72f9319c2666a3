"""A hundred users at once in front of a database with a million position rows, played by Locust."""

import json
import resource
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.performance.client import client
from tests.performance.figure import Figure, at_most, plain, rounded
from tests.performance.filling import fill
from tests.performance.gateway import gateway
from tests.performance.million_rows import MANY
from tests.performance.process import ROOT, ServerProcess, clean_environment
from tests.performance.workbench import SIX, Workbench

LOCUSTFILE = Path(__file__).parent / "locustfile.py"

USERS = 100

#: users who come in a second; what they ask until all are there is not counted
COMING = 25

#: measuring windows that the users stay
WINDOWS = 60

#: jobs of 60 model-days, newer than the filled ones of 1,000
JOBS = 20

#: milliseconds that 95 of 100 answers may take
TARGETS: Mapping[str, float] = {"status": 100, "results": 500, "leaderboard": 100, "series": 100}

HOW = (
    f"{USERS} users of Locust, 0.1 to 0.5 s between an answer and the next question, {MANY:,} position rows, one"
    " gateway process"
)


def measure(bench: Workbench) -> list[Figure]:
    """Measure how long users wait for each kind of answer."""
    database = bench.database("load")
    fill(database, MANY)
    config = bench.config("sixty.json", SIX, 10)
    seconds = max(1, round(WINDOWS * bench.seconds))
    with bench.serve(database) as server, gateway(server.address, workers=1) as asked:
        with client() as caller:
            for number in range(JOBS):
                caller.ask("run_job", address=server.address, config=config, experiment=f"load-{number}")
        processes = {"server": server, "gateway": asked}
        before = _spent(processes)
        entries = _played(asked.address, seconds)
        cores = {name: rounded((spent - before[name]) / seconds) for name, spent in _spent(processes).items()}
        memory = {f"{name}_mib": round(process.memory_mib) for name, process in processes.items()}
    return [*_figures(entries, seconds, {"cores": cores, **memory})]


def _spent(processes: Mapping[str, ServerProcess]) -> dict[str, float]:
    """Return the processor time of each process and of Locust, which has ended."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {name: one.cpu_seconds for name, one in processes.items()} | {"locust": ended.ru_utime + ended.ru_stime}


def _played(address: str, seconds: int) -> list[dict[str, Any]]:
    """Let the users ask and return Locust's statistics, an entry for each name."""
    command = [sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--host", f"http://{address}", "--headless"]
    users = ["--users", str(USERS), "--spawn-rate", str(COMING), "--run-time", f"{seconds + USERS // COMING}s"]
    told = ["--reset-stats", "--json", "--loglevel", "WARNING", "--only-summary", "--exit-code-on-error", "0"]
    environment = clean_environment()
    done = subprocess.run(
        [*command, *users, *told], cwd=ROOT, env=environment, stdout=subprocess.PIPE, check=True, text=True
    )
    entries: list[dict[str, Any]] = json.loads(done.stdout)
    return entries


def _figures(entries: list[dict[str, Any]], seconds: int, details: Mapping[str, Any]) -> Iterator[Figure]:
    how = f"{HOW}, {seconds} s; "
    for entry in (one for one in entries if one["name"] in TARGETS):
        name = entry["name"]
        p50, p95 = (_percentile(entry["response_times"], percent) for percent in (50, 95))
        facts = {"p50": p50, "requests": entry["num_requests"], "errors": entry["num_failures"]}
        yield at_most(f"load_{name}_p95_ms", p95, TARGETS[name], "ms", how + "95th percentile", **facts)
    errors = sum(entry["num_failures"] for entry in entries)
    yield at_most("load_errors", errors, 0, "", how + "answers that were no 200")
    asked = sum(entry["num_requests"] for entry in entries)
    yield plain("load_requests", asked / seconds, "/s", how + "what the users asked altogether", **details)


def _percentile(times: Mapping[str, int], percent: float) -> float:
    """Return a percentile of Locust's counts by milliseconds, which it rounds to two digits."""
    left = sum(times.values()) * percent / 100
    for milliseconds, count in sorted((float(key), count) for key, count in times.items()):
        left -= count
        if left <= 0:
            return milliseconds
    return float("nan")
