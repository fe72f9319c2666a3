"""GetStatus and GetLeaderboard against an empty handler."""

from collections.abc import Iterator

from tests.performance import call
from tests.performance.client import client
from tests.performance.figure import Figure, at_least, plain, rounded
from tests.performance.interleaved import Rates, Side, rates, ratio
from tests.performance.process import EMPTY_SERVER, ServerProcess, serving
from tests.performance.workbench import SIX, Workbench

ROUNDS = 5

HOW = (
    "10 concurrent callers in one client process over one channel, in turns with an empty grpc.aio handler in a process"
    " of its own; median of the rounds' ratios; "
)


def measure(bench: Workbench) -> list[Figure]:
    """Measure the requests a second of the hot reads."""
    config = bench.config("sixty.json", SIX, 10)
    with (
        bench.serve(bench.database("reads")) as server,
        serving(bench.folder / "empty.log", EMPTY_SERVER) as empty,
        client() as caller,
    ):
        job = caller.ask("run_job", address=server.address, config=config, experiment="reads")
        found = rates(caller, _sides(server, empty, job["job_id"]), rounds=ROUNDS, seconds=bench.seconds * 0.7)
    return [*_figures(found)]


def _sides(server: ServerProcess, empty: ServerProcess, job_id: str) -> dict[str, Side]:
    return {
        "empty": Side(server=empty, call=call.empty()),
        "get_status": Side(server=server, call=call.status(job_id)),
        "get_status_unparsed": Side(server=server, call=call.status(job_id, parsed=False)),
        "get_leaderboard": Side(server=server, call=call.leaderboard("reads")),
        "get_leaderboard_unparsed": Side(server=server, call=call.leaderboard("reads", parsed=False)),
        "get_status_uncached": Side(server=server, call=call.status_uncached(job_id)),
        "health": Side(server=server, call=call.health()),
    }


def _figures(found: dict[str, Rates]) -> Iterator[Figure]:
    empty = found["empty"]
    for name, what in (("get_status", "a finished job of 60 model-days"), ("get_leaderboard", "six portfolios")):
        for suffix, parsed in (("", "the client parses the response"), ("_unparsed", "the client leaves it bytes")):
            side = found[name + suffix]
            yield at_least(
                f"{name}{suffix}_ratio", ratio(side, empty), 0.5, "x", f"{HOW}{what}; {parsed}", **_details(side, empty)
            )
    for name, what in (
        ("get_status_uncached", "60 model-days, parsed, each answered from storage by asking for another page size"),
        ("health", "a health check, for comparison"),
    ):
        side = found[name]
        yield plain(f"{name}_ratio", ratio(side, empty), "x", f"{HOW}{what}", **_details(side, empty))


def _details(side: Rates, empty: Rates) -> dict[str, float]:
    return {
        "per_second": rounded(side.median),
        "empty_per_second": rounded(empty.median),
        "server_us_per_call": rounded(side.server_us_per_call),
        "empty_us_per_call": rounded(empty.server_us_per_call),
    }
