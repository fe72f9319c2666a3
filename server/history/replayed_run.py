"""A recorded run done again by the engine: each record must follow from the one before at that date's open."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from server.engine.costs import Costs
from server.engine.model_day import ModelDayFailure, ModelDayResult, ModelDayTask, run_model_day
from server.engine.portfolio import Portfolio
from server.engine.prices import PriceTable
from server.history.errors import BrokenRecordError
from server.history.lines import numbered_lines
from server.history.record import RecordedDay, opening_record, recorded_days
from server.history.recorded_trader import RecordedTrader
from server.history.run_folder import RecordedRun
from server.jobs.outcome import closing_portfolio
from storage.money import from_real, to_real

#: how earlier versions, and the export, begin a line
_DATE = b'{"date": "'
_DATE_END = len(_DATE) + len("YYYY-MM-DD")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunScan:
    """What a position file holds: the dates it can be replayed on, and what keeps it from going on, if anything."""

    initial_cash: Decimal
    costs: Costs
    dates: tuple[str, ...]
    problem: BrokenRecordError | None


def scan_run(run: RecordedRun, prices: PriceTable) -> RunScan:
    """Read a position file through, without replaying it.

    Raises:
        BrokenRecordError: it does not even begin.
    """
    opening = opening_record(run)
    # written as configs and storage write it, so that the job's spec is that of a replay
    initial_cash = from_real(to_real(opening.cash))
    dates, problem = _glance(run, prices), None
    if dates is None:
        dates, problem = _look(run, prices)
    return RunScan(initial_cash=initial_cash, costs=opening.costs, dates=tuple(dates), problem=problem)


def _glance(run: RecordedRun, prices: PriceTable) -> list[str] | None:
    """Return the dates of a position file by the beginnings of its lines alone; None where these do not tell.

    Most files tell: reading each line in full takes half as long as its replay, which does it again.
    """
    counts: dict[str, int] = {}
    last = ""
    for _, line in numbered_lines(run.positions, run.shown(run.positions)):
        if not line.startswith(_DATE) or line.count(b'"date"') > 1:
            return None
        date = line[len(_DATE) : _DATE_END].decode("ascii", "replace")
        if date < last:
            return None
        counts[date] = counts.get(date, 0) + 1
        last = date
    first, known = next(iter(counts)), frozenset(prices.trading_dates)
    if first not in known and counts[first] == 1:
        del counts[first]
    return list(counts) if known.issuperset(counts) else None


def _look(run: RecordedRun, prices: PriceTable) -> tuple[list[str], BrokenRecordError | None]:
    """Return the dates of a position file up to what keeps it from going on, if anything."""
    dates: list[str] = []
    try:
        for day in _trading_days(run, prices):
            dates.append(day.date)  # noqa: PERF401 (those before the break stay)
    except BrokenRecordError as error:
        return dates, error
    return dates, None


def replay_run(run: RecordedRun, scan: RunScan, prices: PriceTable) -> Iterator[ModelDayResult]:
    """Give what each recorded day leaves, in order; memory does not grow with the file.

    Raises:
        BrokenRecordError: a record does not follow from the one before at that date's open.
    """
    portfolio, value = Portfolio(cash=scan.initial_cash, holdings={}), scan.initial_cash
    previous_day: str | None = None
    for day in _trading_days(run, prices):
        task = ModelDayTask(
            job_id="",
            model=run.model,
            date=day.date,
            attempt=1,
            basemodel=run.basemodel,
            parameters={},
            portfolio=portfolio,
            initial_cash=scan.initial_cash,
            previous_value=value,
            costs=scan.costs,
            previous_day=previous_day,
        )
        result = _replay_day(run, day, task, prices)
        yield result
        portfolio, value = closing_portfolio(result), result.trading_day.portfolio_value
        previous_day = day.date


def _replay_day(run: RecordedRun, day: RecordedDay, task: ModelDayTask, prices: PriceTable) -> ModelDayResult:
    trader = RecordedTrader(day.records)
    outcome = run_model_day(task, prices, trader)
    if trader.difference is not None:
        line, told = trader.difference
        raise BrokenRecordError(run.shown(run.positions), told, line=line)
    if isinstance(outcome, ModelDayFailure):
        raise BrokenRecordError(run.shown(run.positions), outcome.message, line=day.records[0].line)
    return outcome


def _trading_days(run: RecordedRun, prices: PriceTable) -> Iterator[RecordedDay]:
    """Give the recorded days, each on a date that can be valued; a run may begin on one that cannot."""
    known = frozenset(prices.trading_dates)
    for day in recorded_days(run):
        if day.date in known:
            yield day
        elif not day.opening_only:
            raise BrokenRecordError(
                run.shown(run.positions), f"there are no closing prices for {day.date}", line=day.records[-1].line
            )
