"""The same calls with a million position rows stored as with ten thousand."""

from collections.abc import Iterator
from statistics import median
from time import monotonic

from tests.performance import call
from tests.performance.client import Client, client
from tests.performance.figure import Figure, at_least, plain, rounded
from tests.performance.filling import fill
from tests.performance.interleaved import Side, rates, ratio
from tests.performance.paced_worker import KIND
from tests.performance.process import PACED_SERVER, ServerProcess
from tests.performance.workbench import SIX, Workbench

FEW, MANY = 10_000, 1_000_000

ROUNDS = 7

#: triggers of each server; their model-days wait, so that nothing else runs beside a trigger
TRIGGERS = 16

MODELS, DATES = 15, 100

#: seconds
WAIT = 3600


def measure(bench: Workbench) -> list[Figure]:
    """Measure by turns two servers, one with few and one with many rows."""
    few, many = bench.database("few"), bench.database("many")
    fill(few, FEW)
    started = monotonic()
    fill(many, MANY)
    filled = monotonic() - started
    limit = {"MAX_CONCURRENT_JOBS": TRIGGERS + 1}
    with bench.serve(few, PACED_SERVER, **limit) as one, bench.serve(many, PACED_SERVER, **limit) as other:
        servers = {"few": one, "many": other}
        with client() as caller:
            figures = [*_reads(bench, caller, servers), _triggers(bench, caller, servers)]
    size = many.stat().st_size / 2**20
    how = f"{MANY:,} position rows, filled in {filled:.0f} s"
    return [*figures, plain("million_rows_database_mib", size, "MiB", how)]


def _reads(bench: Workbench, caller: Client, servers: dict[str, ServerProcess]) -> Iterator[Figure]:
    config = bench.config("sixty.json", SIX, 10)
    sides: dict[str, Side] = {}
    for size, server in servers.items():
        job_id = caller.ask("run_job", address=server.address, config=config, experiment="sixty")["job_id"]
        calls = {
            "get_status": call.status(job_id),
            "get_status_uncached": call.status_uncached(job_id),
            "get_leaderboard": call.leaderboard("sixty"),
        }
        sides |= {f"{name} {size}": Side(server=server, call=made) for name, made in calls.items()}
    found = rates(caller, sides, rounds=ROUNDS, seconds=bench.seconds / 2)
    for name in ("get_status", "get_status_uncached", "get_leaderboard"):
        many, few = found[f"{name} many"], found[f"{name} few"]
        how = (
            f"calls a second of 10 callers with {MANY:,} position rows to those with {FEW:,}; median of {ROUNDS} ratios"
        )
        details = {"many": rounded(many.median), "few": rounded(few.median)}
        yield at_least(f"million_rows_ratio_{name}", ratio(many, few), 0.9, "x", how, **details)


def _triggers(bench: Workbench, caller: Client, servers: dict[str, ServerProcess]) -> Figure:
    waiting = {"basemodel": KIND, "parameters": {"seconds": WAIT}}
    models = [{"signature": f"waiting-{number}", **waiting} for number in range(MODELS)]
    config = bench.config("waiting.json", models, DATES)
    found: dict[str, list[float]] = {size: [] for size in servers}
    for number in range(TRIGGERS):
        for size, server in servers.items():
            answer = caller.ask("trigger", address=server.address, config=config, experiment=f"waiting-{number}")
            found[size].append(answer["milliseconds"])
    how = (
        f"Trigger of {MODELS * DATES:,} model-days with {FEW:,} position rows to {MANY:,}, by time; ratio of the"
        f" medians of {TRIGGERS} each by turns"
    )
    many, few = median(found["many"][1:]), median(found["few"][1:])
    details = {"many_ms": rounded(many), "few_ms": rounded(few)}
    return at_least("million_rows_ratio_trigger", few / many, 0.9, "x", how, **details)
