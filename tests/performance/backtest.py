"""A backtest at full speed, and how the server answers beside it."""

from collections.abc import Iterator
from statistics import median
from typing import Any

from tests.performance import call
from tests.performance.client import Client, client
from tests.performance.figure import Figure, at_least, at_most, plain, rounded, spread
from tests.performance.process import ServerProcess
from tests.performance.workbench import SIX, Workbench, rule

TEN = (
    rule("cash", "hold-cash"),
    rule("buy-and-hold", "buy-and-hold"),
    rule("equal-weight", "equal-weight"),
    rule("equal-weight-10", "equal-weight", rebalance_days=10),
    rule("momentum", "momentum"),
    rule("momentum-daily", "momentum", lookback=10, top=10, rebalance_days=1),
    rule("mean-reversion", "mean-reversion"),
    rule("mean-reversion-10", "mean-reversion", lookback=10, top=10),
    rule("random", "random", seed=1),
    rule("random-10", "random", seed=2, orders_per_day=10),
)

ROUNDS = 3

#: seconds between probes
EVERY = 0.01

#: seconds between looks at the job that runs
WATCH_EVERY = 0.02

#: measuring windows of probes
WINDOWS = 6

SIZE = f"{len(TEN)} models"

RUNNING = call.Call(method=call.status("").method, response="GetStatusResponse")


def measure(bench: Workbench) -> list[Figure]:
    """Measure backtests alone, then probes of an idle and of a busy server."""
    config = bench.config("ten.json", TEN, len(bench.dates))
    six = bench.config("sixty.json", SIX, 10)
    with bench.serve(bench.database("backtest")) as server, client() as caller:
        runs = [
            caller.ask("run_job", address=server.address, config=config, experiment=f"alone-{number}")
            for number in range(ROUNDS)
        ]
        job = caller.ask("run_job", address=server.address, config=six, experiment="sixty")
        figures = [_speed(bench, runs), *_probes(bench, server, caller, config, job["job_id"])]
        return [*figures, *_memory(server)]


def _speed(bench: Workbench, runs: list[dict[str, float]]) -> Figure:
    speeds = [run["model_days"] / run["seconds"] for run in runs]
    how = (
        f"{len(TEN)} rule strategies x {len(bench.dates)} dates, {bench.prices_source}, all persisted, from sending"
        f" Trigger to receiving the event JOB_ENDED; median of {ROUNDS} new experiments"
    )
    each = [rounded(speed) for speed in speeds]
    return at_least("backtest_model_days_per_second", median(speeds), 500.0, "1/s", how, all=each)


def _probes(bench: Workbench, server: ServerProcess, caller: Client, config: str, job_id: str) -> Iterator[Figure]:
    """Probe an idle server, then one at work, then one at work whose running job is watched as well."""
    load = {"address": server.address, "seconds": WINDOWS * bench.seconds}
    calls = [
        {"name": "status", "call": call.status(job_id).as_json(), "every": EVERY},
        {"name": "health", "call": call.health().as_json(), "every": EVERY},
    ]
    idle = caller.ask("probe", calls=calls, **load)
    busy = caller.ask("run_jobs", calls=calls, config=config, experiment="beside", **load)
    watching = {"name": "status", "call": RUNNING.as_json(), "every": WATCH_EVERY}
    watched = caller.ask("run_jobs", calls=[watching, calls[1]], config=config, experiment="watched", **load)
    sixty, running = "GetStatus of a finished job of 60 model-days", f"GetStatus of the job that runs ({SIZE})"
    yield _probe("status_p99_ms_during_backtest", sixty, EVERY, busy, "status", idle)
    yield _probe("health_p99_ms_during_backtest", "a health check", EVERY, busy, "health", idle)
    yield _probe("running_status_p99_ms_during_backtest", running, WATCH_EVERY, watched, "status", idle)
    yield _probe("health_p99_ms_while_watched", f"a health check, with {running}", EVERY, watched, "health", idle)


def _probe(
    name: str, what: str, every: float, busy: dict[str, Any], probe: str, idle: dict[str, list[tuple[float, float]]]
) -> Figure:
    found = spread([ms for _, ms in busy[probe]])
    how = f"{what}, every {every * 1000:g} ms whether or not earlier calls were answered, backtests back to back beside"
    details = {"idle": spread([ms for _, ms in idle[probe]]), "jobs": busy["jobs"], "job_seconds": busy["job_seconds"]}
    return at_most(name, found["p99"], 20.0, "ms", how, **found, **details)


def _memory(server: ServerProcess) -> Iterator[Figure]:
    how = "resident memory of the server process after all backtests"
    workers = server.worker_memory_mib
    yield plain("server_memory_after_backtests_mib", server.memory_mib, "MiB", how, workers=workers)
