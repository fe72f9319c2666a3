"""A recorded run done again by the engine: each record must follow from the one before at that date's open."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from server.agents.errors import quoted
from server.agents.replay import submit
from server.engine.costs import Costs
from server.engine.model_day import ModelDayFailure, ModelDayResult, ModelDaySession, ModelDayTask, run_model_day
from server.engine.orders import Fill, Rejection
from server.engine.portfolio import Portfolio
from server.engine.prices import PriceTable
from server.history.errors import BrokenRecordError
from server.history.record import Record, RecordedDay, opening_record, recorded_days
from server.history.run_folder import RecordedRun
from server.jobs.outcome import closing_portfolio
from storage.money import from_real, to_real


class RecordedTrader:
    """Submits the orders of a recorded day and compares the portfolio after each; stops at the first `difference`."""

    def __init__(self, records: Sequence[Record]) -> None:
        self._records = records
        self.difference: tuple[int, str] | None = None

    def trade(self, session: ModelDaySession) -> None:
        """Submit them in their order; one that the recorded run refused is refused again, on record."""
        for record in self._records:
            outcome = None if record.order is None else submit(session, record.order)
            told = _difference(record, outcome, session)
            if told is not None:
                self.difference = record.line, told
                return


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
    dates: list[str] = []
    problem: BrokenRecordError | None = None
    try:
        for day in _trading_days(run, prices):
            dates.append(day.date)  # noqa: PERF401 (those before the break stay)
    except BrokenRecordError as error:
        problem = error
    return RunScan(initial_cash=initial_cash, costs=opening.costs, dates=tuple(dates), problem=problem)


def replay_run(run: RecordedRun, scan: RunScan, prices: PriceTable) -> Iterator[ModelDayResult]:
    """Give what each recorded day leaves, in order; memory does not grow with the file.

    Raises:
        BrokenRecordError: a record does not follow from the one before at that date's open.
    """
    portfolio, value = Portfolio(cash=scan.initial_cash, holdings={}), scan.initial_cash
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
        )
        result = _replay_day(run, day, task, prices)
        yield result
        portfolio, value = closing_portfolio(result), result.trading_day.portfolio_value


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


def _difference(record: Record, outcome: Fill | Rejection | None, session: ModelDaySession) -> str | None:
    """Return how the portfolio differs from the recorded one; None when it does not."""
    if isinstance(outcome, Fill) and record.price not in (None, outcome.price):
        return f"'price' was {record.price}, and {outcome.symbol} fills at {outcome.price} on {record.date}"
    held = session.holdings
    if session.cash == record.cash and held == record.holdings:
        return None
    return f"{_state(record, session.cash, held)} after {_told(record, outcome)}"


def _state(record: Record, cash: Decimal, held: Mapping[str, int]) -> str:
    if record.cash != cash:
        return f"cash was {record.cash}, and by the rules it is {cash} (a difference of {record.cash - cash})"
    symbol = min(one for one in {*held, *record.holdings} if held.get(one) != record.holdings.get(one))
    return f"shares of {quoted(symbol)} were {record.holdings.get(symbol, 0)}, and by the rules {held.get(symbol, 0)}"


def _told(record: Record, outcome: Fill | Rejection | None) -> str:
    if record.order is None:
        return "no trade"
    order = f"{record.order.action} {record.order.amount} {quoted(record.order.symbol)}"
    if isinstance(outcome, Fill):
        return f"{order} at {outcome.price}"
    return f"{order}, which is refused: {outcome.message}" if outcome is not None else order
