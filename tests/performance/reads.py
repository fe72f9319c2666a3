"""GetStatus and GetLeaderboard against an empty handler."""

from collections.abc import Iterator

from tests.performance import call
from tests.performance.client import Client, client
from tests.performance.figure import Figure, at_least, plain, rounded
from tests.performance.interleaved import Rates, Side, rates, ratio
from tests.performance.process import EMPTY_SERVER, ServerProcess, serving
from tests.performance.workbench import SIX, Workbench

ROUNDS = 7

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
        found = rates(caller, _sides(server, empty, job["job_id"]), rounds=ROUNDS, seconds=bench.seconds)
        uncached = _uncached(caller, server, empty, job["job_id"], bench.seconds)
    return [*_figures(found), _uncached_figure(uncached)]


def _sides(server: ServerProcess, empty: ServerProcess, job_id: str) -> dict[str, Side]:
    return {
        "empty": Side(server=empty, call=call.empty()),
        "get_status": Side(server=server, call=call.status(job_id)),
        "get_status_unparsed": Side(server=server, call=call.status(job_id, parsed=False)),
        "get_leaderboard": Side(server=server, call=call.leaderboard("reads")),
        "get_leaderboard_unparsed": Side(server=server, call=call.leaderboard("reads", parsed=False)),
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
    side = found["health"]
    yield plain("health_ratio", ratio(side, empty), "x", f"{HOW}a health check, for comparison", **_details(side, empty))


def _uncached(
    caller: Client, server: ServerProcess, empty: ServerProcess, job_id: str, seconds: float
) -> tuple[Rates, Rates]:
    """Measure GetStatus with page sizes that were never asked for, so that the server answers from storage."""
    ours, theirs = list[float](), list[float]()
    before, calls = server.cpu_seconds, 0
    for number in range(ROUNDS):
        sides = {"empty": Side(server=empty, call=call.empty())}
        theirs += rates(caller, sides, rounds=1, seconds=seconds / 2)["empty"].per_second
        answer = caller.ask(
            "rate_of_pages", address=server.address, job_id=job_id, first=100 + number, callers=10, seconds=seconds / 2
        )
        ours.append(answer["per_second"])
        calls += answer["calls"]
    spent = 1e6 * (server.cpu_seconds - before) / calls
    return Rates(per_second=ours, server_us_per_call=spent), Rates(per_second=theirs, server_us_per_call=float("nan"))


def _uncached_figure(uncached: tuple[Rates, Rates]) -> Figure:
    how = f"{HOW}a finished job of 60 model-days, parsed, each call answered from storage (another page size each time)"
    return plain("get_status_uncached_ratio", ratio(*uncached), "x", how, **_details(*uncached))


def _details(side: Rates, empty: Rates) -> dict[str, float]:
    return {
        "per_second": rounded(side.median),
        "empty_per_second": rounded(empty.median),
        "server_us_per_call": rounded(side.server_us_per_call),
    }
