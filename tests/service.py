"""The real service for tests: the whole App on a loop of its own, with a real database file and real workers."""

import asyncio
import json
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import grpc
import pytest
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo
from google.rpc.status_pb2 import Status
from grpc_health.v1.health_pb2_grpc import HealthStub

from aitrader.v1 import job_pb2, portfolio_pb2, simulation_pb2
from aitrader.v1.simulation_pb2_grpc import SimulationServiceStub
from server.app import App
from server.market.price_import import import_prices
from server.pool.sessions import SESSION_WORKER
from server.settings import Settings
from storage.database import open_database
from storage.prices import BarRow, import_bars
from tests.faulty_worker import KINDS

T = TypeVar("T")

ROOT = Path(__file__).parents[1]

#: real prices and real positions, kept beside the repository and not in it
REAL_DATA = ROOT.parent / "shared" / "data"

FAULTY_WORKER = (sys.executable, str(ROOT / "tests" / "faulty_worker.py"))

#: seconds after which a test gives up; far more than anything takes on a busy machine
DEADLINE = 60.0

#: seconds between looks at a condition
GLANCE = 0.005

#: two weeks with a weekend between them
DATES = tuple(f"2025-03-{day:02}" for day in (3, 4, 5, 6, 7, 10, 11, 12, 13, 14))
NEXT_TRADING_DAY = "2025-03-17"


class BackgroundLoop:
    """An event loop on a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="service-loop", daemon=True)
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the loop and return its result."""
        return self.submit(coroutine).result(DEADLINE)

    def submit(self, coroutine: Coroutine[Any, Any, T]) -> "Future[T]":
        """Start a coroutine on the loop."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    def close(self) -> None:
        """Stop and close the loop."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(DEADLINE)
        self._loop.close()


