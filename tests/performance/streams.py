"""A thousand subscribers of one job."""

from tests.performance.client import Client, client
from tests.performance.figure import Figure, at_most, spread
from tests.performance.paced_worker import KIND
from tests.performance.process import PACED_SERVER, ServerProcess
from tests.performance.workbench import Workbench

SUBSCRIBERS = 1_000

#: seconds that a model-day takes; each brings two events, so these are ten a second
PACE = 0.2

#: measuring windows
WINDOWS = 4

ROUNDS = 3


def measure(bench: Workbench) -> list[Figure]:
    """Measure how late events reach subscribers in two client processes, each time from a new server."""
    rounds = [_round(bench, number) for number in range(ROUNDS)]
    middle = sorted(rounds, key=lambda found: found["p99"])[ROUNDS // 2]
    how = (
        f"{SUBSCRIBERS:,} subscribers of one running job in two client processes over ten connections; from an event's"
        f" event_time to its receipt; end and next start mostly share a message; "
        f"the median of {ROUNDS} rounds of {WINDOWS * bench.seconds:g} s"
    )
    all_ = [found["p99"] for found in rounds]
    return [at_most("stream_1000_subscribers_p99_ms", middle["p99"], 50.0, "ms", how, **middle, all=all_)]


def _round(bench: Workbench, number: int) -> dict[str, float]:
    model = {"signature": "paced", "basemodel": KIND, "parameters": {"seconds": PACE}}
    config = bench.config("paced.json", [model], len(bench.dates))
    database = bench.database(f"streams-{number}")
    with bench.serve(database, PACED_SERVER) as server, client() as one, client() as other:
        job = one.ask("trigger", address=server.address, config=config, experiment="paced")
        return _delivered(bench, server, (one, other), job["job_id"])


def _delivered(bench: Workbench, server: ServerProcess, clients: tuple[Client, ...], job_id: str) -> dict[str, float]:
    share = SUBSCRIBERS // len(clients)
    load = {"address": server.address, "job_id": job_id, "subscribers": share, "seconds": WINDOWS * bench.seconds}
    for one in clients:
        one.begin("subscribe", **load)
    answers = [one.answer() for one in clients]
    return {
        **spread([delay for answer in answers for delay in answer["delays"]]),
        "events": answers[0]["events"],
        "messages": sum(answer["messages"] for answer in answers),
        "server_memory_mib": round(server.memory_mib, 1),
    }
