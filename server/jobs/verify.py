"""Verifying a job: its completed model-days run again from its record into a scratch database, every row compared."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import structlog
from peewee import SqliteDatabase

from server.engine.llm import LlmMode
from server.engine.recording import SessionRecording
from server.jobs.errors import NotReplayableError
from server.jobs.journal import Journal
from server.jobs.model_day_runner import RunnerParts
from server.jobs.progress import ProgressLogs
from server.jobs.recordings import session_recording
from server.jobs.runner import DateWork, JobRunner
from server.jobs.spec import JobSpec
from server.market.snapshots import Snapshots
from storage import model_days, replays
from storage.acceptance import JobRequest
from storage.attempts import Attempt
from storage.comparison import Difference, TableResult, compare_job
from storage.database import open_database
from storage.errors import JobStateError
from storage.jobs import JobRow, find_job
from storage.recordings import not_recorded, read_recording
from storage.replays import Beginning
from storage.revaluations import Revaluation, revaluations
from storage.superseded import is_superseded
from storage.writer import Writer

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What came of it: every table, and the first difference of all; `notes` tell what may explain one."""

    job_id: str
    model_days: int
    tables: tuple[TableResult, ...]
    difference: Difference | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """A job to verify: its committed attempts by (date, model), and what its portfolios began with."""

    job: JobRow
    attempts: Mapping[tuple[str, str], int]
    beginnings: tuple[Beginning, ...]


class Verifier:
    """Verifies jobs, one at a time: the same planner's days, runner, pool and agents, with the record for a vendor."""

    def __init__(self, db: SqliteDatabase, snapshots: Snapshots, parts: RunnerParts, folder: Path) -> None:
        self._db = db
        self._snapshots = snapshots
        self._parts = parts
        self._folder = folder
        self._one = asyncio.Lock()

    async def verify(self, job_id: str) -> Verification:
        """Run a job again and compare.

        Raises:
            JobNotFoundError: there is no such job.
            JobStateError: the job has not ended, another one has replaced days of it, or a cleanup is removing it.
            NotReplayableError: sessions of completed model-days were not recorded.
        """
        case = await asyncio.to_thread(self._case, job_id)
        async with self._one, self._scratch() as (scratch, writer):
            snapshot = await asyncio.to_thread(self._snapshots.current)
            replayed = await self._replay(case, scratch, writer, snapshot.name) if case.attempts else ""
            verification = await asyncio.to_thread(self._compare, case, scratch, replayed, snapshot.name)
        logger.info("job_verified", job_id=job_id, equal=verification.difference is None)
        return verification

    def _case(self, job_id: str) -> _Case:
        job = find_job(self._db, job_id)
        if not job.status.final:
            raise JobStateError(job_id, job.status, "verified")
        if is_superseded(self._db, job_id):
            raise JobStateError(job_id, job.status, "verified: another job has replaced days of it")
        agents = [model.signature for model in JobSpec.from_json(job.spec).models if model.llm is not None]
        missing = not_recorded(self._db, job_id, agents)
        if missing:
            raise NotReplayableError(job_id, missing)
        attempts = replays.completed(self._db, job_id)
        first = {model: date for date, model in sorted(attempts, reverse=True)}
        beginnings = tuple(
            replays.beginning(self._db, job.experiment, model, date) for model, date in sorted(first.items())
        )
        return _Case(job=job, attempts=attempts, beginnings=beginnings)

    @asynccontextmanager
    async def _scratch(self) -> AsyncIterator[tuple[SqliteDatabase, Writer]]:
        """Give an empty database that is gone afterwards."""
        with TemporaryDirectory(prefix="verify-", dir=self._folder) as folder:
            scratch = await asyncio.to_thread(open_database, Path(folder) / "jobs.db")
            writer = Writer(scratch)
            writer.start()
            try:
                yield scratch, writer
            finally:
                await asyncio.shield(asyncio.to_thread(writer.stop))
                scratch.close()

    async def _replay(self, case: _Case, scratch: SqliteDatabase, writer: Writer, snapshot: str) -> str:
        """Run the model-days again and return the job's id in the scratch database."""
        job = await asyncio.to_thread(self._begin, case, scratch)
        logs = ProgressLogs(lambda _: b"", lambda *_: b"")  # nobody listens
        runner = JobRunner(
            job,
            work=lambda after: _work(scratch, job.job_id, case.beginnings, after),
            failed={},
            spent={},
            snapshot=snapshot,
            parts=replace(self._parts, journal=Journal(writer, logs), recordings=_JobRecord(self._db, case)),
        )
        await runner.run()
        return job.job_id

    def _begin(self, case: _Case, scratch: SqliteDatabase) -> JobRow:
        request = JobRequest(
            job_id=str(uuid.uuid4()),
            request_id=None,
            request_digest="",
            config_digest=case.job.config_digest,
            config_path=case.job.config_path,
            experiment=case.job.experiment,
            models=case.job.models,
            max_concurrent_jobs=1,
        )
        spec = _replayed(JobSpec.from_json(case.job.spec)).to_json()
        now = self._parts.clock()
        return replays.begin_again(scratch, request, spec, dict(case.attempts), list(case.beginnings), now)

    def _compare(self, case: _Case, scratch: SqliteDatabase, replayed: str, digest: str) -> Verification:
        job = find_job(self._db, case.job.job_id)
        if replays.completed(self._db, job.job_id) != case.attempts:
            raise JobStateError(job.job_id, job.status, "verified: its model-days changed meanwhile")
        tables = compare_job((self._db, case.job.job_id), (scratch, replayed))
        found = [_failure(*lost) for lost in replays.not_completed(scratch, replayed)]
        found += [table.difference for table in tables if table.difference is not None]
        return Verification(
            job_id=case.job.job_id,
            model_days=len(case.attempts),
            tables=tuple(tables),
            difference=min(found, key=lambda difference: difference.date, default=None),
            notes=tuple(_notes(case.job, revaluations(self._db, case.job.job_id), digest)),
        )


