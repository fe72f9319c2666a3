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
WINDOWS = 8


def measure(bench: Workbench) -> list[Figure]:
    """Measure how late events reach subscribers in two client processes."""
    model = {"signature": "paced", "basemodel": KIND, "parameters": {"seconds": PACE}}
    config = bench.config("paced.json", [model], len(bench.dates))
    with bench.serve(bench.database("streams"), PACED_SERVER) as server, client() as one, client() as other:
        job = one.ask("trigger", address=server.address, config=config, experiment="paced")
        return [_figure(bench, server, (one, other), job["job_id"])]


def _figure(bench: Workbench, server: ServerProcess, clients: tuple[Client, ...], job_id: str) -> Figure:
    seconds = WINDOWS * bench.seconds
    share = SUBSCRIBERS // len(clients)
    for one in clients:
        one.begin("subscribe", address=server.address, job_id=job_id, subscribers=share, seconds=seconds)
    answers = [one.answer() for one in clients]
    found = spread([delay for answer in answers for delay in answer["delays"]])
    events = answers[0]["events"]
    how = (
        f"{SUBSCRIBERS:,} subscribers of one running job in two client processes over ten connections; from the event's"
        f" event_time to receipt, {events} events in {seconds:g} s"
    )
    details = {"messages": sum(answer["messages"] for answer in answers), "server_memory_mib": server.memory_mib}
    return at_most("stream_1000_subscribers_p99_ms", found["p99"], 50.0, "ms", how, **found, **details)
