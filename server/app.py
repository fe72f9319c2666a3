"""The composition root: settings → storage → market → pool → jobs → rpc. Started, drained and stopped here."""

import asyncio
import gc
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import grpc
import structlog
from grpc_health.v1 import health, health_pb2_grpc
from grpc_health.v1.health_pb2 import HealthCheckResponse
from grpc_reflection.v1alpha import reflection

from aitrader.v1 import simulation_pb2
from aitrader.v1.simulation_pb2_grpc import add_SimulationServiceServicer_to_server
from server.agents.llm.factory import SessionSetup
from server.agents.registry import Create, TraderFactory
from server.callbacks.deliverer import CallbackRules, Deliverer
from server.callbacks.hosts import CallbackHosts
from server.callbacks.post import Poster
from server.callbacks.signature import signing_keys
from server.condition.service_condition import ServiceCondition
from server.history.mirror import Mirror
from server.jobs.callback_check import CallbackCheck
from server.jobs.credentials import CredentialStore
from server.jobs.journal import Journal
from server.jobs.model_day_runner import RunnerParts
from server.jobs.progress import ProgressLogs
from server.jobs.recordings import RecordedSessions
from server.jobs.retention import Retention
from server.jobs.service import JobService
from server.jobs.verify import Verifier
from server.market.snapshots import Snapshots
from server.pool.local import WORKER, default_size
from server.pool.machine import MachinePool
from server.pool.sessions import SESSION_WORKER
from server.pool.worker import Setup
from server.rpc.convert import encoded_event
from server.rpc.convert_sessions import encoded_live_step
from server.rpc.interceptors import CallInterceptor
from server.rpc.service_status import ToolHealth
from server.rpc.simulation import SimulationServicer
from server.schedules.schedule import load_schedules
from server.schedules.scheduler import Scheduler
from server.schedules.upkeep import Upkeep
from server.schedules.work import Work
from server.settings import Settings, SettingsError
from storage.database import open_database, refuse_damaged
from storage.lock import ServerLock
from storage.writer import Writer

SERVICE = simulation_pb2.DESCRIPTOR.services_by_name["SimulationService"].full_name

#: bytes a request may have
MAX_REQUEST = 4 * 1024 * 1024

#: seconds that calls other than streams get to end when the server stops
CALLS_GRACE = 2.0

OPTIONS = (
    ("grpc.max_receive_message_length", MAX_REQUEST),
    ("grpc.so_reuseport", 0),
    ("grpc.keepalive_permit_without_calls", 1),
    # milliseconds; a client whose machine vanished leaves its streams behind for no longer than these two together
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
)

logger = structlog.get_logger(__name__)


