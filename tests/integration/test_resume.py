"""Restarts in the middle of a job: nothing lost, nothing done twice, the end the same as without."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import psutil
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub

from aitrader.v1 import job_pb2, portfolio_pb2
from aitrader.v1.simulation_pb2 import GetStatusRequest, StreamProgressRequest, TriggerRequest
from aitrader.v1.simulation_pb2_grpc import SimulationServiceStub
from tests.service import DATES, DEADLINE, ROOT, Service, config, model, scripted, wait_until

ORDERS = {date: [("buy", "UP", 3), ("buy", "FLAT", 1), ("sell", "UP", 1), ("buy", "DOWN", 0)] for date in DATES}


def models(gate: Path) -> list[dict[str, object]]:
    return [
        scripted("m", ORDERS, wait_on=f"{DATES[2]},{DATES[6]}", wait_for=str(gate)),
        model("random", "rule/random", seed=3),
        model("momentum", "rule/momentum"),
    ]


def outcome(service: Service) -> list[portfolio_pb2.DayResult]:
    days = service.results()
    for day in days:
        day.ClearField("job_id")
    return days


def test_job_stopped_in_the_middle_ends_as_one_that_was_not(
    new_service: Callable[..., Service], tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    interrupted, steady = new_service("interrupted"), new_service("steady")
    job_id = interrupted.trigger(config(*models(gate))).job_id
    wait_until((tmp_path / "gate.reached").exists, "the third day")

    interrupted.restart()
    gate.touch()
    status = interrupted.ended(job_id)
    steady.run(config(*models(gate)))

    assert status.status == job_pb2.JOB_STATUS_COMPLETED
    assert outcome(interrupted) == outcome(steady)
    assert max(day.attempt for day in status.progress.details) == 2
    assert interrupted.rows("SELECT COUNT(*) FROM portfolios WHERE claimed_by IS NOT NULL") == [(0,)]


def test_stopped_job_is_stored_as_unfinished_with_no_day_running(
    new_service: Callable[..., Service], tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    service = new_service()
    job_id = service.trigger(config(*models(gate))).job_id
    wait_until((tmp_path / "gate.reached").exists, "the third day")

    service.stop()

    assert service.rows("SELECT status FROM jobs") == [("running",)]
    counts = dict(service.rows("SELECT status, COUNT(*) FROM job_details GROUP BY status"))
    assert set(counts) == {"completed", "pending"}
    gate.touch()
    service.start()
    service.ended(job_id)


def test_running_model_day_may_finish_within_the_grace_period(
    new_service: Callable[..., Service], tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    service = new_service(shutdown_grace=60.0)
    job_id = service.trigger(config(scripted("m", ORDERS, wait_on=DATES[2], wait_for=str(gate)))).job_id
    wait_until((tmp_path / "gate.reached").exists, "the third day")
    stopping = service.begin_stop()
    wait_until(lambda: _health(service) != HealthCheckResponse.SERVING, "draining")

    gate.touch()
    stopping.result(DEADLINE)

    assert service.rows("SELECT status FROM job_details WHERE date = ?", DATES[2]) == [("completed",)]
    service.start()
    assert {day.attempt for day in service.ended(job_id).progress.details} == {1}


def _health(service: Service) -> int:
    try:
        return int(service.health.Check(HealthCheckRequest(), timeout=DEADLINE).status)
    except grpc.RpcError:
        return HealthCheckResponse.NOT_SERVING


def test_events_go_on_without_a_gap_after_a_restart(new_service: Callable[..., Service], tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    service = new_service()
    job_id = service.trigger(config(*models(gate))).job_id
    wait_until((tmp_path / "gate.reached").exists, "the third day")
    service.restart()
    gate.touch()

    events = service.events(job_id)

    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    resumed = [event for event in events if event.type == job_pb2.EVENT_TYPE_JOB_RESUMED]
    assert len(resumed) == 1
    assert events[-1].completed == 30
    started = [(e.date, e.model, e.attempt) for e in events if e.type == job_pb2.EVENT_TYPE_MODEL_DAY_STARTED]
    assert len(started) == len(set(started))


def test_config_that_is_gone_after_a_restart_is_not_needed(new_service: Callable[..., Service], tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    service = new_service()
    path = service.write_config(config(*models(gate)))
    job_id = service.trigger(path).job_id
    wait_until((tmp_path / "gate.reached").exists, "the third day")

    (service.configs / path).unlink()
    service.restart()
    gate.touch()

    assert service.ended(job_id).status == job_pb2.JOB_STATUS_COMPLETED


def test_several_restarts_do_not_use_up_the_retries(new_service: Callable[..., Service], tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    reached = tmp_path / "gate.reached"
    service = new_service()
    job_id = service.trigger(config(scripted("m", wait_on=DATES[1], wait_for=str(gate)), end=DATES[1])).job_id
    for _ in range(4):
        wait_until(reached.exists, "the second day")
        reached.unlink()
        service.restart()
    gate.touch()

    status = service.ended(job_id)

    assert status.status == job_pb2.JOB_STATUS_COMPLETED
    assert [day.attempt for day in status.progress.details] == [1, 5]


class Process:
    """The service as a process of its own, the way it is started by people."""

    def __init__(self, service: Service) -> None:
        folder = service.folder
        command = [sys.executable, "-m", "server", "serve", "--port", "0", "--db", str(folder / "jobs.db")]
        command += ["--configs", str(service.configs), "--data", str(service.data)]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("AITRADER_")}
        with (folder / "log.txt").open("ab") as log:
            self.process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=log, text=True, cwd=ROOT, env=environment
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        port = re.search(r":(\d+)$", line)
        assert port is not None, line
        self.channel = grpc.insecure_channel(f"127.0.0.1:{port[1]}", options=[("grpc.use_local_subchannel_pool", 1)])
        self.stub = SimulationServiceStub(self.channel)
        self.health = HealthStub(self.channel)

    def end(self, number: signal.Signals) -> int:
        """Send a signal and return the exit status."""
        self.process.send_signal(number)
        try:
            return self.process.wait(DEADLINE)
        finally:
            self.close()

    def close(self) -> None:
        """Make sure that nothing is left."""
        self.channel.close()
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(DEADLINE)
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture
def start_process(new_service: Callable[..., Service]) -> Iterator[Callable[[Service], Process]]:
    started: list[Process] = []

    def start(service: Service) -> Process:
        started.append(Process(service))
        return started[-1]

    yield start
    for process in started:
        process.close()


def test_job_of_a_killed_process_is_finished_by_the_next_one(
    new_service: Callable[..., Service], start_process: Callable[[Service], Process], tmp_path: Path
) -> None:
    service, steady = new_service("killed"), new_service("steady")
    service.stop()
    content = config(*(model(f"random-{n}", "rule/random", seed=n) for n in range(40)))
    path = service.write_config(content)
    killed = start_process(service)
    job_id = killed.stub.Trigger(TriggerRequest(config_path=path), timeout=DEADLINE).job_id
    stream = killed.stub.StreamProgress(StreamProgressRequest(job_id=job_id), timeout=DEADLINE)
    while not any(event.completed for event in next(stream).events):
        pass
    killed.end(signal.SIGKILL)

    following = start_process(service)
    list(following.stub.StreamProgress(StreamProgressRequest(job_id=job_id), timeout=DEADLINE))
    status = following.stub.GetStatus(GetStatusRequest(job_id=job_id), timeout=DEADLINE)

    assert status.status == job_pb2.JOB_STATUS_COMPLETED
    assert following.end(signal.SIGTERM) == 0
    service.start()
    steady.run(content)
    assert outcome(service) == outcome(steady)


def lives(process: psutil.Process) -> bool:
    """Tell whether a process is there and no zombie; it may go between the two questions."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_process_that_is_asked_to_end_exits_with_status_0_and_leaves_no_worker(
    new_service: Callable[..., Service], start_process: Callable[[Service], Process], number: signal.Signals
) -> None:
    service = new_service()
    service.stop()
    process = start_process(service)
    path = service.write_config(config(*(model(f"random-{n}", "rule/random", seed=n) for n in range(40))))
    process.stub.Trigger(TriggerRequest(config_path=path), timeout=DEADLINE)
    workers = psutil.Process(process.process.pid).children()

    status = process.end(number)

    assert status == 0, (service.folder / "log.txt").read_text()
    assert workers
    assert not any(map(lives, workers))


def test_workers_of_a_killed_process_end_as_well(
    new_service: Callable[..., Service], start_process: Callable[[Service], Process]
) -> None:
    service = new_service()
    service.stop()
    process = start_process(service)
    workers = psutil.Process(process.process.pid).children()

    process.end(signal.SIGKILL)

    assert workers
    psutil.wait_procs(workers, timeout=DEADLINE)
    assert not any(map(lives, workers))
