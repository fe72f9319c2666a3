"""Agents' sessions at once, against a vendor that is played by a process of its own: what they cost beside waiting."""

import json
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.request import urlopen

from tests.performance import call
from tests.performance.client import Client, client
from tests.performance.figure import Figure, at_most, rounded, spread
from tests.performance.process import MIB, ServerProcess, serving
from tests.performance.workbench import Workbench

VENDOR = ("-m", "tests.llm_server")
SESSION_PROCESS = "server.pool.session_worker"

#: sessions at once, and the seconds that each of their requests waits
AT_ONCE = 64
LATENCY = 1.0

#: models and dates of the job whose requests wait between these seconds
MODELS, DATES = 5, 10
LEAST, MOST = 0.3, 1.0

#: seconds between status calls, and for how long they go on; a session takes longer
EVERY = 0.02
PROBED = 4.0

RUNNING = call.Call(method=call.status("").method, response="GetStatusResponse")


def measure(bench: Workbench) -> list[Figure]:
    """Measure sessions at once, then a job of many dates."""
    options: dict[str, Any] = {"AITRADER_MAX_PARALLEL_SESSIONS": AT_ONCE}
    with bench.serve(bench.database("sessions"), **options) as server, client() as caller:
        with played(bench, latency=0) as warming:
            _run(bench, warming, server, caller, "warm", AT_ONCE, 1)
        with played(bench, latency=LATENCY) as vendor:
            at_once = list(_at_once(bench, vendor, server, caller))
        with played(bench, latency=LEAST, most=MOST) as vendor:
            return [*at_once, _many_dates(bench, vendor, server, caller)]


@contextmanager
def played(bench: Workbench, **options: float) -> Iterator[str]:
    """Play a vendor and yield its address."""
    with serving(bench.folder / "vendor.log", VENDOR, **options) as vendor:
        yield vendor.address


def _at_once(bench: Workbench, vendor: str, server: ServerProcess, caller: Client) -> Iterator[Figure]:
    process = server.child(SESSION_PROCESS)
    before = process.cpu_seconds, server.cpu_seconds
    run = _run(bench, vendor, server, caller, "at-once", AT_ONCE, 1)
    spent = process.cpu_seconds - before[0], server.cpu_seconds - before[1]
    chains, requests = _chains(vendor)
    longest, wall = max(chains.values()), run["job_seconds"][0]
    how = (
        f"{AT_ONCE} agents on one date in one process that is up, {LATENCY:g} s a request, the vendor played by another"
        f" process; from sending Trigger to the end of the event stream, over the longest session at the vendor"
    )
    sizes = {"wall": rounded(wall), "longest_chain": rounded(longest), "requests": requests}
    yield at_most("sessions_wall_over_longest_chain", wall / longest, 1.1, "ratio", how, **sizes)
    how = f"processor time of the session process in that job, over its {requests} requests"
    server_ms = rounded(1000 * spent[1] / requests)
    yield at_most("session_cpu_ms_per_step", 1000 * spent[0] / requests, 10.0, "ms", how, server_ms=server_ms)
    how = "resident memory of the session process after that job"
    memory = process.process.memory_info().rss / MIB
    yield at_most("session_process_memory_mib", memory, 400.0, "MiB", how, server=rounded(server.memory_mib))
    found = spread([ms for _, ms in run["status"]])
    how = (
        f"GetStatus of that job every {EVERY * 1000:g} ms for {PROBED:g} s, whether or not earlier calls were answered"
    )
    yield at_most("status_p99_ms_during_sessions", found["p99"], 20.0, "ms", how, **found)


def _many_dates(bench: Workbench, vendor: str, server: ServerProcess, caller: Client) -> Figure:
    run = _run(bench, vendor, server, caller, "many-dates", MODELS, DATES)
    chains, requests = _chains(vendor)
    slowest: dict[str, float] = defaultdict(float)
    for (_, date), seconds in chains.items():
        slowest[date] = max(slowest[date], seconds)
    total, wall = sum(slowest.values()), run["job_seconds"][0]
    how = (
        f"{MODELS} agents x {DATES} dates, each request waiting {LEAST:g} to {MOST:g} s; from Trigger to the end"
        f" of the event stream, over the sum of each date's longest session at the vendor"
    )
    sizes = {"wall": rounded(wall), "sum_of_slowest": rounded(total), "requests": requests, "dates": len(slowest)}
    return at_most("dates_wall_over_sum_of_slowest", wall / total, 1.05, "ratio", how, **sizes)


def _run(
    bench: Workbench, vendor: str, server: ServerProcess, caller: Client, name: str, models: int, dates: int
) -> dict[str, Any]:
    """Run one job of agents to its end, with status calls beside."""
    entries = [
        {
            "signature": f"agent-{number}",
            "basemodel": f"bench/agent-{number}",
            "openai_base_url": vendor,
            "openai_api_key": "a-key-of-no-use",
        }
        for number in range(models)
    ]
    config = bench.config(f"{name}.json", entries, dates)
    probe = {"name": "status", "call": RUNNING.as_json(), "every": EVERY}
    seconds = 0.0 if name == "warm" else PROBED
    return caller.ask(
        "run_jobs", address=server.address, config=config, experiment=name, calls=[probe], seconds=seconds
    )


def _chains(vendor: str) -> tuple[dict[tuple[str, str], float], int]:
    """Return the seconds that the vendor took for each session, by model and date, and the number of requests."""
    with urlopen(f"{vendor.removesuffix('/v1')}/delivered") as response:
        delivered = json.load(response)
    chains: dict[tuple[str, str], float] = defaultdict(float)
    for delivery in delivered:
        chains[delivery["model"], delivery["date"]] += delivery["seconds"]
    return chains, len(delivered)