class App:
    """A running service. `worker` and `extra` let others add kinds of traders, `session_worker` tools of agents."""

    def __init__(
        self,
        settings: Settings,
        *,
        worker: Sequence[str] = WORKER,
        session_worker: Sequence[str] = SESSION_WORKER,
        extra: Mapping[str, Create] | None = None,
    ) -> None:
        rules, self._schedules = _callback_rules(settings), load_schedules(settings)
        self._settings = settings
        self._folder = TemporaryDirectory(prefix="aitrader-", ignore_cleanup_errors=True)
        snapshots = Path(self._folder.name)
        self._lock = ServerLock(settings.db)
        self._db = open_database(settings.db)
        refuse_damaged(self._db, settings.db)
        self._writer = Writer(self._db)
        self._logs = ProgressLogs(encoded_event, encoded_live_step)
        self._mirror = Mirror(self._db, settings.data_dir)
        self.pool = self._pool(_setup(settings, snapshots), worker, session_worker)
        self.parts = self._runner_parts(CredentialStore(settings))
        poster = Poster(settings.callback_timeout)
        self._deliverer = Deliverer(self._db, self._writer, poster, rules, self.parts.clock)
        self._retention = Retention(self.parts.journal, self.parts.clock, settings.event_retention_days)
        prices = Snapshots(self._db, snapshots)
        self._verifier = Verifier(self._db, prices, self.parts, snapshots)
        self._jobs = self._job_service(prices, TraderFactory(settings.data_dir, extra=extra), rules)
        self._work = Work(self._db, self._jobs, Upkeep(settings, self._db, self.parts.clock))
        self._scheduler = Scheduler(self._schedules, self._work.perform, self._db, self._writer, self.parts.clock)
        self._condition = ServiceCondition(settings, self._db, self.pool.workers.count, self.parts.clock)
        self._health = ToolHealth(self._condition)
        self._server = grpc.aio.server(interceptors=[CallInterceptor(lambda: self._jobs.draining)], options=OPTIONS)
        self._background: list[asyncio.Task[None]] = []

    def _pool(self, setup: Setup, worker: Sequence[str], session_worker: Sequence[str]) -> MachinePool:
        sessions = self._settings.max_parallel_sessions
        return MachinePool(
            setup,
            processes=min(self._settings.worker_processes or default_size(), sessions),
            sessions=sessions,
            worker=worker,
            onlooker=self._logs.publish_step,
            session_worker=session_worker,
        )

    def _runner_parts(self, credentials: CredentialStore) -> RunnerParts:
        return RunnerParts(
            journal=Journal(self._writer, self._logs, self._mirror.wake),
            pool=self.pool,
            clock=lambda: datetime.now(UTC),
            credentials=credentials,
            recordings=RecordedSessions(self._db),
            cancel_grace=self._settings.cancel_grace,
        )

    def _job_service(self, prices: Snapshots, traders: TraderFactory, rules: CallbackRules) -> JobService:
        return JobService(
            self._settings,
            self._db,
            snapshots=prices,
            traders=traders,
            credentials=self.parts.credentials,
            logs=self._logs,
            callbacks=CallbackCheck(hosts=rules.hosts, signed=bool(rules.keys)),
            parts=self.parts,
        )

    async def start(self) -> int:
        """Start serving, go on with unfinished jobs, and return the port.

        Raises:
            RuntimeError: the address cannot be bound.
        """
        port = self._server.add_insecure_port(f"{self._settings.host}:{self._settings.port}")
        servicer = SimulationServicer(
            self._db, self._jobs, self._logs, self._condition, self._verifier, self._schedules
        )
        add_SimulationServiceServicer_to_server(servicer, self._server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        reflection.enable_server_reflection((SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME), self._server)
        self._writer.start()
        await self.pool.start()
        await self._jobs.resume()
        beat = self._logs.beat(self._settings.heartbeat_seconds)
        for work in (beat, self._retention.run(), self._deliverer.run(), self._mirror.run(), self._scheduler.run()):
            self._background.append(asyncio.create_task(work))
        await self._server.start()
        await self._set_health(HealthCheckResponse.SERVING)
        logger.info("serving", host=self._settings.host, port=port, db=str(self._settings.db))
        return port

    async def stop(self) -> None:
        """Stop accepting, let running model-days finish within the grace period, put the rest back, close."""
        await self._set_health(HealthCheckResponse.NOT_SERVING)
        self._work.stop()
        grace = self._settings.shutdown_grace
        await asyncio.gather(self._jobs.stop(grace), self._scheduler.stop(grace))
        self._logs.close()
        await self._server.stop(CALLS_GRACE)
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        await self.pool.stop()
        await asyncio.to_thread(self._writer.stop)
        await asyncio.to_thread(self._mirror.catch_up)
        self._db.close()
        self._lock.release()
        self._folder.cleanup()
        logger.info("stopped")

    def abandon(self) -> None:
        """Remove what the operating system does not: for a process that ends at once, as if it were killed."""
        self._folder.cleanup()

    async def _set_health(self, status: int) -> None:
        for service in ("", SERVICE):
            await self._health.set(service, status)


def freeze_heap() -> None:
    """Leave what is there from the start on out of later garbage collections; once, when the process serves.

    Going through it held events up for 0.1 s with a thousand streams.
    """
    gc.collect()
    gc.freeze()


def _callback_rules(settings: Settings) -> CallbackRules:
    """Return how callbacks are delivered.

    Raises:
        SettingsError: hosts or secret are wrong.
    """
    secret = settings.callback_secret
    try:
        return CallbackRules(
            hosts=CallbackHosts(settings.callback_hosts or ""),
            keys=() if secret is None else signing_keys(secret.get_secret_value()),
            retry_delay=settings.callback_retry_delay,
            give_up_after=settings.callback_give_up_after,
        )
    except ValueError as error:
        raise SettingsError(f"settings of callbacks are wrong: {error}") from error


def _setup(settings: Settings, snapshots: Path) -> Setup:
    key = settings.jina_api_key
    return Setup(
        snapshots=snapshots,
        data_dir=settings.data_dir.absolute(),
        session=SessionSetup(
            jina_api_key=None if key is None else key.get_secret_value(),
            parallel_requests=settings.llm_parallel_requests,
            requests_per_minute=settings.llm_requests_per_minute,
            tokens_per_minute=settings.llm_tokens_per_minute,
        ),
    )
