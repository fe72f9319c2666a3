"""Ten thousand event streams at once through one gateway process: what they take, and what the limits leave of them."""

from collections.abc import Iterator
from typing import Any

from tests.performance.client import Client, client
from tests.performance.figure import Figure, at_least, plain, rounded
from tests.performance.gateway import gateway
from tests.performance.paced_worker import KIND
from tests.performance.process import PACED_SERVER, ServerProcess
from tests.performance.workbench import Workbench

STREAMS = 10_000

#: connections beside the streams
SPARE = 64

#: measuring windows that streams are held, longer than a heartbeat takes to come
WINDOWS = 20

#: seconds that a model-day takes; the job of all dates lasts longer than the measurement
PACE = 60

HOW = f"{STREAMS:,} connections that ask for the events of a running job, each read until its end"


def measure(bench: Workbench) -> list[Figure]:
    """Measure a gateway whose limits allow all streams, and one with the limits that are the default."""
    model = {"signature": "waiting", "basemodel": KIND, "parameters": {"seconds": PACE}}
    config = bench.config("waiting.json", [model], len(bench.dates))
    with bench.serve(bench.database("open-streams"), PACED_SERVER) as server, client() as caller:
        job = caller.ask("trigger", address=server.address, config=config, experiment="waiting")
        path = f"/simulate/progress/{job['job_id']}"
        wide = {"API_MAX_STREAMS": STREAMS, "API_MAX_CONNECTIONS": STREAMS + SPARE}
        with gateway(server.address, workers=1, **wide) as asked:
            found = [_opened(bench, caller, (asked, server), path) for _ in range(2)]
        with gateway(server.address, workers=1) as asked:
            bounded = _opened(bench, caller, (asked, server), path)
    return [*_figures(found, bounded)]


def _opened(bench: Workbench, caller: Client, processes: tuple[ServerProcess, ...], path: str) -> dict[str, Any]:
    asked, *_ = processes
    before = [round(process.memory_mib, 1) for process in processes]
    load = {"streams": STREAMS, "seconds": WINDOWS * bench.seconds, "processes": [one.process.pid for one in processes]}
    return {"before": before, **caller.ask("open_streams", address=asked.address, path=path, **load)}


def _figures(found: list[dict[str, Any]], bounded: dict[str, Any]) -> Iterator[Figure]:
    first, again = found
    yield at_least("open_streams", first["answers"].get("200", 0), STREAMS, "", HOW, **_details(first))
    yield at_least("open_streams_again", again["answers"].get("200", 0), STREAMS, "", HOW, **_details(again))
    yield plain(
        "open_streams_default", bounded["answers"].get("200", 0), "", f"{HOW}; default limits", **_details(bounded)
    )


def _details(found: dict[str, Any]) -> dict[str, Any]:
    (gateway_before, server_before), (gateway_mib, server_mib) = found["before"], found["memory"]
    return {
        "answers": found["answers"],
        "seconds_to_open": rounded(found["opened"]),
        "gateway_mib": gateway_mib,
        "gateway_mib_before": gateway_before,
        "server_mib": server_mib,
        "server_mib_before": server_before,
    }
