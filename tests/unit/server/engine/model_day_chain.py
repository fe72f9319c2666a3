"""Model-days run one after the other, each from where the one before left the portfolio."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from server.engine.costs import NO_COSTS, Costs
from server.engine.model_day import ModelDayResult, ModelDaySession, ModelDayTask, Parameter, Trader, run_model_day
from server.engine.portfolio import Portfolio
from server.engine.prices import PriceTable

CASH = Decimal(10_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scripted:
    """A trader that does what a function says."""

    script: Callable[[ModelDaySession], object]

    def trade(self, session: ModelDaySession) -> None:
        """Trade one day."""
        self.script(session)


def model_day_task(
    date: str,
    *,
    cash: Decimal = CASH,
    holdings: Mapping[str, int] | None = None,
    initial_cash: Decimal = CASH,
    previous_value: Decimal | None = None,
    parameters: Mapping[str, Parameter] | None = None,
    universe: tuple[str, ...] | None = None,
    costs: Costs = NO_COSTS,
    previous_day: str | None = None,
) -> ModelDayTask:
    """Make the task of a model-day, of a new portfolio unless told otherwise."""
    return ModelDayTask(
        job_id="job",
        model="model",
        date=date,
        attempt=1,
        basemodel="test",
        parameters=parameters or {},
        portfolio=Portfolio(cash=cash, holdings=holdings or {}),
        initial_cash=initial_cash,
        previous_value=initial_cash if previous_value is None else previous_value,
        universe=universe,
        costs=costs,
        previous_day=previous_day,
    )


def run_day(
    prices: PriceTable, date: str, script: Callable[[ModelDaySession], object], **of_task: object
) -> ModelDayResult:
    """Run one model-day by script."""
    outcome = run_model_day(model_day_task(date, **of_task), prices, Scripted(script=script))  # type: ignore[arg-type]
    assert isinstance(outcome, ModelDayResult), outcome
    return outcome


def run_chain(
    trader: Trader,
    prices: PriceTable,
    dates: Iterable[str],
    *,
    cash: Decimal = CASH,
    universe: tuple[str, ...] | None = None,
) -> list[ModelDayResult]:
    """Run the model-days of `dates` from `cash`; all have to work."""
    results: list[ModelDayResult] = []
    portfolio, value = Portfolio(cash=cash, holdings={}), cash
    for date in dates:
        task = model_day_task(
            date,
            cash=portfolio.cash,
            holdings=portfolio.holdings,
            initial_cash=cash,
            previous_value=value,
            universe=universe,
        )
        outcome = run_model_day(task, prices, trader)
        assert isinstance(outcome, ModelDayResult), outcome
        results.append(outcome)
        last = outcome.positions[-1]
        portfolio, value = Portfolio(cash=last.cash, holdings=dict(last.holdings)), outcome.trading_day.portfolio_value
    return results
