"""Recorded runs become finished jobs: replayed, and stored by the same functions and rows as a job that ran here."""

import hashlib
import json
import sys
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import islice

from peewee import SqliteDatabase

from server.engine.model_day import ModelDayResult
from server.engine.prices import PriceTable
from server.history.errors import BrokenRecordError, HistoryError, OtherHistoryError
from server.history.replayed_run import RunScan, replay_run, scan_run
from server.history.run_folder import RecordedRun
from server.history.run_log import logged_session
from server.jobs.outcome import day_record
from server.jobs.spec import JobSpec, ModelSpec, changed_facts
from storage import jobs, portfolios
from storage.acceptance import ExistingJob, JobRequest, NewJob, accept_job
from storage.attempts import Attempt, commit_attempt, start_attempt
from storage.chain import BEGINNING
from storage.day_record import write_each
from storage.errors import StorageError
from storage.portfolios import NewPortfolio, PortfolioRow
from storage.session_record import SessionRows

#: how often a config that says nothing tries a model-day again, so that the job's spec is that of a replay
RETRIES = 3


class RunStatus(StrEnum):
    """What became of a recorded run."""

    IMPORTED = "imported"
    UNCHANGED = "unchanged"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """What an import did with a model: `days` new trading days from `first` to `last`, of `job_id`.

    `problem` is what kept it from going on, `notes` what should be known besides.
    """

    model: str
    status: RunStatus
    job_id: str | None = None
    days: int = 0
    first: str | None = None
    last: str | None = None
    problem: str | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportRules:
    """Where runs go, and whether one that breaks is imported up to the break."""

    experiment: str
    lenient: bool = False


def import_run(
    db: SqliteDatabase, run: RecordedRun, prices: PriceTable, rules: ImportRules, now: datetime
) -> RunReport:
    """Import one model's run in one transaction, all of it or, leniently, the whole trading days before it breaks."""
    problem: BrokenRecordError | None = None
    try:
        scan = scan_run(run, prices)
        problem, dates = scan.problem, scan.dates
        while problem is None or (rules.lenient and dates):
            try:
                return _Import(db, run, prices, rules, scan, dates, now).store(problem)
            except _BreakError as broken:
                problem, dates = broken.problem, dates[: broken.days]
    except (HistoryError, StorageError) as error:
        return RunReport(model=run.model, status=RunStatus.REFUSED, problem=str(error))
    return RunReport(model=run.model, status=RunStatus.REFUSED, problem=str(problem))


class _BreakError(Exception):
    """The chain broke while it was stored, after some whole days."""

    def __init__(self, problem: BrokenRecordError, days: int) -> None:
        super().__init__(str(problem))
        self.problem = problem
        self.days = days


