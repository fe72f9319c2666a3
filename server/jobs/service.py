"""Jobs as callers see them: trigger one, and keep those that were accepted going."""

import asyncio
import hashlib
import json
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import structlog
from peewee import SqliteDatabase

from server.agents.errors import AgentError, ParameterError
from server.agents.registry import TraderFactory
from server.jobs.config import LoadedConfig, ModelEntry, load_config, normalise_path
from server.jobs.errors import DrainingError, InvalidRequestError, Violation
from server.jobs.planner import DateRange, Market, Plan, make_plan
from server.jobs.progress import ProgressLogs
from server.jobs.runner import JobRunner, RunnerParts
from server.jobs.spec import JobSpec, ModelSpec
from server.market.snapshots import Snapshot, Snapshots
from server.settings import Settings
from storage import jobs, model_days, portfolios
from storage.jobs import AcceptedJob, JobRequest, JobRow, NewJob
from storage.portfolios import NewPortfolio, PortfolioRow

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerCommand:
    """A request for a job, its fields checked one by one; None means the config's value."""

    config_path: str
    request_id: str | None
    models: tuple[str, ...]
    start_date: str | None
    end_date: str | None
    experiment: str | None

    @property
    def digest(self) -> str:
        """What makes two requests the same, the request id aside."""
        facts = [normalise_path(self.config_path), sorted(self.models), self.start_date, self.end_date, self.experiment]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Triggered:
    """What became of a request: a job, new or existing, or none when everything is done already."""

    job: JobRow | None
    accepted: bool
    experiment: str
    warnings: tuple[str, ...]
    last_simulation_date: str | None = None


class JobService:
    """Accepts jobs and runs them on the pool."""

    def __init__(
        self,
        settings: Settings,
        db: SqliteDatabase,
        *,
        snapshots: Snapshots,
        traders: TraderFactory,
        logs: ProgressLogs,
        parts: RunnerParts,
    ) -> None:
        self._settings = settings
        self._db = db
        self._snapshots = snapshots
        self._traders = traders
        self._logs = logs
        self._parts = parts
        self._running: dict[str, tuple[JobRunner, asyncio.Task[None]]] = {}
        self._draining = False

    async def resume(self) -> None:
        """Go on with the jobs that a former process left unfinished."""
        for job in await asyncio.to_thread(jobs.active_jobs, self._db):
            lost = await self._reset(job.job_id)
            logger.info("job_resumed", job_id=job.job_id, model_days_reset=lost)
            self._logs.open(job.job_id, job.last_sequence)
            await self._run(job, await asyncio.to_thread(self._snapshots.current))

    async def trigger(self, command: TriggerCommand) -> Triggered:
        """Accept a job for the request and start it, or tell which job there is, or that nothing is left to do.

        Raises:
            JobError, JobConflictError, RequestIdReusedError: as they say.
        """
        if self._draining:
            raise DrainingError
        known = await asyncio.to_thread(self._known, command)
        if known is not None:
            return Triggered(job=known, accepted=False, experiment=known.experiment, warnings=known.warnings)
        config, spec, snapshot = await asyncio.to_thread(self._resolve, command)
        return await self._accept(command, config, spec, snapshot)

    async def stop(self, grace: float) -> None:
        """Start nothing more, let running model-days finish within `grace` seconds, put the rest back to pending."""
        self._draining = True
        tasks = [task for _, task in self._running.values()]
        for runner, _ in self._running.values():
            runner.stop()
        if tasks:
            await asyncio.wait(tasks, timeout=grace)
        for job_id, (_, task) in list(self._running.items()):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            await self._reset(job_id)

    async def _reset(self, job_id: str) -> int:
        return await self._parts.journal.write(partial(model_days.reset_running, job_id=job_id))

    def _known(self, command: TriggerCommand) -> JobRow | None:
        if command.request_id is None:
            return None
        return jobs.find_request(self._db, command.request_id, command.digest)

    def _resolve(self, command: TriggerCommand) -> tuple[LoadedConfig, JobSpec, Snapshot]:
        config = load_config(self._settings.configs, command.config_path)
        return config, self._spec(command, config), self._snapshots.current()

    def _spec(self, command: TriggerCommand, config: LoadedConfig) -> JobSpec:
        entries = _chosen(command, config)
        violations = [violation for i, entry in entries.items() if (violation := self._wrong(i, entry))]
        if violations:
            raise InvalidRequestError(violations)
        agent = config.config.agent_config
        return JobSpec(
            models=tuple(
                ModelSpec(
                    signature=entry.signature,
                    basemodel=entry.basemodel,
                    parameters=entry.parameters,
                    initial_cash=agent.initial_cash,
                )
                for entry in entries.values()
            ),
            universe=None if config.config.universe is None else tuple(sorted(set(config.config.universe))),
            max_retries=agent.max_retries,
        )

    def _wrong(self, index: int, entry: ModelEntry) -> Violation | None:
        """Return what is wrong with the kind of a model or its parameters."""
        try:
            self._traders.create(entry.signature, entry.basemodel, entry.parameters)
        except ParameterError as error:
            return Violation(field=f"config.models[{index}].parameters.{error.parameter}", description=str(error))
        except AgentError as error:
            return Violation(field=f"config.models[{index}].basemodel", description=str(error))
        return None

    async def _accept(
        self, command: TriggerCommand, config: LoadedConfig, spec: JobSpec, snapshot: Snapshot
    ) -> Triggered:
        experiment = command.experiment or config.config.experiment
        warnings = tuple(f"key '{key}' of the config is not known and was ignored" for key in config.unknown_keys)
        dates = _dates(command, config)
        market = Market(trading_dates=snapshot.prices.trading_dates, symbols=frozenset(snapshot.prices.symbols))
        plan: Plan | None = None

        def planner(states: Mapping[str, PortfolioRow]) -> NewJob | None:
            nonlocal plan
            plan = make_plan(spec, experiment, dates, states, market)
            self._refuse_too_large(plan)
            return _new_job(plan, spec, warnings) if plan.model_days else None

        request = self._request(command, config, experiment, spec)
        self._logs.open(request.job_id, 0)
        try:
            accepted = await self._parts.journal.write(
                lambda db: jobs.accept_job(db, request, planner, self._parts.clock())
            )
        except BaseException:
            self._logs.drop(request.job_id)
            raise
        if isinstance(accepted, AcceptedJob):
            return await self._begin(accepted, snapshot)
        self._logs.drop(request.job_id)
        if accepted is None:
            told, last = (plan.warnings, plan.last_simulation_date) if plan else ((), None)
            return Triggered(
                job=None,
                accepted=False,
                experiment=experiment,
                warnings=warnings + told,
                last_simulation_date=last,
            )
        return Triggered(job=accepted.job, accepted=False, experiment=experiment, warnings=accepted.job.warnings)

    async def _begin(self, accepted: AcceptedJob, snapshot: Snapshot) -> Triggered:
        job = accepted.job
        logger.info("job_accepted", job_id=job.job_id, experiment=job.experiment, model_days=job.total_model_days)
        self._logs.publish(accepted.event)
        await self._run(job, snapshot)
        return Triggered(job=job, accepted=True, experiment=job.experiment, warnings=job.warnings)

    def _refuse_too_large(self, plan: Plan) -> None:
        limit = self._settings.max_job_model_days
        if len(plan.model_days) > limit:
            description = f"the job would have {len(plan.model_days)} model-days; the limit is {limit}"
            raise InvalidRequestError.of("end_date", description)

    def _request(self, command: TriggerCommand, config: LoadedConfig, experiment: str, spec: JobSpec) -> JobRequest:
        return JobRequest(
            job_id=str(uuid.uuid4()),
            request_id=command.request_id,
            request_digest=command.digest,
            config_digest=config.digest,
            config_path=config.path,
            experiment=experiment,
            models=tuple(model.signature for model in spec.models),
            max_concurrent_jobs=self._settings.max_concurrent_jobs,
        )

    async def _run(self, job: JobRow, snapshot: Snapshot) -> None:
        runner = await asyncio.to_thread(self._runner, job, snapshot)
        task = asyncio.create_task(runner.run(), name=f"job {job.job_id}")
        self._running[job.job_id] = runner, task
        task.add_done_callback(lambda done: self._ended(job.job_id, done))

    def _runner(self, job: JobRow, snapshot: Snapshot) -> JobRunner:
        return JobRunner(
            job,
            todo=model_days.unfinished(self._db, job.job_id),
            states={model: portfolios.portfolio_state(self._db, job.experiment, model) for model in job.models},
            snapshot=snapshot.name,
            parts=self._parts,
        )

    def _ended(self, job_id: str, done: "asyncio.Task[None]") -> None:
        self._running.pop(job_id, None)
        if not done.cancelled() and (error := done.exception()) is not None:
            logger.error("job_left_unfinished", job_id=job_id, exc_info=error)