class Service:
    """A running service, and what tests do with it.

    `db` is the test's own connection to the database. Without a `folder` of configs and data of its own, those of the
    service lie beside the database.
    """

    def __init__(
        self, loop: BackgroundLoop, folder: Path, session_worker: Sequence[str] = SESSION_WORKER, **overrides: Any
    ) -> None:
        self._loop = loop
        self._session_worker = session_worker
        self.folder = folder
        self.configs = folder / "configs"
        self.data = folder / "data"
        for place in (self.configs, self.data):
            place.mkdir(parents=True, exist_ok=True)
        values = {
            "port": 0,
            "db": folder / "jobs.db",
            "configs": self.configs,
            "data_dir": self.data,
            "worker_processes": 1,
            "max_concurrent_jobs": 64,
            "shutdown_grace": 0.0,
        }
        self.settings = Settings(**{**values, **overrides})
        self._numbers = count(1)
        self.db = open_database(self.settings.db)
        self.start()

    def start(self) -> None:
        """Start the App and connect to it."""
        self.app = self._loop.run(self._app())
        self._running = True
        self.port = self._loop.run(self.app.start())
        self.channel = grpc.insecure_channel(f"127.0.0.1:{self.port}", options=[("grpc.use_local_subchannel_pool", 1)])
        self.stub = SimulationServiceStub(self.channel)
        self.health = HealthStub(self.channel)

    async def _app(self) -> App:
        return App(self.settings, worker=FAULTY_WORKER, session_worker=self._session_worker, extra=KINDS)

    def stop(self) -> None:
        """Stop the App as SIGTERM does."""
        self._running = False
        self.channel.close()
        self._loop.run(self.app.stop())

    def call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine where the App runs."""
        return self._loop.run(coroutine)

    def begin_stop(self) -> "Future[None]":
        """Begin to stop the App, with the connection to it open."""
        return self._loop.submit(self.app.stop())

    def kill_workers(self) -> None:
        """Kill the worker processes there are, as a machine short of memory would."""
        for pid in self.app.pool.workers.pids:
            os.kill(pid, signal.SIGKILL)

    def close(self) -> None:
        """Stop the App, if it was not stopped before, and close the test's own connection."""
        if self._running:
            self.stop()
        self.db.close()

    def restart(self) -> None:
        """Stop the App and start another on the same database."""
        self.stop()
        self.start()

    def import_market(self, bars: Iterable[BarRow]) -> None:
        """Merge bars into the stored prices."""
        import_bars(self.db, "test", bars, (), datetime.now(UTC))

    def import_files(self, *paths: Path) -> None:
        """Import price files."""
        import_prices(self.db, paths, datetime.now(UTC))

    def write_config(self, content: Mapping[str, Any] | bytes | str) -> str:
        """Write a config under a new name and return its path for Trigger."""
        name = f"config-{next(self._numbers)}.json"
        raw = content if isinstance(content, bytes) else content.encode() if isinstance(content, str) else None
        (self.configs / name).write_bytes(json.dumps(content).encode() if raw is None else raw)
        return name

    def trigger(self, content: Mapping[str, Any] | str, **fields: Any) -> simulation_pb2.TriggerResponse:
        """Trigger a config, given as a path or written anew."""
        path = content if isinstance(content, str) else self.write_config(content)
        request = simulation_pb2.TriggerRequest(config_path=path, **fields)
        return self.stub.Trigger(request, timeout=DEADLINE)

    def run(self, content: Mapping[str, Any] | str, **fields: Any) -> simulation_pb2.GetStatusResponse:
        """Trigger a config, wait for the job's end and return its status."""
        return self.ended(self.trigger(content, **fields).job_id)

    def ended(self, job_id: str) -> simulation_pb2.GetStatusResponse:
        """Wait for a job's end and return its status."""
        self.events(job_id)
        return self.status(job_id)

    def status(self, job_id: str, **fields: Any) -> simulation_pb2.GetStatusResponse:
        """Return a page of the status of a job."""
        return self.stub.GetStatus(simulation_pb2.GetStatusRequest(job_id=job_id, **fields), timeout=DEADLINE)

    def messages(self, job_id: str, after_sequence: int = 0) -> list[simulation_pb2.StreamProgressResponse]:
        """Follow a job to its end and return all messages."""
        request = simulation_pb2.StreamProgressRequest(job_id=job_id, after_sequence=after_sequence)
        return list(self.stub.StreamProgress(request, timeout=DEADLINE))

    def events(self, job_id: str, after_sequence: int = 0) -> list[job_pb2.ProgressEvent]:
        """Follow a job to its end and return its events."""
        return [event for message in self.messages(job_id, after_sequence) for event in message.events]

    def results(self, **fields: Any) -> list[portfolio_pb2.DayResult]:
        """Return all results of a query, page by page, in full unless asked otherwise."""
        request = simulation_pb2.GetResultsRequest(**{"detail": simulation_pb2.RESULT_DETAIL_FULL, **fields})
        results: list[portfolio_pb2.DayResult] = []
        while True:
            response = self.stub.GetResults(request, timeout=DEADLINE)
            results.extend(response.results)
            if not response.next_page_token:
                return results
            request.page_token = response.next_page_token

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Return what a query finds in the database."""
        return list(self.db.execute_sql(sql, values))

    def contents(self) -> dict[str, list[tuple[Any, ...]]]:
        """Return every row of every table."""
        tables = self.rows("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
        return {name: self.rows(f"SELECT * FROM {name}") for (name,) in tables}


def start_service(loop: BackgroundLoop, folder: Path, **overrides: Any) -> Service:
    """Start a service with the small market."""
    service = Service(loop, folder, **overrides)
    service.import_market(small_market())
    return service


def config(
    *models: Mapping[str, Any], start: str = DATES[0], end: str | None = DATES[-1], cash: object = 10_000.0, **more: Any
) -> dict[str, Any]:
    """Return a config of some models."""
    dates = {"init_date": start} | ({"end_date": end} if end else {})
    return {
        "agent_type": "BaseAgent",
        "date_range": dates,
        "models": list(models),
        "agent_config": {"initial_cash": cash, "max_retries": 1},
        **more,
    }


def model(signature: str, basemodel: str = "rule/hold-cash", **parameters: Any) -> dict[str, Any]:
    """Return a model's entry in a config."""
    entry: dict[str, Any] = {"name": signature, "basemodel": basemodel, "signature": signature, "enabled": True}
    return entry | ({"parameters": parameters} if parameters else {})