class _JobRecord:
    """Finds what a session of one job exchanged, in that job alone."""

    def __init__(self, db: SqliteDatabase, case: _Case) -> None:
        self._db = db
        self._case = case

    def __call__(self, attempt: Attempt, basemodel: str) -> tuple[SessionRecording, ...]:
        number = self._case.attempts[attempt.date, attempt.model]
        rows = read_recording(self._db, (self._case.job.job_id, attempt.date, attempt.model, number))
        return () if rows is None else (session_recording(rows),)


def _replayed(spec: JobSpec) -> JobSpec:
    """Return the spec with every agent answered from the record, and no limit of time for them all."""
    models = (
        model if model.llm is None else replace(model, llm=replace(model.llm, mode=LlmMode.REPLAY))
        for model in spec.models
    )
    return replace(spec, models=tuple(models), job_timeout=None)


def _failure(date: str, model: str, error: str) -> Difference:
    """Tell of a model-day that could not be run again."""
    return Difference(
        table="job_details",
        date=date,
        model=model,
        row="",
        column="error",
        recorded="",
        replayed=error,
    )


def _notes(job: JobRow, revalued: Sequence[Revaluation], digest: str) -> Iterator[str]:
    """Tell on which prices the job ran and was valued, where they are not those that it was run again on."""
    ran_on = job.price_digests[-1:]
    if ran_on and ran_on != (digest,):
        yield f"the job ran on prices {ran_on[0]}, and was run again on those of now, {digest}"
    for done in revalued:
        yield (
            f"values of '{done.model}' were computed anew on {done.revalued_at}, on prices {done.new_digest}: "
            f"{done.changed_days} of {done.trading_days} trading days changed; orders and fills are those of the job"
        )


def _work(scratch: SqliteDatabase, job_id: str, beginnings: Sequence[Beginning], after: str) -> DateWork:
    """Return what is left of the replay; its models start from what their portfolios were before the job."""
    days = model_days.unfinished(scratch, job_id, after)
    states = {} if after else {one.portfolio.model: replace(one.state, day=one.last_day or "") for one in beginnings}
    return DateWork(days=days, states=states)
