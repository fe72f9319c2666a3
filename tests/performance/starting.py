"""How soon a server that was started answers."""

from statistics import median
from time import monotonic
from typing import Any

import grpc
from grpc_health.v1 import health_pb2

from tests.performance import call
from tests.performance.figure import Figure, at_most, plain, rounded
from tests.performance.workbench import Workbench

ROUNDS = 5

#: seconds
DEADLINE = 10.0


def measure(bench: Workbench) -> list[Figure]:
    """Measure the start of a server whose database has prices and no job."""
    database = bench.database("start")
    seconds, memory = list[float](), list[float]()
    for _ in range(ROUNDS):
        started = monotonic()
        with bench.serve(database) as server:
            _wait_for_serving(server.address)
            seconds.append(monotonic() - started)
            memory.append(server.memory_mib)
    how = f"from starting the process to the health answer SERVING, median of {ROUNDS}; {bench.prices_source}"
    all_ = [rounded(value) for value in seconds]
    return [
        at_most("start_seconds", median(seconds), 1.0, "s", how, all=all_),
        plain("server_memory_at_start_mib", median(memory), "MiB", "resident memory of the server process alone"),
    ]


def _wait_for_serving(address: str) -> None:
    with grpc.insecure_channel(address) as channel:
        check: Any = channel.unary_unary(call.health().method, None, health_pb2.HealthCheckResponse.FromString)
        answer = check(call.health().request, wait_for_ready=True, timeout=DEADLINE)
    if answer.status != health_pb2.HealthCheckResponse.SERVING:
        raise RuntimeError(f"health was {answer.status} after the server said that it listens")