class _Import:
    """The import of some dates of a run as one job; `now` is the time of all its rows."""

    def __init__(
        self,
        db: SqliteDatabase,
        run: RecordedRun,
        prices: PriceTable,
        rules: ImportRules,
        scan: RunScan,
        dates: tuple[str, ...],
        now: datetime,
    ) -> None:
        self._db = db
        self._run = run
        self._prices = prices
        self._rules = rules
        self._scan = scan
        self._dates = dates
        self._now = now
        self._job_id = str(uuid.uuid4())
        self._model = ModelSpec(
            signature=run.model,
            basemodel=run.basemodel,
            parameters={},
            initial_cash=scan.initial_cash,
            costs=scan.costs,
        )
        self._before: PortfolioRow | None = None
        self._left_out: list[str] = []

    def store(self, problem: BrokenRecordError | None) -> RunReport:
        """Store it, or nothing; `problem` is what limits the dates.

        Raises:
            _BreakError: a record of these dates does not follow from the one before.
            HistoryError, StorageError: the portfolio has another history, or a job holds it.
        """
        with self._db.atomic("IMMEDIATE"):
            accepted = accept_job(self._db, self._request(), self._plan, self._now)
            if isinstance(accepted, ExistingJob):
                return self._report(RunStatus.UNCHANGED, problem, accepted.job.job_id)
            if accepted is None:
                self._go_through()
                return self._report(RunStatus.UNCHANGED, problem, None)
            jobs.start_job(self._db, self._job_id, self._now, self._prices.digest)
            self._go_through()
            jobs.end_job(self._db, self._job_id, self._now)
        return self._report(RunStatus.IMPORTED, problem, self._job_id)

    def _request(self) -> JobRequest:
        """Return what identifies the import: the same content up to the same date is the same request."""
        with self._run.positions.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        facts = [self._rules.experiment, self._model.signature, self._model.definition, content, self._dates[-1]]
        digest = hashlib.sha256(json.dumps(facts).encode()).hexdigest()
        return JobRequest(
            job_id=self._job_id,
            request_id=f"import-{digest}",
            request_digest=digest,
            config_digest=digest,
            config_path=self._run.shown(self._run.positions),
            experiment=self._rules.experiment,
            models=(self._model.signature,),
            max_concurrent_jobs=sys.maxsize,  # it takes no place of any
            first_date=self._dates[0],
        )

    def _plan(self, states: Mapping[str, PortfolioRow]) -> NewJob | None:
        """Plan the dates after the portfolio's last trading day; None when there is none."""
        self._before = states.get(self._model.signature)
        if self._before is not None and self._before.trading_days:
            self._refuse_changed(self._before)
        todo = [date for date in self._dates if date > self._last_day]
        if not todo:
            return None
        return NewJob(
            model_days=tuple((date, self._model.signature) for date in todo),
            portfolios=(self._portfolio,),
            spec=JobSpec(models=(self._model,), universe=None, max_retries=RETRIES).to_json(),
            warnings=(),
        )

    def _refuse_changed(self, row: PortfolioRow) -> None:
        changed = changed_facts(row.definition, self._model.definition)
        if changed:
            raise self._other(f"was begun with another definition ({', '.join(changed)})")
        known = [day for day in row.days if day <= self._dates[-1]]
        ours = (day for day in self._dates if self._removed_through < day <= self._last_day)
        strange = sorted(set(known).symmetric_difference(ours))
        if strange:
            raise self._other(f"has other trading days, the first of them {strange[0]}")

    @property
    def _last_day(self) -> str:
        return (self._before.last_day if self._before is not None else None) or BEGINNING

    @property
    def _removed_through(self) -> str:
        return (self._before.removed_through if self._before is not None else None) or BEGINNING

    @property
    def _portfolio(self) -> NewPortfolio:
        model = self._model
        return NewPortfolio(model=model.signature, definition=model.definition, initial_cash=model.initial_cash)

    def _go_through(self) -> None:
        """Compare the days that are there, and store those that are not."""
        known, last = self._known(), self._last_day
        for result in self._replayed():
            day = result.trading_day
            if day.date < self._removed_through:  # its rows are gone, and the last of them is compared
                continue
            if day.date in known:
                if (float(day.cash), float(day.portfolio_value)) != known[day.date]:
                    raise self._other(f"has another cash or value on {day.date}")
                continue
            self._store_day(result, last)
            last = day.date

    def _replayed(self) -> Iterator[ModelDayResult]:
        done = 0
        days = replay_run(self._run, self._scan, self._prices)
        try:
            for done, result in enumerate(islice(days, len(self._dates)), start=1):  # noqa: B007 (told when it breaks)
                yield result
        except BrokenRecordError as error:
            raise _BreakError(error, done) from None

    def _known(self) -> dict[str, tuple[float, float]]:
        """Return cash and value of the trading days there are, by date."""
        if self._before is None:
            return {}
        rows = portfolios.histories(self._db, [self._before.id], self._dates[-1])[self._before.id]
        known = {} if (last := rows.carried) is None else {last.date: (last.cash, last.portfolio_value)}
        return known | dict(zip(rows.dates, zip(rows.cash, rows.values, strict=True), strict=True))

    def _store_day(self, result: ModelDayResult, before: str) -> None:
        date = result.trading_day.date
        attempt = Attempt(
            job_id=self._job_id,
            experiment=self._rules.experiment,
            model=self._model.signature,
            date=date,
            number=1,
            builds_on=before,
            begins=None if before else self._portfolio,
        )
        start_attempt(self._db, attempt, self._now)
        commit_attempt(self._db, attempt, day_record(result, self._session(date)), 0.0, self._now, write_each)

    def _session(self, date: str) -> SessionRows | None:
        """Return what was logged on a date; leniently, a log that is malformed is left out and noted."""
        try:
            return logged_session(self._run, date)
        except BrokenRecordError as error:
            if not self._rules.lenient:
                raise
            self._left_out.append(f"a log was left out: {error}")
            return None

    def _other(self, difference: str) -> OtherHistoryError:
        return OtherHistoryError(self._rules.experiment, self._model.signature, difference)

    def _report(self, status: RunStatus, problem: BrokenRecordError | None, job_id: str | None) -> RunReport:
        new = [date for date in self._dates if date > self._last_day] if status is RunStatus.IMPORTED else []
        return RunReport(
            model=self._model.signature,
            status=status,
            job_id=job_id,
            days=len(new),
            first=min(new, default=None),
            last=max(new, default=None),
            problem=None if problem is None else f"imported up to the break: {problem}",
            notes=(*self._left_out, *self._notes()),
        )

    def _notes(self) -> Iterator[str]:
        first, last = self._dates[0], self._dates[-1]
        between = self._prices.trading_dates_between(first, last)
        passed = sorted(set(between).difference(self._dates))
        if passed:
            yield f"{len(passed)} trading date(s) without a record, the first {passed[0]}, are no trading days here"
        unused = sorted(self._run.logged_dates.difference(self._dates))
        if unused:
            yield f"{len(unused)} log(s) of dates without a record were left out, the first of {unused[0]}"