def scripted(
    signature: str, orders: Mapping[str, Sequence[tuple[str, str, object]]] | None = None, **parameters: Any
) -> dict[str, Any]:
    """Return the entry of a model that submits the given orders by date, and does as the parameters say."""
    return model(signature, "test/scripted", orders=json.dumps(orders or {}), **parameters)


def bar(symbol: str, date: str, open_: object, close: object) -> BarRow:
    """Return a bar between two prices."""
    first, last = Decimal(str(open_)), Decimal(str(close))
    high, low = max(first, last), min(first, last)
    return BarRow(symbol=symbol, date=date, open=first, high=high, low=low, close=last, volume=1000)


def small_market() -> list[BarRow]:
    """Return bars of `DATES`: UP rises a dollar a day, FLAT stays at 100, DOWN falls, HALT trades on three dates.

    Only UP moves within a day: it opens at 10, 11, … and closes half a dollar higher.
    """
    bars = []
    for i, date in enumerate(DATES):
        bars += [bar("UP", date, 10 + i, 10.5 + i), bar("FLAT", date, 100, 100), bar("DOWN", date, 50 - i, 50 - i)]
        if i < 3:
            bars.append(bar("HALT", date, 20, 20))
    return bars


def require_real_data() -> Path:
    """Return the folder of real data, or skip the test where it is absent; in CI it must be there."""
    if not REAL_DATA.is_dir():
        reason = f"real data was not found in {REAL_DATA}"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return REAL_DATA


def free_port() -> int:
    """Return a port that nobody listens on, for a server that is to keep its port over a restart."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def wait_until(condition: Callable[[], object], what: str) -> None:
    """Wait until a condition holds, and fail when it does not within the deadline."""
    deadline = time.monotonic() + DEADLINE
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"{what} did not happen in {DEADLINE} seconds")
        time.sleep(GLANCE)


class Refusal:
    """An error of the service with its details."""

    def __init__(self, error: grpc.RpcError) -> None:
        self.code: grpc.StatusCode = error.code()  # type: ignore[attr-defined]
        self.message: str = error.details()  # type: ignore[attr-defined]
        trailers = dict(error.trailing_metadata() or ())  # type: ignore[attr-defined]
        status = Status.FromString(trailers.get("grpc-status-details-bin", b""))
        self.info = _unpacked(status, ErrorInfo())
        self.violations = {wrong.field: wrong.description for wrong in _unpacked(status, BadRequest()).field_violations}

    @property
    def reason(self) -> str:
        """Reason of the error."""
        return str(self.info.reason)

    def __repr__(self) -> str:
        return f"Refusal({self.code.name}, {self.message!r}, {self.reason}, {self.violations})"


def refusal(call: Callable[..., Any], request: Message) -> Refusal:
    """Make a call that is to be refused and return the error, its form checked."""
    with pytest.raises(grpc.RpcError) as caught:
        _whole(call(request, timeout=DEADLINE))
    refused = Refusal(caught.value)
    assert refused.info.domain == "aitrader", caught.value
    return refused


def _whole(answer: object) -> None:
    """Read an answer to its end when it is a stream."""
    if isinstance(answer, Iterator):
        list(answer)


def _unpacked(status: Status, message: Any) -> Any:
    for detail in status.details:
        if detail.Unpack(message):
            break
    return message