def _chosen(command: TriggerCommand, config: LoadedConfig) -> dict[int, ModelEntry]:
    """Return the entries to run by their place in the config.

    Raises:
        InvalidRequestError: a model is not in the config, or none is enabled.
    """
    entries = config.config.models
    if not command.models:
        enabled = {i: entry for i, entry in enumerate(entries) if entry.enabled}
        if not enabled:
            raise InvalidRequestError.of("config.models", "no model is enabled")
        return enabled
    known = [entry.signature for entry in entries]
    unknown = [
        Violation(
            field=f"models[{i}]",
            description=f"'{model}' is not a model of the config; its models: {', '.join(known[:20])}",
        )
        for i, model in enumerate(command.models)
        if model not in known
    ]
    if unknown:
        raise InvalidRequestError(unknown)
    return {i: entry for i, entry in enumerate(entries) if entry.signature in command.models}


def _dates(command: TriggerCommand, config: LoadedConfig) -> DateRange:
    configured = config.config.date_range
    first, last = command.start_date or configured.init_date, command.end_date or configured.end_date
    if last is not None and last < first:
        field = "end_date" if command.end_date else "start_date"
        raise InvalidRequestError.of(field, f"the last date {last} is before the first date {first}")
    return DateRange(first=first, last=last)


def _new_job(plan: Plan, spec: JobSpec, warnings: tuple[str, ...]) -> NewJob:
    planned = {model for _, model in plan.model_days}
    return NewJob(
        model_days=plan.model_days,
        portfolios=tuple(
            NewPortfolio(model=model.signature, definition=model.definition, initial_cash=model.initial_cash)
            for model in spec.models
            if model.signature in planned
        ),
        spec=spec.to_json(),
        warnings=warnings + plan.warnings,
    )
