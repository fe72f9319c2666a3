"""A stop: new calls are refused, streams are told to come back, running model-days may finish."""

import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub

from aitrader.v1 import control_pb2, simulation_pb2
from server.__main__ import SECOND_SIGNAL_AFTER
from tests.service import DATES, DEADLINE, ROOT, Refusal, Service, config, refusal, scripted, wait_until


def gated(tmp_path: Path) -> dict[str, object]:
    return config(scripted("m", wait_on=DATES[1], wait_for=str(tmp_path / "gate")))


def test_new_calls_are_refused_while_a_model_day_finishes(new_service: Callable[..., Service], tmp_path: Path) -> None:
    service = new_service(shutdown_grace=60.0)
    path = service.write_config(gated(tmp_path))
    job_id = service.trigger(path).job_id
    wait_until((tmp_path / "gate.reached").exists, "the second day")
    stream = service.stub.StreamProgress(simulation_pb2.StreamProgressRequest(job_id=job_id), timeout=DEADLINE)
    next(stream)
    stopping = service.begin_stop()
    wait_until(lambda: service.health.Check(HealthCheckRequest()).status != HealthCheckResponse.SERVING, "the drain")

    refused = [
        refusal(service.stub.Trigger, simulation_pb2.TriggerRequest(config_path=path, experiment="other")),
        refusal(service.stub.GetStatus, simulation_pb2.GetStatusRequest(job_id=job_id)),
        refusal(service.stub.CancelJob, control_pb2.CancelJobRequest(job_id=job_id)),
        refusal(service.stub.StreamProgress, simulation_pb2.StreamProgressRequest(job_id=job_id)),
    ]
    (tmp_path / "gate").touch()
    with pytest.raises(grpc.RpcError) as cut:
        list(stream)
    stopping.result(DEADLINE)

    assert {(one.code, one.reason) for one in [*refused, Refusal(cut.value)]} == {
        (grpc.StatusCode.UNAVAILABLE, "DRAINING")
    }
    assert service.rows("SELECT COUNT(*) FROM jobs") == [(1,)]
    counts = dict(service.rows("SELECT status, COUNT(*) FROM job_details GROUP BY status"))
    assert counts == {"completed": 2, "pending": len(DATES) - 2}
    service.start()
    service.ended(job_id)


#: the server command with the kinds of traders that tests need
COMMAND = """
import server.app
from server.__main__ import main
from tests.faulty_worker import KINDS
from tests.service import FAULTY_WORKER
original = server.app.App
server.app.App = lambda settings: original(settings, worker=FAULTY_WORKER, extra=KINDS)
main()
"""


@contextmanager
def server_process(service: Service, **settings: str) -> "Iterator[tuple[subprocess.Popen[str], str]]":
    """Run the server command on the database of a service that was stopped; gives the process and its address."""
    options = ["--port", "0", "--db", str(service.settings.db), "--configs", str(service.configs)]
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, "serve", *options],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "AITRADER_WORKER_PROCESSES": "1", **settings},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield process, process.stdout.readline().removeprefix("listening on ").strip()
    finally:
        process.kill()
        process.communicate(timeout=DEADLINE)


def test_second_signal_stops_at_once_and_leaves_nothing_half_done(
    new_service: Callable[..., Service], tmp_path: Path
) -> None:
    service = new_service(cancel_grace=0.0)
    job_id = service.trigger(gated(tmp_path)).job_id
    wait_until((tmp_path / "gate.reached").exists, "the second day")
    service.stop()
    (tmp_path / "gate.reached").unlink()

    with server_process(service, AITRADER_SHUTDOWN_GRACE="3600") as (process, address):
        wait_until((tmp_path / "gate.reached").exists, "the second day again")
        listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(process.pid)], capture_output=True, check=True)
        workers = [os.pidfd_open(int(pid)) for pid in listed.stdout.split()]
        process.send_signal(signal.SIGTERM)
        with grpc.insecure_channel(address) as channel:
            health = HealthStub(channel)
            wait_until(lambda: health.Check(HealthCheckRequest()).status != HealthCheckResponse.SERVING, "the drain")
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(2 * SECOND_SIGNAL_AFTER)
        process.send_signal(signal.SIGTERM)
        status = process.wait(DEADLINE)
        ended = [select.select([worker], [], [], DEADLINE)[0] for worker in workers]

    assert status == 1
    assert workers
    assert all(ended)
    (tmp_path / "gate").touch()
    service.start()
    assert service.ended(job_id).progress.completed == len(DATES)


def test_process_that_drained_exits_with_0(new_service: Callable[..., Service], tmp_path: Path) -> None:
    service = new_service()
    job_id = service.trigger(gated(tmp_path)).job_id
    wait_until((tmp_path / "gate.reached").exists, "the second day")
    service.stop()
    (tmp_path / "gate.reached").unlink()

    with server_process(service, AITRADER_SHUTDOWN_GRACE="60") as (process, _):
        wait_until((tmp_path / "gate.reached").exists, "the second day again")
        process.send_signal(signal.SIGTERM)
        (tmp_path / "gate").touch()
        status = process.wait(DEADLINE)

    assert status == 0
    assert set(service.rows("SELECT DISTINCT status FROM job_details")) == {("completed",), ("pending",)}
    service.start()
    assert service.ended(job_id).progress.completed == len(DATES)
